"""Run several programs in the foreground with one prefixed log, restart those that die, stop them in order.

Starting a program and printing its lines is honcho's; what honcho has no notion of, and is here, is a
program that may end by itself, one that is started again, and an order of stopping.
"""

from __future__ import annotations

import contextlib
import os
import queue
import shlex
import signal
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import cycle
from typing import IO, Any, Literal

from honcho.printer import Message, Printer
from honcho.process import Process

from genesis.bus.patience import backoff
from genesis.embedded.lines import JsonPrinter

NAME_WIDTH = 18
Keep = Literal["always", "on failure", "never"]

COLOURS = ("36", "33", "32", "35", "34", "31")
FIRST_RESTART, LONGEST_RESTART = 1.0, 30.0  # seconds
WRONG_USE = 2  # exit code
HEALTHY_SECONDS = 60.0  # a program that ran this long starts anew with the shortest wait


@dataclass(frozen=True)
class Program:
    """One program.

    Attributes:
        name: prefix of its lines.
        argv: program and arguments.
        keep: start it again when it ends by itself: `always`, `on failure` (exit code 0 means that it is done) or `never`.
            Exit code 2 is final, since a wrong use stays wrong; but not for a program that has run well before: the disk may be full, say.
        grace: seconds that it is given after SIGTERM before it is killed.
    """

    name: str
    argv: Sequence[str]
    keep: Keep = "always"
    grace: float = 15.0


@dataclass
class _Run:
    program: Program
    colour: str
    pid: int | None = None
    code: int | None = None
    asked: bool = False
    failures: int = 0
    proven: bool = False
    started: float = 0.0
    restart_at: float | None = None


@dataclass
class Supervisor:
    """Runs programs; not thread-safe.

    Attributes:
        output: where their lines go.
        env: environment of every program.
        clock: monotonic seconds.
        watch: called with each program's name and line.
        started: called with the pid of every process that is started, and the seconds that it is given to end.
        chores: done at the end of every `poll`.
        json: whether each line is a JSON object, without a prefix.
    """

    output: IO[str]
    env: Mapping[str, str]
    clock: Callable[[], float] = time.monotonic
    watch: Callable[[str, str], None] = lambda _name, _line: None
    started: Callable[..., None] = lambda _pid, grace: None  # noqa: ARG005 - the name is the interface
    chores: list[Callable[[], None]] = field(default_factory=list)
    json: bool = False
    _runs: dict[str, _Run] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Prepare the log."""
        self._events: queue.Queue[Message] = queue.Queue()
        # Programs tell the time themselves.
        self._printer = JsonPrinter(self.output) if self.json else Printer(self.output, time_format="", width=NAME_WIDTH)
        self._colours = cycle(COLOURS)

    def start(self, program: Program) -> None:
        """Start a program."""
        self._printer.width = max(self._printer.width, len(program.name))
        run = self._runs[program.name] = _Run(program, next(self._colours))
        self._launch(run)

    def say(self, text: str) -> None:
        """Write a line of our own into the log."""
        now = datetime.now().astimezone()
        self._write(Message(type="line", data=text if self.json else f"{now:%H:%M:%S} {text}", time=now, name="genesis", colour=None))

    def poll(self, seconds: float = 0.1) -> None:
        """Print what came in the next `seconds`, and start again what is due."""
        deadline = self.clock() + seconds
        while True:
            try:
                message = self._events.get(timeout=max(0.0, deadline - self.clock()))
            except queue.Empty:
                break
            self._take(message)
            if self.clock() >= deadline:
                break
        now = self.clock()
        for run in self._runs.values():
            if run.restart_at is not None and now >= run.restart_at:
                self._launch(run)
        for chore in self.chores:
            chore()

    def running(self, name: str) -> bool:
        """Tell whether a program runs, or will be started again."""
        run = self._runs.get(name)
        return run is not None and (run.code is None or run.restart_at is not None)

    def code(self, name: str) -> int | None:
        """Return a program's exit code; None while it runs. Negative: the signal that ended it."""
        return self._runs[name].code

    def stop(self, names: Sequence[str] | None = None, *, at_once: bool = False) -> None:
        """Ask programs to end, wait for them, and kill those that don't.

        Args:
            names: of the programs; None means all.
            at_once: kill them without asking: they have nothing to finish.
        """
        chosen = [run for name, run in self._runs.items() if names is None or name in names]
        begun = self.clock()
        for run in chosen:
            run.asked, run.restart_at = True, None
            self._signal(run, signal.SIGTERM)
            if at_once and run.pid is not None and run.code is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(run.pid, signal.SIGKILL)
        while waiting := [run for run in chosen if run.code is None]:
            for run in waiting:
                if run.pid is not None and self.clock() - begun > run.program.grace:
                    self.say(f"{run.program.name} did not end within {run.program.grace:g} s: killed")
                    with contextlib.suppress(ProcessLookupError):
                        os.killpg(run.pid, signal.SIGKILL)
            self.poll(0.1)

    def _launch(self, run: _Run) -> None:
        run.restart_at = run.code = run.pid = None
        run.started = self.clock()
        # honcho runs the command in a shell, in a session of its own: `exec` makes the shell become the program.
        process = Process(f"exec {shlex.join(run.program.argv)}", name=run.program.name, colour=run.colour, env=dict(self.env))
        threading.Thread(target=process.run, args=(self._events,), daemon=True, name=run.program.name).start()
        while not self._known(run):
            self._take(self._events.get(timeout=10))

    def _write(self, message: Message) -> None:
        # Whoever read the log may be gone (`| head`, a closed terminal): the programs must be stopped in order all the same.
        with contextlib.suppress(OSError):
            self._printer.write(message)

    @staticmethod
    def _known(run: _Run) -> bool:
        return run.pid is not None or run.code is not None

    def _take(self, message: Any) -> None:
        run = self._runs[message.name]
        if message.type == "line":
            self._write(message)
            self.watch(message.name, message.data.decode("utf-8", "replace").rstrip())
        elif message.type == "start":
            run.pid = message.data["pid"]
            self.started(run.pid, grace=run.program.grace)
        elif message.type == "stop":
            run.code = message.data["returncode"]
            self._ended(run)

    def _ended(self, run: _Run) -> None:
        if run.asked or run.program.keep == "never" or (run.program.keep == "on failure" and run.code == 0):
            return
        healthy = self.clock() - run.started > HEALTHY_SECONDS
        run.proven = run.proven or healthy
        if run.code == WRONG_USE and not run.proven:
            self.say(f"{run.program.name} ended with exit code {WRONG_USE}: it is not started again")
            return
        run.failures = 1 if healthy else run.failures + 1
        wait = LONGEST_RESTART if run.code == WRONG_USE else backoff(run.failures, FIRST_RESTART, LONGEST_RESTART)
        run.restart_at = self.clock() + wait
        self.say(f"{run.program.name} ended ({_told(run.code)}); it is started again in {wait:.1f} s")

    @staticmethod
    def _signal(run: _Run, number: signal.Signals) -> None:
        if run.code is None and run.pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(run.pid, number)


def _told(code: int | None) -> str:
    if code is not None and code < 0:
        return f"killed by {signal.Signals(-code).name}"
    return f"exit code {code}"
