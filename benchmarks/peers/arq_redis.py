"""arq: no results, a hundred jobs at once and a poll every 10 ms (its defaults, 10 and 500 ms, make about 200 per second)."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable
from urllib.parse import urlsplit

from arq import create_pool
from arq.connections import RedisSettings

from benchmarks.peers.notes import URL, handle

SETTINGS = RedisSettings(unix_socket_path=urlsplit(os.environ[URL]).path)


async def run(context: dict, number: int, sent: float) -> None:
    """Handle an event."""
    del context
    handle(number, sent)


class WorkerSettings:
    """What arq's command reads."""

    functions = (run,)
    redis_settings = SETTINGS
    keep_result = 0
    max_jobs = 100
    poll_delay = 0.01


class Publisher:
    """Publishes."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._pool = self._loop.run_until_complete(create_pool(SETTINGS))

    def send(self, numbers: Iterable[int], sent: float) -> None:
        """Publish events."""

        async def publish() -> None:
            for number in numbers:
                await self._pool.enqueue_job("run", number, sent)

        self._loop.run_until_complete(publish())

    def close(self) -> None:
        """Close the connection."""
        self._loop.run_until_complete(self._pool.aclose())
