"""taskiq on Redis Streams; an entry that nobody has acknowledged for 3 s is taken over (its default is 10 minutes)."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable

from taskiq_redis import RedisStreamBroker

from benchmarks.peers.notes import URL, WORKER, handle

broker = RedisStreamBroker(
    os.environ[URL], queue_name="benchmark", consumer_name=f"worker-{os.environ.get(WORKER, '0')}", consumer_id="0", idle_timeout=3000
)


@broker.task
async def run(number: int, sent: float) -> None:
    """Handle an event."""
    handle(number, sent)


class Publisher:
    """Publishes; makes the group first."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._loop.run_until_complete(broker.startup())

    def send(self, numbers: Iterable[int], sent: float) -> None:
        """Publish events."""

        async def publish() -> None:
            for number in numbers:
                await run.kiq(number, sent)

        self._loop.run_until_complete(publish())

    def close(self) -> None:
        """Close the connection."""
        self._loop.run_until_complete(broker.shutdown())
