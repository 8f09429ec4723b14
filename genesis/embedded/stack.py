"""All of Genesis' programs on one machine: a bridge, workers, captures, the exporter and Flower."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import IO

import redis
from kombu.exceptions import OperationalError

from genesis.bus.broker import broker_url, transport_options
from genesis.connections import connect
from genesis.embedded.lines import complaint_in
from genesis.embedded.supervisor import WRONG_USE, Keep, Program, Supervisor
from genesis.embedded.watchdog import PROGRAMS, Watchdog
from genesis.errors import UsageError
from genesis.settings import Settings
from genesis.subscriptions import Registry

DETECTION, RECOGNITION, NOTIFICATIONS = "detection", "recognition", "notifications"
NOTIFIERS = 2  # children that call the world outside: one that waits for an answer is not to keep the other from its alert
MOST_DETECTORS = 4  # children that are started without being asked for: each holds a model
READY_SECONDS = 120.0  # a model may take long to load on a small machine


@dataclass
class Stack:
    """The programs of an installation.

    Attributes:
        settings: in force (with the servers' URLs).
        registry: the subscriptions.
        env: variables for every program.
        output: where their lines go.
        detectors: worker children for detection.
        log_level: of the workers.
        recognisers: worker children for recognition; 0: nobody is recognised.
        flower_port: where Flower listens; 0: there is none.
        watchdog: ends the programs should this process be killed.
        exporter_port: where the exporter listens; 0: there is none.
    """

    settings: Settings
    registry: Registry
    env: dict[str, str]
    output: IO[str]
    detectors: int
    log_level: str = "INFO"
    recognisers: int = 0
    flower_port: int = 0
    watchdog: Watchdog | None = None
    exporter_port: int = 0

    def __post_init__(self) -> None:
        """Prepare the supervisor."""
        warnings = "ignore:You're running the worker with superuser"  # a container's root, most often
        env = {**os.environ, "PYTHONUNBUFFERED": "1", "PYTHONWARNINGS": warnings, **self.env}
        self.supervisor = Supervisor(self.output, env, json=self.settings.log.format == "json")
        self.supervisor.watch = self._note
        if self.watchdog is not None:
            self.supervisor.started = partial(self.watchdog.watch, stage=PROGRAMS)
        self.captures: list[str] = []
        self.workers: list[str] = []
        self._complaints: dict[str, str] = {}

    def start(self) -> None:
        """Start bridge, workers and exporter."""
        self.supervisor.start(Program("bridge", [sys.executable, "-m", "genesis.bridge"]))
        # What takes long has workers of its own: the rest is not to wait for it. Where nobody is told of alerts that queue is
        # served all the same, so that its group has no backlog.
        notifiers = NOTIFIERS if self.settings.alerts.notifiers else 0
        children = {DETECTION: self.detectors, RECOGNITION: self.recognisers, NOTIFICATIONS: notifiers}
        for queue, count in children.items():
            if count:
                self._start_worker(queue, queue, count)
        self._start_worker("others", ",".join(name for name in self.registry.queues if not children.get(name)), 1)
        if self.exporter_port:
            # Nobody's work needs it: should it end (its port was taken a moment ago, say), the others go on.
            argv = [sys.executable, "-m", "genesis.monitoring", "--port", str(self.exporter_port)]
            self.supervisor.start(Program("exporter", argv, grace=5))

    def start_flower(self) -> None:
        """Start Flower, if it is to run: after the workers, which it asks at its start what they do."""
        if self.flower_port:
            argv = [sys.executable, "-m", "celery", "-q", "-A", "genesis", "flower", f"--port={self.flower_port}"]
            self.supervisor.start(Program("flower", argv, grace=5))

    def _start_worker(self, name: str, queues: str, children: int) -> None:
        argv = [
            sys.executable, "-m", "celery", "-q", "-A", "genesis", "worker", "-l", self.log_level, "--without-gossip", "--without-mingle",
            "-Q", queues, "-c", str(children), "-n", f"{name}@%h", *(["-E"] if self.flower_port else []),
        ]  # fmt: skip
        self.workers.append(f"worker-{name}")
        self.supervisor.start(Program(self.workers[-1], argv, grace=self.settings.celery.shutdown_seconds + 5))

    def capture(self, arguments: Sequence[str], *, keep: Keep) -> None:
        """Start a capture process."""
        name = f"capture-{len(self.captures) + 1}" if self.captures else "capture"
        argv = [sys.executable, "-m", "genesis.capture", "--mode", "event", *arguments]
        self.supervisor.start(Program(name, argv, keep=keep))
        self.captures.append(name)

    def wait_until_ready(self, seconds: float, stopped: Callable[[], bool] = lambda: False) -> bool:
        """Wait until every worker child has loaded its models; return False if that took too long, or `stopped` says so.

        Raises:
            UsageError: a program has ended because settings or weights can't be used.
        """
        deadline = self.supervisor.clock() + seconds
        while not self._ready():
            self.supervisor.poll(0.1)
            self._refuse_misused()
            if stopped() or self.supervisor.clock() > deadline:
                return False
        return True

    def _refuse_misused(self) -> None:
        for name in ("bridge", *self.workers):
            if self.supervisor.code(name) == WRONG_USE:
                raise UsageError(self._complaints.get(name, f"{name} ended with exit code {WRONG_USE}"))

    def _note(self, name: str, line: str) -> None:
        if complaint := complaint_in(line):
            self._complaints[name] = complaint

    def _ready(self) -> bool:
        from celery import Celery  # noqa: PLC0415 - --help stays quick

        # An application of our own: the global one belongs to the settings with which this process began.
        app = Celery(broker=broker_url(self.settings), set_as_current=False)
        app.conf.broker_transport_options = transport_options(self.settings)
        try:
            answered = app.control.broadcast("ready", reply=True, timeout=0.5, limit=len(self.workers)) or ()
        except (redis.RedisError, OperationalError, OSError):
            return False  # the broker is away; the workers wait for it, too
        finally:
            app.close()
        answers = [told for answer in answered for told in answer.values()]
        return len(answers) >= len(self.workers) and all(told.get("ready", 0) >= told.get("children", 1) for told in answers)

    def stop_captures(self) -> None:
        """Stop publishing."""
        self.supervisor.stop(self.captures)

    def stop(self, *, at_once: bool = False) -> None:
        """Stop in the order of the way of an event: captures, bridge, workers; what tells of them last.

        Args:
            at_once: kill them all instead: everything is settled, and nothing is to go on from here.
        """
        if at_once:
            self.supervisor.stop(at_once=True)
            return
        self.supervisor.stop(self.captures)
        self.supervisor.stop(["bridge"])
        self.supervisor.stop(self.workers)
        self.supervisor.stop()


def default_detectors() -> int:
    """Return how many detection children this machine is given: one a core, but no more than four."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(cores, MOST_DETECTORS))


def erase_prefix(url: str, prefix: str) -> int:
    """Remove every key of a prefix from a server; return how many there were."""
    client = connect(url)
    count = 0
    for key in client.scan_iter(match=f"{prefix}:*", count=500):
        count += int(client.unlink(key))
    client.close()
    return count
