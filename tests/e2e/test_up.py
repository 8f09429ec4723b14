"""`genesis up`: everything on one machine, stopped and started again without a loss."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import sys
import uuid
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import cv2
import numpy as np
import pytest
import redis

from genesis.connections import connect
from tests.processes import cli, end_at_once, program, wait_until

UP = [sys.executable, "-m", "genesis", "up", "--source", "sample", "--camera", "hall", "--fps", "2", "--detectors", "1"]


def settled(url: str, group: str = "detection-workers") -> int:
    try:
        return int(connect(url).hget("genesis:counts", f"genesis:frames|{group}|settled") or 0)
    except redis.ConnectionError:
        return 0


def where(name: str, log: Path) -> str:
    """Return the address that was said to be that of a page."""
    return re.findall(rf"{name}: (http://[^\s;]+)", log.read_text())[-1]


def page(address: str) -> str:
    """Return a page; nothing if nobody answers."""
    try:
        with urlopen(address, timeout=10) as answer:  # noqa: S310 - our own
            return answer.read().decode()
    except URLError:
        return ""


def role(file: Path) -> str:
    return json.loads(file.read_text())[0]["labels"]["role"]


def test_it_stops_in_order_loses_nothing_and_goes_on_where_it_was(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log, url = home / "up.log", f"unix://{home}/data/redis/ledger/ledger.sock"
    said = lambda text: text in log.read_text()  # noqa: E731
    told = home / "data" / "run" / "targets"

    with program([*UP, "--flower"], log, stop=signal.SIGINT) as first:
        wait_until(lambda: said("camera 'hall': started"), f"capture has started; see {log}")
        wait_until(lambda: settled(url) >= 4, f"frames are settled; see {log}")
        metrics, flower = (where(name, log) for name in ("metrics", "Flower"))
        wait_until(lambda: "Flower" in page(flower), f"Flower answers where it is said to be; see {log}")
        figures, health, roles = page(metrics), cli("health"), sorted(role(file) for file in told.glob("*.json"))
        monkeypatch.setenv("GENESIS_REDIS__URL", url)
        monkeypatch.setenv("GENESIS_FRAME_CACHE__URL", f"unix://{home}/data/redis/cache/cache.sock")
        status = cli("status", "--json")
        second = cli("up", "--source", "sample")
        first.send_signal(signal.SIGINT)
        assert first.wait(60) == 0

    text = log.read_text()
    assert 'genesis_stream_length{stream="frames"}' in figures
    assert (health.returncode, roles) == (0, ["bridge", "capture", "exporter", "worker", "worker"]), health.stdout + health.stderr
    assert (page(metrics), page(flower), list(told.glob("*.json"))) == ("", "", [])
    cameras = {camera["camera"]: camera for camera in json.loads(status.stdout)["cameras"]}
    assert cameras["hall"]["state"] == "live"
    assert second.returncode == 2
    assert "a redis-server serves this folder already" in second.stderr
    marks = ("camera 'hall': ended", "all that was published is done", "ended after dispatching", "worker: Warm shutdown", " stopped\n")
    order = [text.rindex(mark) for mark in marks]
    assert order == sorted(order), text
    assert not re.search(r"Traceback|ERROR", text), text
    before = int(re.findall(r"(\d+) frames published", text)[-1])

    with program(UP, log, stop=signal.SIGINT):
        wait_until(lambda: settled(url) > before, f"it goes on; see {log}")
        ledger = connect(url)
        assert ledger.xlen("genesis:frames") > before
        assert ledger.xlen("genesis:frames:dlq") == 0
        end_at_once()


@pytest.fixture
def clip(home: Path) -> Path:
    """Return a video whose frames are so small that the detector that is always there is quick."""
    writer = cv2.VideoWriter(str(home / "clip.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 10, (96, 160))
    for number in range(40):
        writer.write(np.full((160, 96, 3), 5 * number, np.uint8))
    writer.release()
    return home / "clip.avi"


def test_a_server_of_it_may_be_killed_and_so_may_it_itself_and_the_next_one_goes_on(
    home: Path, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MARK_OF_THIS_TEST", mark := uuid.uuid4().hex)
    argv = [*UP[:4], "--source", str(clip), "--camera", "hall", "--fps", "5", "--detectors", "1"]
    log, again, url = home / "up.log", home / "again.log", f"unix://{home}/data/redis/ledger/ledger.sock"

    with program(argv, log, stop=signal.SIGKILL):
        wait_until(lambda: settled(url) >= 3, f"frames are settled; see {log}")
        before = settled(url)
        os.kill(connect(url).info("server")["process_id"], signal.SIGKILL)
        wait_until(lambda: settled(url) > before, f"the ledger is back, and it goes on; see {log}", 15)
    with program(argv, again, stop=signal.SIGKILL):
        wait_until(lambda: "camera 'hall': started" in again.read_text(), f"the next one has started; see {again}")
        before = settled(url)
        wait_until(lambda: settled(url) > before, f"it goes on; see {again}")
        bridges = [command for command in marked(mark) if "genesis.bridge" in command]
    wait_until(lambda: not marked(mark), "nothing is left", 15)

    said = log.read_text()
    assert "ledger Redis was killed by SIGKILL" in said
    assert "camera 'hall': ended (stopped)" in said.split("programs and servers are being ended")[1]
    assert len(bridges) == 1
    assert before >= 4  # it is the same ledger
    assert not list((home / "data").rglob("*.sock"))
    assert not re.search("Traceback", said + again.read_text())


def marked(mark: str) -> list[str]:
    """Return the commands of every process that a test has marked."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if f"MARK_OF_THIS_TEST={mark}".encode() in (folder / "environ").read_bytes() and int(folder.name) != os.getpid():
                found.append((folder / "cmdline").read_bytes().replace(b"\0", b" ").decode())
    return found


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["up"], "no camera"),
        (["up", "--source", "no-such.mp4"], "no-such.mp4"),
        (["up", "--source", "sample", "--cache-url", "redis://127.0.0.1:1"], "--cache-url needs --redis-url"),
        (["run", "--source", "no-such.mp4"], "no-such.mp4"),
        (["compare"], "dual mode has recorded nothing yet"),
        (["compare", "no-such.mp4"], "no-such.mp4"),
        (["nonsense"], "no command 'nonsense'"),
    ],
    ids=" ".join,
)
def test_a_wrong_use_is_one_clear_line(home: Path, arguments: list[str], message: str) -> None:
    ended = cli(*arguments, cwd=home)

    assert ended.returncode == 2
    assert message in ended.stderr
    assert "Traceback" not in ended.stderr
