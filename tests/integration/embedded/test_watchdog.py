"""What a killed program has started is ended in order, and its successor waits for that."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from genesis.embedded.watchdog import Watchdog, wait_for_the_last
from tests.processes import ROOT, wait_until

# Starts what it is told to, all of it watched: `name stage grace deaf|polite`, and says each one's name and pid.
OWNER = """
import subprocess, sys, time
from pathlib import Path
from genesis.embedded.watchdog import Watchdog

CHILD = '''
import signal, sys, time
name, manner, folder = sys.argv[1:]
def end(*_):
    sys.stdout.write(name + " ends" + chr(10))  # in one piece, also where PYTHONUNBUFFERED is set
    sys.stdout.flush()
    time.sleep(0.1)
    open(f"{folder}/ended", "a").write(name + " ")
    sys.exit()
signal.signal(signal.SIGTERM, signal.SIG_IGN if manner == "deaf" else end)
print(name, "runs", flush=True)
time.sleep(600)
'''
folder, *children = sys.argv[1:]
watchdog = Watchdog(Path(folder, "lock"))
for child in children:
    name, stage, grace, manner = child.split()
    process = subprocess.Popen([sys.executable, "-c", CHILD, name, manner, folder], start_new_session=True, stdout=subprocess.PIPE)
    process.stdout.readline()
    watchdog.watch(process.pid, stage=int(stage), grace=float(grace))
    print(process.pid, flush=True)
print("ready", flush=True)
time.sleep(600)
"""

Own = Callable[..., tuple["subprocess.Popen[str]", list[int]]]


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Own]:
    """Return a function that starts an owner with children, and returns it and their pids."""
    owners = []

    def begin(*children: str) -> tuple[subprocess.Popen[str], list[int]]:
        command = [sys.executable, "-c", OWNER, str(tmp_path), *children]
        owner = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT, start_new_session=True)
        owners.append(owner)
        pids = []
        while (line := owner.stdout.readline().strip()) != "ready":
            pids.append(int(line))
        return owner, pids

    yield begin
    for owner in owners:
        owner.kill()
        owner.communicate()


def gone(pid: int) -> bool:
    try:
        return "Z" in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return True


def test_programs_are_ended_first_and_the_servers_that_they_need_last(own: Own, tmp_path: Path) -> None:
    process, pids = own("server 1 9 polite", "one 0 9 polite", "two 0 9 polite")

    process.kill()
    wait_until(lambda: all(map(gone, pids)), "all are gone", 10)
    said = process.communicate(timeout=10)[0]

    assert sorted((tmp_path / "ended").read_text().split()[:2]) == ["one", "two"]
    assert (tmp_path / "ended").read_text().split()[2] == "server"
    assert "genesis was killed: its 3 programs and servers are being ended" in said
    assert {"one ends", "two ends"} <= set(said.splitlines())  # they were listened to until the end


def test_a_program_that_does_not_end_is_killed_with_its_group(own: Own, tmp_path: Path) -> None:
    process, pids = own("deaf 0 0.3 deaf", "server 1 9 polite")

    os.killpg(process.pid, signal.SIGKILL)
    wait_until(lambda: all(map(gone, pids)), "all are gone", 10)
    process.communicate(timeout=10)

    assert (tmp_path / "ended").read_text() == "server "


def test_a_successor_waits_until_what_was_left_is_gone(own: Own, tmp_path: Path) -> None:
    process, pids = own("deaf 0 0.5 deaf")
    told: list[bool] = []
    wait_until((tmp_path / "lock").exists, "the watchdog is there")
    begun = time.monotonic()

    wait_for_the_last(tmp_path / "lock", 10, lambda: told.append(True))
    owner_lives = time.monotonic() - begun
    process.kill()
    wait_until((tmp_path / "lock").read_bytes, "what is left is being ended")
    wait_for_the_last(tmp_path / "lock", 10, lambda: told.append(True))

    assert owner_lives < 0.2
    assert told == [True]
    assert gone(pids[0])
    process.communicate(timeout=10)


def test_an_owner_that_has_ended_everything_leaves_no_watchdog(tmp_path: Path) -> None:
    watchdog = Watchdog(tmp_path / "lock")
    child = subprocess.Popen(["sleep", "600"], start_new_session=True)
    watchdog.watch(child.pid, stage=0, grace=5)
    child.kill()
    child.wait()

    watchdog.close()

    assert gone(watchdog._process.pid)
    assert (tmp_path / "lock").read_bytes() == b""


def test_without_a_watchdog_everything_goes_on() -> None:
    watchdog = Watchdog()
    watchdog._process.kill()
    watchdog._process.wait()

    watchdog.watch(1, stage=0, grace=5)
    watchdog.close()
