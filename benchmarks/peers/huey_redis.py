"""huey on Redis: no results, four threads; it acknowledges nothing."""

from __future__ import annotations

import os
from collections.abc import Iterable

from huey import RedisHuey

from benchmarks.peers.notes import URL, handle

huey = RedisHuey("benchmark", url=os.environ[URL], results=False)


@huey.task()
def run(number: int, sent: float) -> None:
    """Handle an event."""
    handle(number, sent)


class Publisher:
    """Publishes."""

    @staticmethod
    def send(numbers: Iterable[int], sent: float) -> None:
        """Publish events."""
        for number in numbers:
            run(number, sent)

    @staticmethod
    def close() -> None:
        """Nothing is open."""
