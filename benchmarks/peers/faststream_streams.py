"""FastStream on Redis Streams: acknowledged when the handler has ended, and a second subscriber that takes over what was left for 3 s."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Iterable

import redis
from faststream import AckPolicy, FastStream
from faststream.redis import RedisBroker, StreamSub

from benchmarks.peers.notes import URL, WORKER, handle

STREAM, GROUP = "benchmark", "workers"
_worker = os.environ.get(WORKER, "0")

broker = RedisBroker(os.environ[URL])
app = FastStream(broker)


@broker.subscriber(
    stream=StreamSub(STREAM, group=GROUP, consumer=f"worker-{_worker}", max_records=100, polling_interval=1000),
    ack_policy=AckPolicy.NACK_ON_ERROR,
)
@broker.subscriber(
    stream=StreamSub(STREAM, group=GROUP, consumer=f"heir-{_worker}", max_records=100, polling_interval=1000, min_idle_time=3000),
    ack_policy=AckPolicy.NACK_ON_ERROR,
)
async def run(number: int, sent: float) -> None:
    """Handle an event."""
    handle(number, sent)


class Publisher:
    """Publishes; makes the group first, which would otherwise begin behind what is there."""

    def __init__(self) -> None:
        with redis.Redis.from_url(os.environ[URL]) as client, contextlib.suppress(redis.ResponseError):
            client.xgroup_create(STREAM, GROUP, id="0", mkstream=True)
        self._loop = asyncio.new_event_loop()
        self._loop.run_until_complete(broker.connect())

    def send(self, numbers: Iterable[int], sent: float) -> None:
        """Publish events."""

        async def publish() -> None:
            for number in numbers:
                await broker.publish({"number": number, "sent": sent}, stream=STREAM)

        self._loop.run_until_complete(publish())

    def close(self) -> None:
        """Close the connection."""
        self._loop.run_until_complete(broker.stop())
