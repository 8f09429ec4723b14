"""What waits in Celery's queues, and who serves them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import redis

from genesis.bus.broker import redis_url, transport_options
from genesis.connections import connect, explain
from genesis.errors import ServerUnavailableError
from genesis.monitoring.status import ProgramStatus
from genesis.settings import Settings

ROLES = ("bridge", "capture", "worker", "exporter")
"""The roles that are told even where nobody has them."""


def queue_looker(settings: Settings, queues: Sequence[str], seconds: float) -> Callable[[], dict[str, int]] | None:
    """Return a function that tells how many tasks wait in each queue; None where the broker is no Redis, and can't be asked.

    It raises ServerUnavailableError when the broker is away. What a worker has taken is not in its queue any more.

    Args:
        settings: of the installation.
        queues: their names.
        seconds: that a command may take.
    """
    url = redis_url(settings.celery.broker_url)
    if url is None:
        return None
    client = connect(url, timeout=seconds)
    prefix = transport_options(settings).get("global_keyprefix", "")

    def look() -> dict[str, int]:
        try:
            with client.pipeline(transaction=False) as pipe:
                for queue in queues:
                    pipe.llen(f"{prefix}{queue}")
                lengths = pipe.execute()
        except redis.RedisError as error:
            raise ServerUnavailableError(explain(error, url, "celery.broker_url")) from error
        return dict(zip(queues, map(int, lengths), strict=True))

    return look


def serving(programs: Iterable[ProgramStatus], queues: Sequence[str]) -> dict[str, int]:
    """Return how many live workers serve each of the queues; 0 for one that nobody serves."""
    workers = [program for program in programs if program.role == "worker" and program.alive]
    return {queue: sum(queue in worker.queues for worker in workers) for queue in queues}


def by_role(programs: Iterable[ProgramStatus]) -> dict[str, int]:
    """Return how many programs of each role are alive; 0 for one of `ROLES` that nobody has."""
    alive = [program.role for program in programs if program.alive]
    return {role: alive.count(role) for role in dict.fromkeys((*ROLES, *sorted(alive)))}
