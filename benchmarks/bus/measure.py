"""One contestant with a server, a publisher and workers of its own: how many events per second, and how soon one is begun."""

from __future__ import annotations

import contextlib
import json
import mmap
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.bus.contestants import Contestant
from benchmarks.bus.environments import ROOT, programs
from benchmarks.peers import notes
from benchmarks.pipeline.processes import cpu_seconds
from benchmarks.reports import percentile
from genesis.embedded.redis import RedisServer
from genesis.errors import GenesisError

if TYPE_CHECKING:
    from typing_extensions import Self

_PLACES = np.dtype([("sent", "<f8"), ("first", "<f8"), ("begun", "<u4"), ("ended", "<u4")])
_POLL = 0.01  # seconds
_PATIENCE = 60.0  # seconds without any progress
_LIMIT = 10_000_000
DISK = ROOT / "build"


class FailedError(GenesisError):
    """A contestant did not do what is measured."""


@dataclass(frozen=True)
class Phase:
    """Some events at a rate.

    Attributes:
        rate: per second.
        count: how many.
        told: False warms up.
    """

    rate: float
    count: int
    told: bool = True


@dataclass(frozen=True)
class Speed:
    """What was measured.

    Attributes:
        rate: events per second, from the first handler's begin to the last one's.
        cpu: microseconds of CPU per event, of all processes but Redis and the publisher.
        latencies: by rate, seconds from publishing to the handler's begin.
    """

    rate: float
    cpu: float
    latencies: dict[float, list[float]]


