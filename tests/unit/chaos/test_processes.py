"""The processes of the system under test are started again when they end, and none is left at the end."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from genesis.chaos.processes import Keeper, children, marked
from tests.processes import wait_until

SLEEPER = [sys.executable, "-c", "import time; time.sleep(60)"]
PARENT = [sys.executable, "-c", "import subprocess, sys; subprocess.Popen(['sleep', '60']); sys.stdin.read(); import time; time.sleep(60)"]


@pytest.fixture
def keeper(tmp_path: Path) -> Iterator[Keeper]:
    made = Keeper(tmp_path, {})
    yield made
    made.close()
    assert marked(made.mark) == []


def test_what_was_killed_is_started_again_and_did_not_end_by_itself(keeper: Keeper) -> None:
    keeper.add("sleeper", lambda: SLEEPER)
    first = keeper.pid("sleeper")

    starts = keeper.end("sleeper", signal.SIGKILL, pause=0.05)

    assert keeper.wait_for_start("sleeper", starts)
    assert keeper.pid("sleeper") not in {None, first}
    assert keeper.roles["sleeper"].by_itself == []


def test_what_ended_by_itself_is_started_again_and_told_of(keeper: Keeper) -> None:
    keeper.add("quitter", lambda: [sys.executable, "-c", "raise SystemExit(7)"])

    assert keeper.wait_for_start("quitter", 1)
    assert keeper.roles["quitter"].by_itself[0] == 7


def test_what_a_process_leaves_behind_is_ended_too(keeper: Keeper) -> None:
    keeper.add("parent", lambda: PARENT)
    pid = keeper.pid("parent")
    assert pid is not None
    (child,) = wait_until(lambda: children(pid), "it has a child")

    assert sorted(marked(keeper.mark)) == sorted([pid, child])
    keeper.close()

    assert marked(keeper.mark) == []
