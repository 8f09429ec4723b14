"""Celery as it comes: its own acknowledgement, and a task for each event; for the rest set as the workers of Genesis are."""

from __future__ import annotations

import os
from collections.abc import Iterable

from celery import Celery

from benchmarks.peers.notes import BROKER, handle

app = Celery("plain", broker=os.environ[BROKER])
app.conf.update(
    broker_connection_retry_on_startup=True,
    task_ignore_result=True,
    task_soft_time_limit=60.0,
    task_time_limit=70.0,
    worker_max_tasks_per_child=10_000,
    worker_prefetch_multiplier=1,
)


@app.task
def run(number: int, sent: float) -> None:
    """Handle an event."""
    handle(number, sent)


class Publisher:
    """Publishes through one producer."""

    def __init__(self) -> None:
        self._connection = app.connection_for_write()
        self._producer = app.amqp.Producer(self._connection)

    def send(self, numbers: Iterable[int], sent: float) -> None:
        """Publish events."""
        for number in numbers:
            run.apply_async((number, sent), producer=self._producer)

    def close(self) -> None:
        """Close the connection."""
        self._connection.release()
