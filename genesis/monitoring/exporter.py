"""All that can be known of an installation from outside, as Prometheus reads it: looked up at each scrape, nothing is kept here.

The ledger, the other servers and the database are looked at side by side, and none is waited for longer than Prometheus would: while one
is away a scrape says so (`genesis_up 0` for the ledger) and tells the rest.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from prometheus_client import Metric as Family
from prometheus_client.registry import Collector

from genesis.monitoring import families
from genesis.monitoring.looks import Answer, Found, Look
from genesis.monitoring.queues import queue_looker
from genesis.monitoring.servers import DatabaseFigures, Memory, RedisServerAt, database_looker, memory_looker, redis_servers
from genesis.monitoring.status import Status, looker
from genesis.settings import Settings
from genesis.subscriptions import load_subscriptions
from genesis.telemetry import catalogue

logger = logging.getLogger(__name__)

MOST_SECONDS = 2.0
"""How long one question to a server may take: Prometheus gives a scrape 10 s."""
LOOK_SECONDS = MOST_SECONDS + 0.5
"""How long one look may take; longer than a question, since who gives up a question says what is wrong."""
STATUS_SECONDS = LOOK_SECONDS + MOST_SECONDS
"""How long the streams, groups, cameras and the frame cache may take together: many questions, of two servers that may both be silent."""


@dataclass(frozen=True)
class Further:
    """What is looked at beside the status; what is None or empty is not told.

    Attributes:
        queues: names of those that workers must serve.
        waiting: tasks in each queue.
        redis: memory of each Redis server.
        database: its figures.
        backlog_limit: of a stream, at which publishing is refused.
    """

    queues: Sequence[str] = ()
    waiting: Look[dict[str, int]] | None = None
    redis: Mapping[RedisServerAt, Look[Memory]] = field(default_factory=dict)
    database: Look[DatabaseFigures | None] | None = None
    backlog_limit: int | None = None


class StatusCollector(Collector):
    """Asks for the figures and gives them to Prometheus; what it can't be told it says in the log, once for each trouble.

    Args:
        look: reads what the ledger and the frame cache tell; raises a GenesisError while the ledger is away.
        further: what else is looked at.
    """

    def __init__(self, look: Callable[[], Status], further: Further | None = None) -> None:
        self._status = Look("the ledger", look, STATUS_SECONDS)
        self._further = further or Further()
        self._troubles: frozenset[str] = frozenset()

    def collect(self) -> Iterator[Family]:
        """Return all metrics, read now."""
        further = self._further
        asked, asked_waiting, asked_database = self._status.begin(), _begun(further.waiting), _begun(further.database)
        asked_redis = {server: look.begin() for server, look in further.redis.items()}
        status, waiting, database = asked(), asked_waiting(), asked_database()
        redis = {server: answer() for server, answer in asked_redis.items()}
        errors = {status.error, waiting.error, database.error, *(answer.error for answer in redis.values())}
        self._say(errors - {""})

        yield families.family(catalogue.UP, {(): status.value is not None})
        if status.value is not None:
            yield from families.of_streams(status.value)
            yield from families.of_programs(status.value, further.queues)
            yield from families.of_cameras(status.value)
            yield from families.of_cache(status.value)
        if further.backlog_limit is not None:
            yield families.family(catalogue.BACKLOG_LIMIT, {(): further.backlog_limit})
        if waiting.value is not None:
            yield families.family(catalogue.QUEUE_LENGTH, {(queue,): length for queue, length in waiting.value.items()})
        if redis:
            yield from families.of_redis(redis)
        yield from families.of_database(database)

    def _say(self, troubles: set[str]) -> None:
        before, self._troubles = self._troubles, frozenset(troubles)
        for trouble in sorted(troubles - before):
            logger.warning("scrapes lack something: %s", trouble)
        if before and not troubles:
            logger.info("scrapes tell everything again")


def collector_of(settings: Settings) -> StatusCollector:
    """Return the collector of an installation; nothing is asked yet.

    Raises:
        UsageError: a module of subscriptions can't be imported, or the URL of a server can't be read.
    """
    seconds = min(MOST_SECONDS, settings.redis.timeout_seconds)
    names = load_subscriptions(settings.handlers).queues
    redis = {server: Look(f"Redis ({server.setting})", memory_looker(server, seconds), LOOK_SECONDS) for server in redis_servers(settings)}
    waiting = queue_looker(settings, names, seconds)
    database = database_looker(settings, MOST_SECONDS)
    limits = settings.event_driven.backpressure
    further = Further(
        queues=names,
        waiting=Look("the broker", waiting, LOOK_SECONDS) if waiting else None,
        redis=redis,
        database=Look("the database", database, LOOK_SECONDS) if database else None,
        backlog_limit=limits.max_pending if limits.enabled else None,
    )
    return StatusCollector(looker(settings, seconds), further)


def _begun(look: Look[Found] | None) -> Callable[[], Answer[Found]]:
    return look.begin() if look is not None else lambda: Answer(None)