@dataclass
class Stage:
    """Servers, notes and processes for one contestant; all are gone when it is left.

    Attributes:
        contestant: who it is for.
        events: that are published in all.
        fsync: one server that writes and flushes everything, instead of one that writes nothing.
        work: seconds that a handler works.
    """

    contestant: Contestant
    events: int
    fsync: bool = False
    work: float = 0.0
    servers: list[RedisServer] = field(default_factory=list)
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)
    bridge: subprocess.Popen[bytes] | None = None
    folder: Path = field(init=False)
    places: np.ndarray = field(init=False)
    _map: mmap.mmap = field(init=False)
    _temporary: tempfile.TemporaryDirectory[str] | None = None

    def __enter__(self) -> Self:
        """Start the servers."""
        on_disk = self.fsync or self.contestant.ledger  # /tmp may be in memory
        self._temporary = tempfile.TemporaryDirectory(
            prefix="genesis-bus-", dir=_made(DISK) if on_disk else None, ignore_cleanup_errors=True
        )
        self.folder = Path(self._temporary.name)
        notes.make(self.folder / "notes", self.events)
        self._map = notes.opened(self.folder / "notes")
        self.places = np.frombuffer(self._map, _PLACES)
        roles = ["ledger"] if self.fsync else ["cache", "ledger"] if self.contestant.ledger else ["cache"]
        self.servers = [RedisServer(role, self.folder / role, maxmemory_mb=0).start() for role in roles]
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """End everything at once."""
        self.kill_workers()
        if self.bridge is not None:
            _kill(self.bridge)
        for server in self.servers:
            server.stop()
        if self._temporary is not None:
            self._temporary.cleanup()

    @property
    def environment(self) -> dict[str, str]:
        """Variables of all processes."""
        others = {name: value for name, value in os.environ.items() if not name.startswith(("GENESIS_", "BENCHMARK_"))}
        volatile, ledger = self.servers[0], self.servers[-1]
        ours = {
            "GENESIS_HANDLERS": json.dumps(["benchmarks.peers.genesis_events"]),
            "GENESIS_REDIS__URL": ledger.url(0),
            "GENESIS_FRAME_CACHE__URL": volatile.url(2),
            "GENESIS_CELERY__BROKER_URL": volatile.broker_url(1),
            "GENESIS_DATA_DIR": str(self.folder / "data"),
            "GENESIS_STORAGE__DSN": "none",
            "GENESIS_RECOGNITION__ENGINE": "none",
            "GENESIS_EVENT_DRIVEN__BACKPRESSURE__MAX_PENDING": str(_LIMIT),
            "GENESIS_EVENT_DRIVEN__BACKPRESSURE__BLOCK_THRESHOLD": str(_LIMIT),
        }
        return {
            **others,
            "PYTHONPATH": str(ROOT),
            "PATH": os.pathsep.join([str(programs(self.contestant.environment)), os.environ.get("PATH", os.defpath)]),
            notes.NOTES: str(self.folder / "notes"),
            notes.URL: volatile.url(0),
            notes.BROKER: volatile.broker_url(0),
            **({notes.WORK: str(self.work)} if self.work else {}),
            **(ours if self.contestant.ours else {}),
            **self.contestant.variables,
        }

    def publish(self, *phases: tuple[int, int, float]) -> subprocess.Popen[bytes]:
        """Begin to publish: for each phase the first number, how many, and how many per second (0: as fast as it goes)."""
        words = [str(word) for phase in phases for word in phase]
        return self._start("publisher", "python", "-m", "benchmarks.peers.publish", self.contestant.module, *words)

    def publish_all(self, count: int) -> None:
        """Publish the first events, and wait until that is done.

        Raises:
            FailedError: it failed.
        """
        if self.publish((0, count, 0)).wait(timeout=300):
            raise FailedError(self._told("publisher"))

    def start(self, workers: int) -> None:
        """Start the workers, and the bridge if it is Genesis."""
        if self.contestant.ours and self.bridge is None:
            self.start_bridge()
        for number, command in enumerate(self.contestant.workers(workers)):
            words = [word.replace("{url}", self.servers[0].url(0)) for word in command]
            self.workers.append(self._start(f"worker-{number}", *words, variables={notes.WORKER: str(number)}))

    def start_bridge(self, **variables: str) -> subprocess.Popen[bytes]:
        """Start a bridge, with some variables of its own."""
        self.bridge = self._start("bridge", "python", "-m", "genesis.bridge", "--quiet", variables=variables)
        return self.bridge

    def kill_workers(self) -> None:
        """Kill the workers with all their children, without a warning."""
        for process in self.workers:
            _kill(process)
        self.workers.clear()

    def cpu(self) -> float:
        """Return the CPU seconds of workers and bridge by now."""
        return cpu_seconds(*(process.pid for process in (*self.workers, self.bridge) if process is not None))

    def begun(self, first: int, count: int) -> int:
        """Return how many of some events were begun."""
        return int(np.count_nonzero(self.places["begun"][first : first + count]))

    def ended(self) -> int:
        """Return how many events were handled to their end."""
        return int(np.count_nonzero(self.places["ended"]))

    def wait(self, first: int, count: int) -> float:
        """Wait until some events were begun; return the CPU seconds that were used from the time when the first of them was.

        Raises:
            FailedError: for a minute none was.
        """
        before, changed, cpu = 0, time.monotonic(), None
        while (now := self.begun(first, count)) < count:
            if now != before:
                cpu = self.cpu() if cpu is None else cpu
                before, changed = now, time.monotonic()
            ended = [process for process in (*self.workers, self.bridge) if process is not None and process.poll() is not None]
            if ended or time.monotonic() - changed > _PATIENCE:
                logs = [self._told(name) for name in ("worker-0", *(["bridge"] if self.bridge else []))]
                raise FailedError("\n".join([f"{self.contestant.name}: {now} of {count} events were handled", *logs]))
            time.sleep(_POLL)
        return self.cpu() - (cpu or 0.0)

    def _start(self, name: str, *command: str, variables: dict[str, str] | None = None) -> subprocess.Popen[bytes]:
        environment = {**self.environment, **(variables or {})}
        program = programs(self.contestant.environment) / command[0]
        with (self.folder / f"{name}.log").open("ab") as log:
            return subprocess.Popen(  # noqa: S603 - ours
                [str(program), *command[1:]], cwd=self.folder, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip

    def _told(self, name: str) -> str:
        lines = (self.folder / f"{name}.log").read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n".join([f"{self.contestant.name}, {name}:", *lines[-8:]])


def measure(contestant: Contestant, workers: int, events: int, phases: Sequence[Phase] = (), *, fsync: bool = False) -> Speed:
    """Measure a contestant: events that lie there before its workers start, then some at given rates.

    Raises:
        FailedError: it stood still.
    """
    with Stage(contestant, events + sum(phase.count for phase in phases), fsync) as stage:
        stage.publish_all(events)
        stage.start(workers)
        cpu = stage.wait(0, events)
        begun = stage.places["first"][:events].copy()
        latencies: dict[float, list[float]] = {}
        wanted, first = [], events
        for phase in phases:
            wanted.append((first, phase.count, phase.rate))
            first += phase.count
        publisher = stage.publish(*wanted) if wanted else None
        for phase, (number, count, rate) in zip(phases, wanted, strict=True):
            stage.wait(number, count)
            if phase.told:
                some = stage.places[number : number + count]
                latencies.setdefault(rate, []).extend((some["first"] - some["sent"]).tolist())
        if publisher is not None:
            publisher.wait(timeout=60)
        return Speed((events - 1) / float(begun.max() - begun.min()), cpu / events * 1e6, latencies)


def of(latencies: Sequence[float]) -> tuple[float, float]:
    """Return p50 and p99 in milliseconds."""
    return percentile(latencies, 0.5) * 1000, percentile(latencies, 0.99) * 1000


def _made(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    return folder


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Kill a process and all that it has started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
