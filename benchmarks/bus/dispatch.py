"""How fast the bridge makes Celery messages of entries, beside a loop over `apply_async`; and what it costs while idle."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from celery import Celery

from benchmarks.bus.contestants import Contestant
from benchmarks.bus.measure import Stage
from benchmarks.peers.notes import QUEUE
from benchmarks.pipeline.processes import cpu_seconds
from genesis.bus.broker import broker_url, transport_options
from genesis.bus.connection import AMQP
from genesis.bus.dispatch import Dispatcher, described, task_id
from genesis.bus.task import task_for
from genesis.embedded.redis import RedisServer
from genesis.events import AlertEvent, completed, encode
from genesis.settings import Settings
from genesis.subscriptions import Subscription

SETTLE = 3.0  # seconds that a bridge has for its start before it counts as idle


def nothing(event: AlertEvent, context: Any) -> None:
    """Handle an event."""


GROUP = "benchmark-workers"
ROW = Subscription(AlertEvent, GROUP, QUEUE, nothing)


def dispatch(folder: Path, entries: int, singles: int) -> tuple[float, float]:
    """Return how many messages per second the bridge's dispatcher and a loop over `apply_async` put into a queue, with the same content.

    Args:
        folder: for a server.
        entries: that the dispatcher gets, as the bridge hands them over: a hundred at a time.
        singles: messages of the loop.
    """
    with RedisServer("cache", folder) as server:
        settings = Settings(celery={"broker_url": server.broker_url(1)})
        app = Celery("benchmark", amqp=AMQP, set_as_current=False)
        app.conf.update(
            broker_url=broker_url(settings), broker_transport_options=transport_options(settings), task_ignore_result=True,
            task_create_missing_queues=True,
        )  # fmt: skip
        task = task_for(app, ROW, hard_limit=70.0, soft_limit=60.0)
        event = completed(AlertEvent(camera="benchmark", time=datetime.now(timezone.utc), rule="none", message="0 0.0"))
        batch = [(f"1700000000000-{number}", encode(event)) for number in range(settings.bridge.read_count)]
        dispatcher = Dispatcher(app, ROW, "genesis:alerts")
        producer = app.amqp.Producer(app.connection_for_write())

        def all_at_once() -> None:
            for _ in range(entries // len(batch)):
                dispatcher.send(batch)

        def one_by_one() -> None:
            for number in range(singles):
                entry, fields = batch[number % len(batch)]
                task.apply_async(
                    args=[entry, fields], task_id=task_id("genesis:alerts", GROUP, entry), queue=QUEUE, producer=producer,
                    argsrepr=described(fields), kwargsrepr="{}",
                )  # fmt: skip

        dispatcher.send(batch[:1])
        one_by_one()
        found = (entries // len(batch) * len(batch)) / _seconds(all_at_once), singles / _seconds(one_by_one)
        dispatcher.close()
        return found


def idle(contestant: Contestant, seconds: float) -> float:
    """Return the share of a core that an idle bridge with all built-in subscriptions takes, its workers not counted."""
    with Stage(contestant, 1) as stage:
        bridge = stage.start_bridge(GENESIS_HANDLERS="[]")
        time.sleep(SETTLE)
        before, begun = cpu_seconds(bridge.pid), time.monotonic()
        time.sleep(seconds)
        return (cpu_seconds(bridge.pid) - before) / (time.monotonic() - begun)


def _seconds(work: Callable[[], None]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun
