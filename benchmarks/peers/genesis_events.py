"""Genesis: alerts through the ledger, a bridge and Celery workers; `handlers` of the settings names this module.

The built-in subscriptions are left out: nobody would drain their queues here.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Iterable
from datetime import datetime, timezone

from benchmarks.peers.notes import BATCH, LINGER, QUEUE, handle
from genesis import subscribe
from genesis.bus.producer import Producer
from genesis.context import Context
from genesis.events import AlertEvent
from genesis.subscriptions import registry

registry._rows.clear()  # noqa: SLF001 - a program can leave out no subscription of ours, nor need it
_options = {"batch": int(os.environ.get(BATCH, "1")), "linger": float(os.environ.get(LINGER, "0"))}
if "batch" not in inspect.signature(subscribe).parameters:
    _options.clear()


@subscribe(AlertEvent, group="benchmark-workers", queue=QUEUE, **_options)
def run(event: AlertEvent, context: Context) -> None:
    """Handle an event."""
    del context
    number, _, sent = event.message.partition(" ")
    handle(int(number), float(sent))


class Publisher:
    """Publishes."""

    def __init__(self) -> None:
        self._producer = Producer()
        self._producer.start()

    def send(self, numbers: Iterable[int], sent: float) -> None:
        """Publish events, all those given in one step."""
        now = datetime.now(timezone.utc)
        self._producer.publish(*(AlertEvent(camera="benchmark", time=now, rule="none", message=f"{number} {sent!r}") for number in numbers))

    def close(self) -> None:
        """Close the connection."""
        self._producer.close()
