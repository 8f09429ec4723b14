"""The parts run by hand, one by one, and what a user sees with redis-cli."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from genesis.cache import FrameCache
from genesis.connections import connect
from genesis.settings import Settings
from tests.processes import bridge_argv, cli, end_at_once, program, python, wait_until, worker_argv

OTHERS = "ingestion,analytics,recognition,storage,alerts,notifications,metrics,sessions"


@pytest.fixture
def configured(settings: Settings, home: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Return settings that lead every program to the test's servers."""
    monkeypatch.setenv("GENESIS_DATA_DIR", str(settings.data_dir))
    monkeypatch.setenv("GENESIS_EVENT_DRIVEN__ENABLED", "true")
    del home
    return settings


def backlog() -> int:
    groups = [group for stream in json.loads(cli("status", "--json").stdout)["streams"] for group in stream["groups"]]
    return sum(group["pending"] + group["lag"] for group in groups)


def test_cameras_become_events_tasks_and_more_events(configured: Settings, tmp_path: Path) -> None:
    assert "13 groups created" in cli("init").stdout
    assert "0 groups created, 13 were there" in cli("init").stdout

    captured = python("-m", "genesis.capture", "--source", "sample", "--camera", "door", "--fps", "0", "--max-frames", "10", "--json")
    published = json.loads(captured.stdout)
    size = FrameCache(configured.frame_cache).get_cache_size()
    with (
        program(bridge_argv(), tmp_path / "bridge.log"),
        program(worker_argv("detection"), tmp_path / "detection.log"),
        program(worker_argv(OTHERS), tmp_path / "others.log"),
    ):
        wait_until(lambda: backlog() == 0, f"all is settled; see {tmp_path}")
        end_at_once()

    ledger = connect(configured.redis.url)
    assert published["frames"] == 10
    assert size > 1_000_000
    assert FrameCache(configured.frame_cache).get_cache_size() == 0
    assert (ledger.xlen("genesis:frames"), ledger.xlen("genesis:persons")) == (10, 11)  # the end of the session is one more
    assert ledger.hget("genesis:camera:door", "state") == b"ended"
    assert ledger.hlen("genesis:references") == 0
    assert "loaded hog" in (tmp_path / "detection.log").read_text()
    assert "door" in cli("status").stdout


@pytest.mark.skipif(not shutil.which("redis-cli"), reason="redis-cli is not installed")
def test_the_streams_read_well_in_redis_cli(configured: Settings) -> None:
    python("-m", "genesis.capture", "--source", "sample", "--camera", "door", "--fps", "0", "--max-frames", "3")

    def redis_cli(*command: str) -> str:
        socket = configured.redis.url.removeprefix("unix://").partition("?")[0]
        return subprocess.run(["redis-cli", "-s", socket, *command], capture_output=True, text=True, check=True).stdout

    read = redis_cli("XREAD", "COUNT", "10", "STREAMS", "genesis:frames", "0")
    assert read.count("genesis.frame.captured") == 3
    assert "/cameras/door" in read
    assert redis_cli("XPENDING", "genesis:frames", "detection-workers").split()[0] == "0"
    assert redis_cli("XLEN", "genesis:frames:dlq").strip() == "0"
    assert "detection-workers" in redis_cli("XINFO", "GROUPS", "genesis:frames")


def test_sync_mode_needs_no_redis_and_shows_what_it_found(home: Path) -> None:
    env = {"GENESIS_REDIS__URL": "redis://127.0.0.1:1/0", "GENESIS_FRAME_CACHE__URL": "redis://127.0.0.1:1/0"}
    found, drawn = home / "events.jsonl", home / "drawn.webm"
    arguments = ("--source", "sample", "--camera", "door", "--fps", "0", "--max-frames", "12", "--events", str(found), "--draw", str(drawn))

    ended = python("-m", "genesis.capture", *arguments, env=env)

    assert ended.returncode == 0, ended.stderr
    events = [json.loads(line) for line in found.read_text().splitlines()]
    persons = [json.loads(event["data"]) for event in events if event["type"] == "genesis.person.detected"]
    assert persons.pop()["last"]
    assert len(persons) == 12
    assert ended.stdout.count("door frame ") == 12
    assert f"frame 0: {len(persons[0]['persons'])} person" in ended.stdout
    assert drawn.stat().st_size > 1000


def test_dual_mode_is_compared_afterwards(configured: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GENESIS_FRAME_CACHE__CODEC", "bgr")  # HOG sees every bit
    python("-m", "genesis.capture", "--mode", "dual", "--source", "sample", "--camera", "door", "--fps", "0", "--max-frames", "5")
    with (
        program(bridge_argv(), tmp_path / "bridge.log"),
        program(worker_argv(f"detection,{OTHERS}"), tmp_path / "worker.log"),
    ):
        wait_until(lambda: backlog() == 0, f"all is settled; see {tmp_path}")
        end_at_once()

    compared = cli("compare", "--json", "--at-least", "1")

    assert compared.returncode == 0, compared.stdout + compared.stderr
    result = json.loads(compared.stdout)
    assert (result["frames"], result["only_first"], result["only_second"]) == (5, 0, 0)
    assert result["identical"] == 5
    assert result["persons_first"] > 0


def test_flower_answers(configured: Settings, tmp_path: Path) -> None:
    import socket
    from urllib.error import URLError
    from urllib.request import urlopen

    pytest.importorskip("flower", reason="flower is not installed")
    del configured
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]

    def answer() -> int:
        try:
            with urlopen(f"http://127.0.0.1:{port}/") as page:
                return int(page.status)
        except URLError:
            return 0

    argv = [sys.executable, "-m", "celery", "-q", "-A", "genesis", "flower", "--address=127.0.0.1", f"--port={port}"]
    with program(argv, tmp_path / "flower.log"):
        assert wait_until(answer, f"flower answers; see {tmp_path}") == 200
