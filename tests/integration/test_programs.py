"""Every program shows its metrics and how it is, and its health check turns bad when it hangs, not only when it is gone."""

from __future__ import annotations

import contextlib
import os
import random
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml
from click.testing import CliRunner, Result

from genesis.bus.programs import Program, programs
from genesis.cli import main
from genesis.connections import connect
from genesis.embedded.redis import RedisServer
from genesis.events import Keys
from genesis.settings import CONFIG_VARIABLE, Settings, current, load
from genesis.telemetry import catalogue
from genesis.telemetry.children import FOLDER
from genesis.telemetry.targets import Target, targets
from tests.processes import bridge_argv, end_at_once, program, wait_until, worker_argv

QUEUES = "detection,ingestion,analytics,recognition,storage,alerts,notifications,metrics,sessions"
ONLY_WITH_FACES = {catalogue.SEARCH_SECONDS.name}
WINDOW = 1.0  # seconds: soon all kinds of events have been handled


@dataclass
class Site:
    """A running installation."""

    settings: Settings
    file: Path
    folder: Path
    clip: Path
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def target(self, role: str) -> Target:
        return next(target for target in targets(self.settings.data_dir) if target.role == role)

    def metrics(self, role: str) -> str:
        with urllib.request.urlopen(f"http://{self.target(role).address}/metrics", timeout=10) as answer:
            return answer.read().decode()

    def runs(self) -> float:
        """Return how many runs the worker's children have counted together."""
        return sum(float(line.rpartition(" ")[2]) for line in self.metrics("worker").splitlines() if line.startswith("genesis_runs_total{"))

    def children(self) -> list[int]:
        pid = self.processes["worker"].pid
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

    def start(self, role: str, stack: contextlib.ExitStack) -> None:
        python = [sys.executable, "-m"]
        argv = {
            "bridge": bridge_argv(),
            "worker": worker_argv(QUEUES, children=2),
            "exporter": [*python, "genesis.monitoring"],
            "capture": [*python, "genesis.capture", "--source", str(self.clip), "--camera", "door", "--loop", "--mode", "event"],
        }
        env = {CONFIG_VARIABLE: str(self.file)}
        self.processes[role] = stack.enter_context(program(argv[role], self.folder / f"{role}.log", env))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, ledger_server: RedisServer, volatile_server: RedisServer) -> Iterator[Site]:
    """Run one program of each role, on footage without end."""
    for server in (ledger_server, volatile_server):
        server.start()
        connect(server.url()).flushall()
    folder = tmp_path_factory.mktemp("programs")
    port = random.randint(20_000, 32_000)
    values = {
        "redis": {"url": ledger_server.url()},
        "frame_cache": {"url": volatile_server.url()},
        # Children are replaced all the time.
        "celery": {"broker_url": volatile_server.broker_url(1), "max_tasks_per_child": 40},
        "detection": {"detector": "hog"},
        "recognition": {"engine": "none"},
        "storage": {"dsn": "none"},
        "metrics": {"window_seconds": WINDOW},
        "monitoring": {"port": port, "program_ports": f"{port + 1}-{port + 40}"},
        "data_dir": str(folder / "data"),
    }
    file, clip = folder / "settings.yaml", folder / "clip.avi"
    file.write_text(yaml.safe_dump(values), encoding="utf-8")
    writer = cv2.VideoWriter(str(clip), cv2.VideoWriter.fourcc(*"MJPG"), 10.0, (160, 160))
    for number in range(20):
        writer.write(np.full((160, 160, 3), number * 5, np.uint8))
    writer.release()
    made = Site(load(file), file, folder, clip)
    with contextlib.ExitStack() as stack:
        for role in ("exporter", "bridge", "worker", "capture"):
            made.start(role, stack)
        wait_until(lambda: {target.role for target in targets(made.settings.data_dir)} == set(made.processes), "all programs serve")
        wait_until(lambda: 'group="metrics-workers"' in made.metrics("worker"), "all kinds of events have been handled")
        yield made
        end_at_once()


@pytest.fixture(autouse=True)
def _settings_of_site(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CONFIG_VARIABLE, str(site.file))
    current.cache_clear()


def health(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["health", *arguments])


@contextlib.contextmanager
def stopped(pid: int) -> Iterator[None]:
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


@pytest.mark.parametrize("role", ["bridge", "exporter"])
def test_a_program_that_looks_at_no_frame_has_no_library_for_pictures_while_it_works(site: Site, role: str) -> None:
    files = {Path(line.split()[-1]).parts for line in Path(f"/proc/{site.processes[role].pid}/maps").read_text().splitlines()}

    assert not {"numpy", "cv2", "torch"} & {part for parts in files for part in parts}
    assert any("hiredis" in part for parts in files for part in parts)


@pytest.mark.parametrize("role", ["bridge", "capture", "worker"])
def test_every_program_tells_what_the_catalogue_says_of_it(site: Site, role: str) -> None:
    expected = {metric.name for metric in catalogue.METRICS if role in metric.told_by} - ONLY_WITH_FACES

    text = site.metrics(role)

    told = {name for name in expected if re.search(rf"^{name}(_count)?[ {{]", text, re.MULTILINE)}
    assert told == expected
    assert "process_resident_memory_bytes" in text
    assert "python_info{" in text


def test_the_exporter_tells_of_itself_too(site: Site) -> None:
    text = site.metrics("exporter")

    assert "genesis_healthy 1.0" in text
    assert "genesis_build_info{" in text
    assert "genesis_up 1.0" in text


