"""End what a killed `genesis up` leaves behind, in the order in which it would have ended it itself.

A process of its own holds the other end of a pipe. When the pipe closes and something still runs, the one that
started it was killed: programs get SIGTERM, then, once they are gone or out of time, the servers that they need.
What does not end is killed. Meanwhile what they say is read in the dead one's place: a program that nobody
listens to may stumble over that in the midst of ending.

This file is also the program, run by its path with the standard library alone, so that it is small and at once there.
It needs Linux 5.3 (a process is held by a descriptor, so a number that somebody else got is never signalled).
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

PROGRAMS, SERVERS = 0, 1
"""Stages: a later one is ended when the ones before it are gone."""

_POLL_SECONDS = 0.05
_AFTER_KILL_SECONDS = 5.0
_ENDING = b"ending\n"
_READ_BYTES = 65536
_IGNORED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE)


class Watchdog:
    """The side of the one who starts programs.

    Args:
        lock: a file that says whether an earlier watchdog is still at work; None for a folder that nobody else uses.
    """

    def __init__(self, lock: Path | None = None) -> None:
        command = [sys.executable, "-I", "-S", os.fspath(Path(__file__)), *([os.fspath(lock)] if lock else [])]
        # In a session of its own, so that neither Ctrl-C nor a killed process group reaches it.
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)  # noqa: S603 - this file

    def watch(self, pid: int, *, stage: int, grace: float, number: int = signal.SIGTERM, users: Path | None = None) -> None:
        """Have a process, the leader of its group, ended if this one is killed.

        Args:
            pid: the process.
            stage: `PROGRAMS` or `SERVERS`.
            grace: seconds between asking and SIGKILL.
            number: the signal that asks it to end.
            users: a file that its users have a shared lock on: it is left to them if there are others.
        """
        assert self._process.stdin is not None  # noqa: S101 - for the type checker
        with contextlib.suppress(OSError):  # somebody ended it: everything goes on, unwatched
            name = os.fsencode(users).hex().encode() if users else b"-"
            self._process.stdin.write(b"%d %f %d %d %s\n" % (stage, grace, pid, number, name))
            self._process.stdin.flush()

    def close(self) -> None:
        """Let it go; what still runs is ended first."""
        assert self._process.stdin is not None  # noqa: S101 - for the type checker
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        self._process.wait()


def wait_for_the_last(lock: Path, seconds: float, told: Callable[[], None]) -> None:
    """Wait while a watchdog ends what an earlier, killed owner has left.

    One whose owner lives is not waited for: whoever starts a second time meets the servers that serve.

    Args:
        lock: its file.
        seconds: at most.
        told: called once, if there is something to wait for.
    """
    deadline, met = time.monotonic() + seconds, False
    while _ends_what_was_left(lock) and time.monotonic() < deadline:
        if not met:
            told()
        met = True
        time.sleep(_POLL_SECONDS)


def _ends_what_was_left(lock: Path) -> bool:
    try:
        with lock.open("rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return file.read() == _ENDING
    except OSError:
        pass
    return False


@dataclass(slots=True)
class _Charge:
    stage: int
    grace: float
    pid: int
    handle: int
    number: int = signal.SIGTERM
    users: bytes = b""
    output: int | None = field(default=None)

    def gone(self) -> bool:
        return bool(select.select([self.handle], [], [], 0)[0])

    def ask(self) -> None:
        with contextlib.suppress(OSError):
            self.output = os.open(f"/proc/{self.pid}/fd/1", os.O_RDONLY | os.O_NONBLOCK)
            if not stat.S_ISFIFO(os.fstat(self.output).st_mode):
                self.output = None
        with contextlib.suppress(OSError):
            signal.pidfd_send_signal(self.handle, self.number)

    def used(self) -> bool:
        """Tell whether somebody else uses it; if not, nobody will until we are done."""
        if not self.users:
            return False
        try:
            fcntl.flock(os.open(self.users, os.O_RDONLY | os.O_CLOEXEC), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            return isinstance(error, BlockingIOError)
        return False

    def kill(self) -> None:
        with contextlib.suppress(OSError):
            os.killpg(self.pid, signal.SIGKILL)

    def pass_on(self) -> None:
        if self.output is None:
            return
        with contextlib.suppress(OSError):
            os.write(1, os.read(self.output, _READ_BYTES))


def _end(charges: list[_Charge]) -> None:
    for stage in sorted({charge.stage for charge in charges}):
        left = [charge for charge in charges if charge.stage == stage and not charge.used()]
        for charge in left:
            charge.ask()
        begun = time.monotonic()
        while left:
            waited = time.monotonic() - begun
            for charge in left:
                charge.pass_on()
                if waited > charge.grace:
                    charge.kill()
            left = [charge for charge in left if not charge.gone() and waited < charge.grace + _AFTER_KILL_SECONDS]
            time.sleep(_POLL_SECONDS)
    for charge in charges:
        charge.pass_on()


def _main(arguments: list[str]) -> None:
    for number in _IGNORED:
        signal.signal(number, signal.SIG_IGN)
    lock = None
    if arguments:
        lock = os.open(arguments[0], os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with contextlib.suppress(OSError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    charges: list[_Charge] = []
    for line in sys.stdin:
        stage, grace, pid, asks, users = line.split()
        with contextlib.suppress(OSError):  # gone already, or a system that has no such descriptors
            handle = os.pidfd_open(int(pid))
            charges.append(_Charge(int(stage), float(grace), int(pid), handle, int(asks), bytes.fromhex(users.strip("-"))))
        for charge in [charge for charge in charges if charge.gone()]:
            os.close(charge.handle)
            charges.remove(charge)
    charges = [charge for charge in charges if not charge.gone()]
    if charges:
        if lock is not None:
            os.write(lock, _ENDING)
        with contextlib.suppress(OSError):
            os.write(1, b"genesis was killed: its %d programs and servers are being ended\n" % len(charges))
        _end(charges)


if __name__ == "__main__":
    _main(sys.argv[1:])
