"""The system that is broken: two servers, two bridges, two workers and a publisher, all as processes of their own."""

from __future__ import annotations

import importlib.util
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import redis
import yaml

from genesis.chaos.clock import VARIABLE, make_clock, set_clock
from genesis.chaos.processes import Keeper, children
from genesis.chaos.proxy import Proxy
from genesis.connections import connect
from genesis.embedded.places import socket_of
from genesis.embedded.redis import redis_command
from genesis.errors import GenesisError
from genesis.settings import CONFIG_VARIABLE, Settings, load
from genesis.subscriptions import Registry, load_subscriptions

if TYPE_CHECKING:
    from typing_extensions import Self

HANDLERS = "genesis.chaos.handlers"
LEDGER, VOLATILE, PUBLISHER = "ledger", "volatile", "publisher"
SERVERS = (LEDGER, VOLATILE)
BRIDGES = ("bridge-1", "bridge-2")
WORKERS = ("worker-1", "worker-2")
CHILDREN = 2  # of each worker
DETECTION = "detection"
READY_SECONDS = 60.0
_ROLES_OF_REDIS: dict[str, Any] = {LEDGER: "ledger", VOLATILE: "cache"}
# BUSY after 0.3 s instead of 5, and a file that is rewritten often.
_SERVER_OPTIONS = ("--lua-time-limit", "300", "--auto-aof-rewrite-min-size", "8mb")


@dataclass(frozen=True, slots=True)
class Wishes:
    """How the system is set up.

    Attributes:
        rate: events published per second.
        cameras: that publish in turn.
        lease: `delivery.lease_seconds`.
        max_deliveries: `delivery.max_deliveries`.
        retention: `redis.retention`.
        tasks_per_child: `celery.max_tasks_per_child`.
    """

    rate: float = 25.0
    cameras: int = 4
    lease: float = 3.0
    max_deliveries: int = 5
    retention: int = 1_000_000
    tasks_per_child: int = 10_000

    def settings(self, data: Path, ledger: str, volatile: str) -> dict[str, Any]:
        """Return what stands in the settings file.

        Args:
            data: `data_dir`.
            ledger: URL of the ledger, without a database.
            volatile: URL of the volatile server, likewise.
        """
        return {
            "redis": {"url": f"{ledger}/0", "timeout_seconds": 2, "retention": self.retention},
            "frame_cache": {"url": f"{volatile}/0", "ttl_seconds": 4 * self.lease},
            "celery": {"broker_url": f"{volatile}/1", "shutdown_seconds": 5, "max_tasks_per_child": self.tasks_per_child},
            "delivery": {
                "lease_seconds": self.lease,
                "sweep_seconds": 0.5,
                "retry_delays": [0.2, 0.5, 1.0],
                "backpressure_delay": 0.3,
                "max_deliveries": self.max_deliveries,
                "max_event_bytes": 20_000,
            },
            "bridge": {"block_seconds": 1, "janitor_seconds": 2},
            "handlers": [HANDLERS],
            "recognition": {"engine": "none"},
            "storage": {"dsn": "none"},
            "data_dir": str(data),
        }


