"""What an event costs while many others wait: a handler that does nothing, and the first few thousand events of a long stream."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone

from benchmarks.pipeline.system import System
from benchmarks.pipeline.throughput import NO_LIMIT
from genesis.bus.producer import Producer
from genesis.events import AlertEvent
from genesis.subscriptions import Registry, load_subscriptions

HANDLERS, GROUP, QUEUE = "benchmarks.pipeline.handlers", "benchmark-workers", "benchmark"
WARMING = 500  # events before the first one that counts
_COUNT = f"genesis:alerts|{GROUP}|settled"


@dataclass(frozen=True)
class Cost:
    """What one settled event took.

    Attributes:
        waiting: events that waited in the stream all the while, at least.
        seconds: of time for each event.
        cpu: seconds for each event, by role.
    """

    waiting: int
    seconds: float
    cpu: dict[str, float]


def cost(waiting: int, events: int) -> Cost:
    """Settle some events while others wait.

    Args:
        waiting: events that still wait when the last one that counts is settled.
        events: that count.
    """
    with System({"handlers": [HANDLERS], **NO_LIMIT}) as system:
        producer = Producer(system.settings, alone())
        producer.start()
        for some in _batches(waiting + 2 * WARMING + events):
            producer.publish(*some)
        producer.close()
        system.start_workers({"benchmark": ([QUEUE], 1)})
        system.start_bridge()

        def settled() -> int:
            return int(system.ledger.hget("genesis:counts", _COUNT) or 0)

        running = list(system.programs.values())
        began = system.wait(lambda: settled() >= WARMING, "the first events to be settled", *running)
        first, before = settled(), system.cpu()
        ended = system.wait(lambda: settled() >= first + events, "all events to be settled", *running)
        count, after = settled() - first, system.cpu()
    return Cost(waiting, (ended - began) / count, {role: (after[role] - before[role]) / count for role in after})


def alone() -> Registry:
    """Return a registry in which the benchmark's is the only subscription of its stream: nobody else is to have a backlog."""
    registry = Registry()
    for row in load_subscriptions([HANDLERS]):
        if row.group == GROUP:
            registry.add(row)
    return registry


def _batches(count: int, size: int = 100) -> Iterator[list[AlertEvent]]:
    now = datetime.now(timezone.utc)
    for start in range(0, count, size):
        yield [
            AlertEvent(camera="benchmark", time=now, id=f"benchmark-{number}", rule="benchmark", severity="low")
            for number in range(start, min(start + size, count))
        ]
