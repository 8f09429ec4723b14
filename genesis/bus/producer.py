"""Publishing events from anywhere."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Sequence

from genesis.bus.ledger import Ledger
from genesis.bus.runlog import count_published
from genesis.events import Event, completed
from genesis.settings import Settings, current
from genesis.subscriptions import Registry, load_subscriptions
from genesis.telemetry.spans import spans_of

CHUNK = 100  # events in one step: enough to share the cost, few enough not to hold up the server


class Producer:
    """Publishes events to their streams.

    Args:
        settings: of this installation; None reads them.
        registry: the subscriptions; None loads them.
        stopped: set when the process is asked to end: then a missing Redis is not waited for.
    """

    def __init__(self, settings: Settings | None = None, registry: Registry | None = None, stopped: threading.Event | None = None) -> None:
        self.settings = settings or current()
        registry = registry if registry is not None else load_subscriptions(self.settings.handlers)
        self.ledger = Ledger(self.settings, registry, stopped=stopped)
        self._spans = spans_of(self.settings.tracing, f"{socket.gethostname()}-{os.getpid()}")

    def start(self) -> None:
        """Create the streams and groups that are missing, so that nothing is published past a group.

        Raises:
            ServerUnavailableError: Redis was away for longer than `redis.give_up_seconds`.
        """
        self.ledger.create_groups()

    def publish(self, *events: Event) -> Sequence[Event]:
        """Publish events, in order, and return them with their ids; up to 100 of them (or `max_pending`) are one atomic step.

        Raises:
            BackpressureError: a stream has no room. Of more than 100 events, earlier hundreds were published.
            ServerUnavailableError: Redis was away for longer than `redis.give_up_seconds`.
        """
        finished = [completed(event) for event in events]
        chunk = min(CHUNK, self.settings.event_driven.backpressure.max_pending)
        for start in range(0, len(finished), chunk):
            some, begun = finished[start : start + chunk], time.time()
            self.ledger.publish(some)
            count_published(some)
            if self._spans is not None:
                ended = time.time()
                for event in some:
                    self._spans.published(event, begun, ended)
        return finished

    def make_sure_of_room(self, event: type[Event]) -> None:
        """Ask whether an event of this type could be published now; costs a round trip only where a stream is nearly full.

        For whoever has something costly to do before publishing, such as storing a frame.

        Raises:
            BackpressureError: its stream has no room.
        """
        self.ledger.make_sure_of_room(event)

    def close(self) -> None:
        """Close the connections, and send the last spans."""
        self.ledger.close()
        if self._spans is not None:
            self._spans.close()
