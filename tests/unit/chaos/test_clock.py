"""A clock that is moved moves everything that asks for the time of day, and nothing that waits."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from genesis.chaos.clock import VARIABLE, make_clock, set_clock

PROGRAM = """
import time
from datetime import datetime, timezone
from genesis.chaos.clock import install
true = time.time()
install()
times = time.time(), time.time_ns() / 1e9, datetime.now(timezone.utc).timestamp()
print(*(round(at - true) for at in times), type(datetime.now()) is datetime)
begun = time.monotonic()
time.sleep(0.01)
print(time.monotonic() - begun < 60)
"""


def told(clock: Path | None) -> list[str]:
    env = {} if clock is None else {VARIABLE: str(clock)}
    return subprocess.run([sys.executable, "-c", PROGRAM], env=env, capture_output=True, text=True, check=True, timeout=60).stdout.split()


def test_a_clock_is_moved_by_an_hour(tmp_path: Path) -> None:
    clock = tmp_path / "clock"
    make_clock(clock)
    set_clock(clock, -3600)

    assert told(clock) == ["-3600", "-3600", "-3600", "True", "True"]


def test_no_clock_is_moved_unless_that_is_asked_for() -> None:
    assert told(None) == ["0", "0", "0", "True", "True"]
