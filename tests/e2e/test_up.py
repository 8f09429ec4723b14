"""`genesis up`: everything on one machine, stopped and started again without a loss."""

from __future__ import annotations

import json
import re
import signal
import sys
from pathlib import Path

import pytest
import redis

from genesis.connections import connect
from tests.processes import cli, program, wait_until

UP = [sys.executable, "-m", "genesis", "up", "--source", "sample", "--camera", "hall", "--fps", "2", "--detectors", "1"]


def settled(url: str, group: str = "detection-workers") -> int:
    try:
        return int(connect(url).hget("genesis:counts", f"genesis:frames|{group}|settled") or 0)
    except redis.ConnectionError:
        return 0


def test_it_stops_in_order_loses_nothing_and_goes_on_where_it_was(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log, url = home / "up.log", f"unix://{home}/data/redis/ledger/ledger.sock"
    said = lambda text: text in log.read_text()  # noqa: E731

    with program(UP, log, stop=signal.SIGINT) as first:
        wait_until(lambda: said("camera 'hall': started"), f"capture has started; see {log}")
        wait_until(lambda: settled(url) >= 4, f"frames are settled; see {log}")
        monkeypatch.setenv("GENESIS_REDIS__URL", url)
        monkeypatch.setenv("GENESIS_FRAME_CACHE__URL", f"unix://{home}/data/redis/cache/cache.sock")
        status = cli("status", "--json")
        second = cli("up", "--source", "sample")
        first.send_signal(signal.SIGINT)
        assert first.wait(60) == 0

    text = log.read_text()
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
