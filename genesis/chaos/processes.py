"""Processes that are kept running: started in sessions of their own, started again when they end, all gone at the end."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

MARK = "CHAOS_RUN"
_POLL_SECONDS = 0.02
_PAUSE_SECONDS = 0.3  # before something that ended by itself is started again
_GRACE_SECONDS = 15.0  # between SIGTERM and SIGKILL at the end


@dataclass(slots=True)
class Role:
    """One process that there always is.

    Attributes:
        name: for its log and for people.
        command: returns its command line; asked at every start.
        env: variables of its own.
        starts: how often it was started.
        by_itself: exit codes of the times that it ended without having been asked to.
    """

    name: str
    command: Callable[[], Sequence[str]]
    env: Mapping[str, str]
    process: subprocess.Popen[bytes] | None = None
    starts: int = 0
    by_itself: list[int] = field(default_factory=list)
    asked: bool = False
    pause: float = _PAUSE_SECONDS
    start_at: float | None = None

    @property
    def running(self) -> bool:
        """Whether it is there now."""
        return self.process is not None and self.process.poll() is None


class Keeper:
    """Keeps processes running. Thread-safe.

    Args:
        folder: where their logs lie.
        env: of all of them.
    """

    def __init__(self, folder: Path, env: Mapping[str, str]) -> None:
        self._folder = folder
        self.mark = uuid.uuid4().hex
        self._env = {**os.environ, **env, MARK: self.mark}
        self._lock = threading.RLock()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="keeper of processes", daemon=True)
        self.roles: dict[str, Role] = {}

    def add(self, name: str, command: Callable[[], Sequence[str]], env: Mapping[str, str] | None = None) -> None:
        """Start a process."""
        with self._lock:
            role = self.roles[name] = Role(name, command, env or {})
            self._launch(role)
        if not self._thread.is_alive():
            self._thread.start()

    def end(self, name: str, number: signal.Signals, pause: float) -> int:
        """Send a signal that ends a process; it is started again `pause` seconds after it has ended.

        Returns:
            How often it had been started, for `wait_for_start`.
        """
        with self._lock:
            role = self.roles[name]
            role.asked, role.pause = True, pause
            if role.running and role.process is not None:
                role.process.send_signal(number)
            return role.starts

    def expect_end(self, name: str, pause: float) -> int:
        """Note that a process is about to end for a reason that we have made; as `end`."""
        with self._lock:
            role = self.roles[name]
            role.asked, role.pause = True, pause
            return role.starts

    def wait_for_start(self, name: str, starts: int, seconds: float = 30.0) -> bool:
        """Wait until a process has been started once more than `starts` times."""
        deadline = time.monotonic() + seconds
        while self.roles[name].starts <= starts:
            if self._ending.is_set() or time.monotonic() > deadline:
                return False
            time.sleep(_POLL_SECONDS)
        return True

    def pid(self, name: str) -> int | None:
        """Return a process's id; None while it is not there."""
        with self._lock:
            role = self.roles[name]
            return role.process.pid if role.running and role.process is not None else None

    def stop(self, *names: str) -> None:
        """Ask processes to end for good, all at once, and wait until they have."""
        with self._lock:
            roles = [role for name in names if (role := self.roles.pop(name, None)) is not None]
        started = [role.process for role in roles if role.process is not None]
        for process in started:
            process.send_signal(signal.SIGCONT)
            process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + _GRACE_SECONDS
        for process in started:
            try:
                process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def close(self) -> None:
        """End whatever is left, and whatever it has left behind."""
        self._ending.set()
        if self._thread.is_alive():
            self._thread.join()
        self.stop(*self.roles)
        deadline = time.monotonic() + _GRACE_SECONDS
        while (left := marked(self.mark)) and time.monotonic() < deadline:
            for pid in left:
                signal_quietly(pid, signal.SIGKILL)
            time.sleep(_POLL_SECONDS)

    def _watch(self) -> None:
        while not self._ending.wait(_POLL_SECONDS):
            with self._lock:
                for role in self.roles.values():
                    self._look(role)

    def _look(self, role: Role) -> None:
        if role.running:
            return
        now = time.monotonic()
        if role.start_at is None:
            if not role.asked and role.process is not None:
                role.by_itself.append(role.process.returncode)
            role.start_at = now + role.pause
        if now >= role.start_at:
            self._launch(role)

    def _launch(self, role: Role) -> None:
        role.start_at, role.asked, role.pause = None, False, _PAUSE_SECONDS
        with (self._folder / f"{role.name}.log").open("ab") as log:
            role.process = subprocess.Popen(  # noqa: S603 - our own programs
                role.command(), cwd=self._folder, env={**self._env, **role.env}, start_new_session=True,
                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                restore_signals=False,  # SIGXFSZ stays ignored: a file limit is then an error like a full disk
            )  # fmt: skip
        role.starts += 1


def children(pid: int) -> list[int]:
    """Return the ids of a process's children, oldest first."""
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()]
    except OSError:
        return []


def marked(mark: str) -> list[int]:
    """Return the ids of all processes with this mark in their environment, other than this one."""
    wanted, found = f"{MARK}={mark}".encode(), []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if wanted in (folder / "environ").read_bytes() and int(folder.name) != os.getpid():
                found.append(int(folder.name))
    return found


def signal_quietly(pid: int, number: signal.Signals) -> None:
    """Send a signal to a process that may be gone."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
