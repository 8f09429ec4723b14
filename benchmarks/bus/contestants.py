"""Who is compared, and the commands of their workers."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field

from benchmarks.bus.environments import OURS
from benchmarks.peers.notes import BATCH, LINGER, QUEUE
from genesis import subscribe

BATCHES = "batch" in inspect.signature(subscribe).parameters
Command = Callable[[int], list[list[str]]]
"""Makes the command lines of so many workers, each with the name of the program first."""


@dataclass(frozen=True)
class Contestant:
    """One of those that are compared.

    Attributes:
        name: for `--only`.
        title: in the tables.
        module: of `benchmarks.peers`, that publishes.
        environment: that it lives in.
        workers: makes the command lines of its workers.
        rate: events per second that one worker about makes, so that each is measured for about as long.
        variables: of its environment, beside those of all.
        ledger: it has a durable server beside the volatile one, as Genesis is shipped.
    """

    name: str
    title: str
    module: str
    environment: str
    workers: Command
    rate: int
    variables: dict[str, str] = field(default_factory=dict)
    ledger: bool = False

    @property
    def ours(self) -> bool:
        """Whether it is Genesis."""
        return self.environment == OURS


def each(*command: str) -> Command:
    """Return what starts a process for each worker; `{}` is its number."""
    return lambda count: [[word.replace("{}", str(number)) for word in command] for number in range(count)]


def one(*command: str) -> Command:
    """Return what starts one process with so many children; `{}` is how many."""
    return lambda count: [[word.replace("{}", str(count)) for word in command]]


def _celery(app: str, pool: str, *options: str) -> Command:
    command = ["celery", "-q", "-A", app, "worker", "-l", "WARNING", "-P", pool, "--without-gossip", "--without-mingle", *options]
    return each(*command, "-n", "worker-{}@%h") if pool == "solo" else one(*command, "-c", "{}")


def _genesis(name: str, title: str, rate: int, pool: str = "solo", batch: int = 1, *, ledger: bool = False) -> Contestant:
    variables = {BATCH: str(batch), LINGER: "0"}
    return Contestant(name, title, "genesis_events", OURS, _celery("genesis", pool, "-Q", QUEUE), rate, variables, ledger)


PLAIN = {"solo": "celery", "prefork": "celery-prefork"}
"""Plain Celery, by pool."""
FIRST = {"solo": "genesis", "prefork": "genesis-prefork"}
"""Genesis without batches, by pool."""
LAST = "genesis-32"
"""Genesis with the largest batches."""

ALL: tuple[Contestant, ...] = (
    _genesis("genesis", "Genesis, solo", 2500),
    _genesis("genesis-8", "Genesis, solo, batch 8", 6000, batch=8),
    _genesis("genesis-32", "Genesis, solo, batch 32", 10_000, batch=32),
    _genesis("genesis-prefork", "Genesis, prefork", 2000, "prefork"),
    _genesis("genesis-durable", "Genesis, solo, as shipped: ledger on disk", 2000, ledger=True),
    _genesis("genesis-durable-32", "Genesis, solo, batch 32, as shipped: ledger on disk", 6000, batch=32, ledger=True),
    Contestant("celery", "Celery, solo", "celery_plain", "main", _celery("benchmarks.peers.celery_plain", "solo"), 1000),
    Contestant("celery-prefork", "Celery, prefork", "celery_plain", "main", _celery("benchmarks.peers.celery_plain", "prefork"), 900),
    Contestant(
        "taskiq", "taskiq, Redis Streams", "taskiq_streams", "main",
        each("taskiq", "worker", "--workers", "1", "--log-level", "WARNING", "benchmarks.peers.taskiq_streams:broker"), 2500,
    ),
    Contestant(
        "faststream", "FastStream, Redis Streams", "faststream_streams", "main",
        each("faststream", "run", "--log-level", "warning", "benchmarks.peers.faststream_streams:app"), 2500,
    ),
    Contestant(
        "huey", "huey, 4 threads", "huey_redis", "main",
        each("huey_consumer", "benchmarks.peers.huey_redis.huey", "-w", "4", "-q"), 5000,
    ),
    Contestant(
        "dramatiq", "dramatiq, 4 threads", "dramatiq_redis", "main",
        one("dramatiq", "benchmarks.peers.dramatiq_redis", "-p", "{}", "-t", "4"), 1000,
    ),
    Contestant("arq", "arq, tuned", "arq_redis", "arq", each("arq", "benchmarks.peers.arq_redis.WorkerSettings"), 1000),
    Contestant(
        "rq", "rq, SimpleWorker", "rq_simple", "main",
        each("rq", "worker", "benchmark", "--url", "{url}", "--worker-class", "rq.worker.SimpleWorker", "--quiet"), 300,
    ),
)  # fmt: skip


def chosen(names: str | None) -> list[Contestant]:
    """Return contestants by their names, separated by commas; None: all.

    Raises:
        ValueError: one is not known.
    """
    known = {contestant.name: contestant for contestant in ALL}
    if names is None:
        return [contestant for contestant in ALL if BATCHES or contestant.variables.get(BATCH, "1") == "1"]
    wanted = names.split(",")
    if unknown := [name for name in wanted if name not in known]:
        msg = f"unknown {', '.join(unknown)} (there are: {', '.join(known)})"
        raise ValueError(msg)
    return [known[name] for name in wanted]