class Site:
    """A running system in a folder of its own.

    Attributes:
        settings: in force.
        registry: its subscriptions.
        keeper: its processes.
        proxies: the networks to its servers.
    """

    def __init__(self, folder: Path, wishes: Wishes) -> None:
        self.folder = folder
        self.wishes = wishes
        self.proxies = {server: Proxy(self._socket(server)) for server in SERVERS}
        self.settings: Settings
        self.registry: Registry
        self.keeper: Keeper
        self._clients: dict[str, redis.Redis] = {}

    def start(self) -> Self:
        """Start everything but the publisher, and wait until the workers are ready.

        Raises:
            GenesisError: it was not ready in time.
        """
        (self.folder / "tmp").mkdir()
        for proxy in self.proxies.values():
            proxy.start()
        file = self.folder / "settings.yaml"
        urls = {server: f"redis://127.0.0.1:{proxy.port}" for server, proxy in self.proxies.items()}
        file.write_text(yaml.safe_dump(self.wishes.settings(self.folder, urls[LEDGER], urls[VOLATILE])), encoding="utf-8")
        self.settings = load(file)
        self.registry = load_subscriptions(self.settings.handlers)
        path = os.pathsep.join([str(_home()), *filter(None, [os.environ.get("PYTHONPATH")])])
        env = {CONFIG_VARIABLE: str(file), "PYTHONPATH": path, "PYTHONUNBUFFERED": "1", "PYTHONWARNINGS": "ignore"}
        self.keeper = Keeper(self.folder, {**env, "TMPDIR": str(self.folder / "tmp"), "LC_ALL": "C"})
        for server in SERVERS:
            self.keeper.add(server, self._server(server))
            self._clients[server] = connect(self.address(server), timeout=2.0)
        for server in SERVERS:
            self._wait(partial(self.answers, server), f"the {server} answers")
        for bridge in BRIDGES:
            self._add(bridge, [sys.executable, "-m", "genesis.bridge"])
        queues = ",".join(name for name in self.registry.queues if name != DETECTION)
        for worker in WORKERS:
            options = ["-Q", queues, "-c", str(CHILDREN), "-n", f"{worker}@%h", "-l", "INFO"]
            self._add(worker, [sys.executable, "-m", "celery", "-A", "genesis", "worker", *options])
        self._wait(self._children_are_there, "workers are ready")
        return self

    def start_publisher(self) -> None:
        """Begin to publish."""
        options = ["--rate", str(self.wishes.rate), "--cameras", str(self.wishes.cameras)]
        self._add(PUBLISHER, [sys.executable, "-m", "genesis.chaos.publisher", *options])

    def close(self) -> None:
        """End everything."""
        for proxy in self.proxies.values():
            if proxy.port:
                proxy.mend()
        if hasattr(self, "keeper"):
            self.keeper.stop(PUBLISHER, *BRIDGES, *WORKERS)
            self.keeper.close()
        for client in self._clients.values():
            client.close()
        for proxy in self.proxies.values():
            if proxy.port:
                proxy.close()

    def client(self, server: str) -> redis.Redis:
        """Return a connection to a server that no spoilt network is in the way of."""
        return self._clients[server]

    def address(self, server: str, db: int = 0) -> str:
        """Return the URL of a server that no spoilt network is in the way of."""
        return f"unix://{self._socket(server)}?db={db}"

    def answers(self, server: str) -> bool:
        """Tell whether a server answers."""
        try:
            return bool(self._clients[server].ping())
        except redis.RedisError:
            return False

    def wait_for_server(self, server: str, seconds: float = 30.0) -> bool:
        """Wait until a server answers."""
        deadline = time.monotonic() + seconds
        while not self.answers(server):
            if time.monotonic() > deadline:
                return False
            time.sleep(0.02)
        return True

    def worker_children(self) -> list[int]:
        """Return the process ids of all workers' children."""
        parents = [pid for worker in WORKERS if (pid := self.keeper.pid(worker)) is not None]
        return [child for parent in parents for child in children(parent)]

    def warm(self) -> bool:
        """Tell whether every bridge has read what was published."""
        stream, client = f"{self.settings.redis.prefix}:persons", self.client(LEDGER)
        groups: Any = client.xinfo_groups(stream) if client.exists(stream) else []
        names = {each["name"] for group in groups for each in client.xinfo_consumers(stream, group["name"])}
        return len([name for name in names if name.startswith(b"bridge-")]) >= len(BRIDGES)

    def set_clock(self, role: str, seconds: float) -> None:
        """Move the clock of a process."""
        set_clock(self._clock(role), seconds)

    def _add(self, name: str, argv: list[str]) -> None:
        make_clock(self._clock(name))
        self.keeper.add(name, lambda: argv, {VARIABLE: str(self._clock(name))})

    def _server(self, server: str) -> Callable[[], list[str]]:
        return lambda: [*redis_command(_ROLES_OF_REDIS[server], self.folder / server), *_SERVER_OPTIONS]

    def _socket(self, server: str) -> Path:
        return socket_of(_ROLES_OF_REDIS[server], self.folder / server)

    def _clock(self, name: str) -> Path:
        return self.folder / f"clock-{name}"

    def _children_are_there(self) -> bool:
        return len(self.worker_children()) >= CHILDREN * len(WORKERS)

    def _wait(self, condition: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while not condition():
            if time.monotonic() > deadline:
                msg = f"chaos: not within {READY_SECONDS:g} s: {what}; see the logs in {self.folder}"
                raise GenesisError(msg)
            time.sleep(0.05)


def _home() -> Path:
    """Return the folder that `celeryconfig` lies in; importing it would read the settings of whoever started us."""
    spec = importlib.util.find_spec("celeryconfig")
    if spec is None or spec.origin is None:
        msg = "chaos: celeryconfig.py is not on Python's path: start this in the repository, or install Genesis"
        raise GenesisError(msg)
    return Path(spec.origin).parent
