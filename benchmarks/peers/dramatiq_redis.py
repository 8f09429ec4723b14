"""dramatiq on Redis; its defaults, four threads."""

from __future__ import annotations

import os
from collections.abc import Iterable

import dramatiq
from dramatiq.brokers.redis import RedisBroker

from benchmarks.peers.notes import URL, handle

broker = RedisBroker(url=os.environ[URL])
dramatiq.set_broker(broker)


@dramatiq.actor
def run(number: int, sent: float) -> None:
    """Handle an event."""
    handle(number, sent)


class Publisher:
    """Publishes."""

    @staticmethod
    def send(numbers: Iterable[int], sent: float) -> None:
        """Publish events."""
        for number in numbers:
            run.send(number, sent)

    @staticmethod
    def close() -> None:
        """Close the connection."""
        broker.close()
