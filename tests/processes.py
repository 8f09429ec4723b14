"""Start the programs of Genesis as processes, as a user does, and wait for what they do."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
PATIENCE = 90.0  # seconds; only ever reached by a failure


def wait_until(condition: Callable[[], Any], what: str, seconds: float = PATIENCE) -> Any:
    """Return the first true answer of a condition.

    Raises:
        AssertionError: there was none in time; it names `what` was waited for.
    """
    deadline = time.monotonic() + seconds
    while not (answer := condition()):
        assert time.monotonic() < deadline, f"not within {seconds:g} s: {what}"
        time.sleep(0.02)
    return answer


_running: list[subprocess.Popen[bytes]] = []


def end_at_once() -> None:
    """Kill all programs that run here, where how they end is not what is tested: an orderly end takes seconds."""
    for process in _running:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)


@contextmanager
def program(
    argv: Sequence[str], log: Path, env: dict[str, str] | None = None, stop: signal.Signals = signal.SIGTERM
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program in a process group of its own; afterwards it is asked to end, and killed if it does not."""
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    with log.open("wb") as output:
        process = subprocess.Popen(
            argv, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
            env={**os.environ, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1", **(env or {})},
        )  # fmt: skip
        _running.append(process)
        try:
            yield process
        finally:
            _running.remove(process)
            if process.poll() is None:
                process.send_signal(stop)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def bridge_argv() -> list[str]:
    """Return the command line of a bridge."""
    return [sys.executable, "-m", "genesis.bridge"]


def worker_argv(queues: str, children: int = 1, level: str = "INFO") -> list[str]:
    """Return the command line of a worker."""
    name = f"{queues.split(',', maxsplit=1)[0]}@%h"
    return [sys.executable, "-m", "celery", "-A", "genesis", "worker", "-Q", queues, "-c", str(children), "-l", level, "-n", name]


def cli(
    *arguments: str, env: dict[str, str] | None = None, timeout: float = 300, cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a `genesis` command to its end."""
    return python("-m", "genesis", *arguments, env=env, timeout=timeout, cwd=cwd)


def python(
    *arguments: str, env: dict[str, str] | None = None, timeout: float = 300, cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run Python to its end."""
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    return subprocess.run(
        [sys.executable, *arguments], cwd=cwd or ROOT, env={**os.environ, "PYTHONPATH": path, **(env or {})},
        capture_output=True, text=True, timeout=timeout, check=False,
    )  # fmt: skip
