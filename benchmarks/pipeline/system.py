"""A whole installation for one measurement: two Redis servers and the programs, as `genesis up` starts them, on unix sockets."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import yaml

from benchmarks.pipeline.processes import children_of, cpu_seconds
from genesis.connections import connect
from genesis.embedded.redis import RedisServer
from genesis.errors import GenesisError
from genesis.settings import CONFIG_VARIABLE, Settings, load

if TYPE_CHECKING:
    import redis
    from typing_extensions import Self

ROOT = Path(__file__).parents[2]
READY_SECONDS = 120.0
_POLL_SECONDS = 0.01
_LAST_LINES = 5


class MeasurementError(GenesisError):
    """A program did not do what is to be measured; the message has its last lines."""


@dataclass
class Program:
    """One program that runs.

    Attributes:
        role: what it does here.
        process: its process, in a session of its own.
        log: where its output goes.
    """

    role: str
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def pid(self) -> int:
        """Its process."""
        return self.process.pid

    def last_words(self) -> str:
        """Return the end of its output."""
        return "\n".join(self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-_LAST_LINES:])

    def kill(self) -> None:
        """End it and all that it has started, at once."""
        if self.process.poll() is None:
            os.killpg(self.pid, signal.SIGKILL)
        self.process.wait()


@dataclass
class System:
    """Servers, settings and programs of one measurement; everything is gone when it is left.

    Attributes:
        chosen: settings beside those of the servers, by section.
        needs_servers: whether Redis is started.
    """

    chosen: Mapping[str, Any]
    needs_servers: bool = True
    programs: dict[str, Program] = field(default_factory=dict)
    servers: list[RedisServer] = field(default_factory=list)
    settings: Settings = field(init=False)
    folder: Path = field(init=False)
    _temporary: tempfile.TemporaryDirectory[str] | None = None
    _clients: dict[str, redis.Redis] = field(default_factory=dict)

    def __enter__(self) -> Self:
        """Start the servers, and write the settings."""
        self._temporary = tempfile.TemporaryDirectory(prefix="genesis-pipeline-", ignore_cleanup_errors=True)
        self.folder = Path(self._temporary.name)
        values: dict[str, Any] = {"recognition": {"engine": "none"}, "storage": {"dsn": "none"}, "data_dir": str(self.folder / "data")}
        if self.needs_servers:
            self.servers = [RedisServer(role, self.folder / role).start() for role in ("ledger", "cache")]
            ledger, cache = self.servers
            values |= {
                "redis": {"url": ledger.url()}, "frame_cache": {"url": cache.url()}, "celery": {"broker_url": cache.broker_url(1)},
            }  # fmt: skip
        for section, fields in self.chosen.items():
            values[section] = {**values.get(section, {}), **fields} if isinstance(fields, Mapping) else fields
        file = self.folder / "settings.yaml"
        file.write_text(yaml.safe_dump(values), encoding="utf-8")
        self.settings = load(file)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """End everything at once."""
        for program in self.programs.values():
            program.kill()
        for client in self._clients.values():
            client.close()
        for server in self.servers:
            server.stop()
        if self._temporary is not None:
            self._temporary.cleanup()

    @property
    def environment(self) -> dict[str, str]:
        """Variables of every program."""
        others = {name: value for name, value in os.environ.items() if not name.startswith("GENESIS_")}
        path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
        return {**others, CONFIG_VARIABLE: str(self.folder / "settings.yaml"), "PYTHONPATH": path, "PYTHONUNBUFFERED": "1"}

    @property
    def ledger(self) -> redis.Redis:
        """A connection to the ledger."""
        if "ledger" not in self._clients:
            self._clients["ledger"] = connect(self.settings.redis.url)
        return self._clients["ledger"]

    def start(self, role: str, *arguments: str) -> Program:
        """Start a Python program."""
        log = self.folder / f"{role}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(  # noqa: S603 - ours
                [sys.executable, *arguments], cwd=ROOT, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
                start_new_session=True, env=self.environment,
            )  # fmt: skip
        self.programs[role] = Program(role, process, log)
        return self.programs[role]

    def start_bridge(self) -> None:
        """Start a bridge, and wait until it serves."""
        bridge = self.start("bridge", "-m", "genesis.bridge")
        self.wait(lambda: b" serves " in bridge.log.read_bytes(), "the bridge to serve", bridge)

    def start_workers(self, workers: Mapping[str, tuple[Sequence[str], int]]) -> None:
        """Start workers, each with its queues and its number of children, and wait until all of them have loaded their models."""
        for name, (queues, children) in workers.items():
            self.start(
                name, "-m", "celery", "-q", "-A", "genesis", "worker", "-l", "INFO", "-Q", ",".join(queues), "-c", str(children),
                "-n", f"{name}@%h",
            )  # fmt: skip
        self.wait(lambda: self._ready(sum(children for _, children in workers.values())), "the workers", *map(self.programs.get, workers))

    def capture(self, source: str, *arguments: str, cameras: int = 1) -> Program:
        """Start a capture process on a file, once or as several cameras."""
        sources = [word for number in range(cameras) for word in ("--source", source, "--camera", f"camera-{number + 1}")]
        return self.start("capture", "-m", "genesis.capture", *sources, *arguments)

    def others(self, *served: str) -> list[str]:
        """Return the queues that are not among these."""
        from genesis.subscriptions import load_subscriptions  # noqa: PLC0415 - --help stays quick

        return [queue for queue in load_subscriptions().queues if queue not in served]

    def cpu(self) -> dict[str, float]:
        """Return the CPU seconds that everybody has used by now, by role."""
        used = {role: cpu_seconds(program.pid) for role, program in self.programs.items()}
        return {**used, **{f"{server.role} Redis": cpu_seconds(server.pid) for server in self.servers if server.pid}}

    def processes(self) -> dict[str, int]:
        """Return every process by what it is, a worker's main process and its first child apart."""
        found = {f"Redis, {server.role}": server.pid for server in self.servers if server.pid}
        for role, program in self.programs.items():
            below = children_of(program.pid)
            found |= {f"{role}, main": program.pid, f"{role}, child": below[0]} if below else {role: program.pid}
        return found

    def wait(self, condition: Callable[[], Any], what: str, *programs: Program | None, seconds: float = READY_SECONDS) -> float:
        """Wait until a condition holds; return the time (monotonic seconds).

        Raises:
            MeasurementError: it does not hold in time, or a program has ended meanwhile.
        """
        deadline = time.monotonic() + seconds
        while not condition():
            ended = [program for program in programs if program is not None and program.process.poll() not in {None, 0}]
            if ended or time.monotonic() > deadline:
                words = "\n".join(f"{program.role}: {program.last_words()}" for program in ended or programs if program is not None)
                msg = f"waited in vain for {what}\n{words}"
                raise MeasurementError(msg)
            time.sleep(_POLL_SECONDS)
        return time.monotonic()

    def _ready(self, children: int) -> bool:
        from celery import Celery  # noqa: PLC0415 - --help stays quick

        from genesis.bus.broker import broker_url, transport_options  # noqa: PLC0415

        app = Celery(broker=broker_url(self.settings), set_as_current=False)
        app.conf.broker_transport_options = transport_options(self.settings)
        try:
            answers = app.control.broadcast("ready", reply=True, timeout=0.5) or ()
        finally:
            app.close()
        return sum(told.get("ready", 0) for answer in answers for told in answer.values()) >= children