def test_all_give_signs_of_life(site: Site) -> None:
    client = connect(site.settings.redis.url)

    def known() -> dict[str, Program]:
        return {found.role: found for found in programs(client, Keys(site.settings.redis.prefix))}

    found = wait_until(lambda: known() if known().keys() == site.processes.keys() else None, "all are known")

    assert {role: row.pid for role, row in found.items()} == {role: process.pid for role, process in site.processes.items()}
    assert {role: row.port for role, row in found.items()} == {
        role: int(site.target(role).address.rpartition(":")[2]) for role in site.processes
    }
    assert (found["capture"].cameras, found["worker"].queues) == (("door",), tuple(QUEUES.split(",")))
    assert {row.ailing for row in found.values()} == {()}
    assert found["exporter"].port == site.settings.monitoring.port


def test_programs_that_go_on_are_healthy(site: Site) -> None:
    result = health()

    assert result.exit_code == 0, result.stdout
    assert len(result.stdout.splitlines()) == 4


@pytest.mark.parametrize("role", ["bridge", "capture", "worker", "exporter"])
def test_a_program_that_is_stopped_is_not_healthy_until_it_goes_on(site: Site, role: str) -> None:
    with stopped(site.processes[role].pid):
        bad, others = health("--timeout", "0.5"), health("--role", "bridge" if role != "bridge" else "capture")
    good = health()

    assert (bad.exit_code, others.exit_code, good.exit_code) == (1, 0, 0)
    assert f"{site.target(role).program}: hangs" in bad.stdout
    assert bad.stdout.count("healthy") == 3


def test_a_child_that_is_stopped_makes_its_worker_unhealthy_until_it_goes_on(site: Site) -> None:
    child = wait_until(lambda: stopped_child(site), "a child is stopped, and not just ending")

    try:
        bad = wait_until(lambda: (result := health("--role", "worker")).exit_code and result, "it is seen", 20)
    finally:
        os.kill(child, signal.SIGCONT)
    wait_until(lambda: not health("--role", "worker").exit_code, "it is well again")

    assert re.search(rf"does not go on: child \d \(pid {child}\)", bad.stdout)


def stopped_child(site: Site) -> int | None:
    """Stop one of the worker's children; return its pid, or None if it was on its way out."""
    for child in site.children():
        with contextlib.suppress(OSError):
            os.kill(child, signal.SIGSTOP)
            time.sleep(0.05)
            if Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()[0] == "T":
                return child
    return None


def test_what_the_children_count_never_falls_though_they_are_replaced_and_killed(site: Site) -> None:
    before = set(site.children())
    told = [site.runs()]

    def replaced() -> bool:
        told.append(site.runs())
        return told[-1] > told[0] + 100 and not before & set(site.children())

    with contextlib.suppress(ProcessLookupError):
        os.kill(site.children()[0], signal.SIGKILL)
    wait_until(replaced, "all children have been replaced, and others counted")

    files = sorted(path.name for path in (site.settings.data_dir / FOLDER).glob("worker-1/*"))
    assert told == sorted(told)
    assert files == ["counter_0.db", "counter_1.db", "histogram_0.db", "histogram_1.db"]


def test_a_capture_without_redis_is_healthy_too(site: Site, tmp_path: Path) -> None:
    env = {
        CONFIG_VARIABLE: str(site.file),
        "GENESIS_REDIS__URL": "redis://127.0.0.1:1/0",
        "GENESIS_FRAME_CACHE__URL": "redis://127.0.0.1:1/0",
        "GENESIS_DATA_DIR": str(tmp_path),
    }
    argv = [sys.executable, "-m", "genesis.capture", "--source", str(site.clip), "--camera", "yard", "--loop", "--mode", "sync"]

    with program(argv, tmp_path / "log", env):
        (target,) = wait_until(lambda: targets(tmp_path), "it serves")
        text = wait_until(lambda: (told := _text(target)) and 'genesis_capture_frames_total{camera="yard"} ' in told and told, "it counts")
    log = (tmp_path / "log").read_text()

    assert 'genesis_capture_dropped_frames_total{camera="yard",reason="corrupt"} 0.0' in text
    assert "signs of life" not in log
    assert targets(tmp_path) == []


def test_a_worker_without_children_counts_by_itself(site: Site, tmp_path: Path) -> None:
    argv = [*worker_argv("ingestion"), "-P", "solo"]

    with program(argv, tmp_path / "log", {CONFIG_VARIABLE: str(site.file), "GENESIS_DATA_DIR": str(tmp_path)}):
        (target,) = wait_until(lambda: targets(tmp_path), "it serves")
        text = wait_until(lambda: "genesis_runs_total{" in (told := _text(target)) and told, "it counts")

    assert 'group="frame-workers"' in text
    assert "process_resident_memory_bytes" in text
    assert "genesis_worker_children" not in text


def _text(target: Target) -> str:
    with urllib.request.urlopen(f"http://{target.address}/metrics", timeout=10) as answer:
        return answer.read().decode()


def test_a_program_that_is_killed_is_missed_and_found_again_in_its_place(site: Site) -> None:
    before = site.target("bridge")
    site.processes["bridge"].kill()
    site.processes["bridge"].wait()
    gone = health("--role", "bridge")

    with contextlib.ExitStack() as stack:
        site.start("bridge", stack)
        wait_until(lambda: not health("--role", "bridge").exit_code, "it is back")
        after = site.target("bridge")
    ended = [target.role for target in targets(site.settings.data_dir)]

    assert f"remove {before.file}" in gone.stdout
    assert gone.exit_code == 1
    assert after == before
    assert "bridge" not in ended
