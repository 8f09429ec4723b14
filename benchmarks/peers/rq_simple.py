"""rq with its worker that does not fork for each job (`SimpleWorker`); results are not kept."""

from __future__ import annotations

import os
from collections.abc import Iterable

from redis import Redis
from rq import Queue

from benchmarks.peers.notes import URL, handle


class Publisher:
    """Publishes."""

    def __init__(self) -> None:
        self._queue = Queue("benchmark", connection=Redis.from_url(os.environ[URL]))

    def send(self, numbers: Iterable[int], sent: float) -> None:
        """Publish events."""
        for number in numbers:
            self._queue.enqueue(handle, number, sent, result_ttl=0)

    def close(self) -> None:
        """Close the connection."""
        self._queue.connection.close()
