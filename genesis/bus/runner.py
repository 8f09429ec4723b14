"""Run a subscription's handler on an event: the same for a worker and for the capture process."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from datetime import datetime, timezone

from genesis.context import Context
from genesis.errors import PermanentError
from genesis.events import Event, FrameCaptured, PersonDetected, caused
from genesis.settings import Settings
from genesis.subscriptions import Subscription


def run_handler(row: Subscription, event: Event, context: Context) -> list[Event]:
    """Call the handler and return its events, complete with ids derived from the cause.

    Raises:
        PermanentError: the handler returned something else than events.
    """
    outputs = row.handler(event, context)
    if outputs is None:
        return []
    if isinstance(outputs, Event) or not isinstance(outputs, Iterable):
        msg = f"{row.name} returned {type(outputs).__name__}, expected a list of events or None"
        raise PermanentError(msg)
    finished = list(outputs)
    for output in finished:
        if not isinstance(output, Event):
            msg = f"{row.name} returned a list with {type(output).__name__} in it, expected events only"
            raise PermanentError(msg)
    return caused(finished, event, row.group)


def is_stale(row: Subscription, event: Event, settings: Settings, now: Callable[[], float] = time.time) -> bool:
    """Tell whether a live camera's event is too old to be worth handling; a recording's never is."""
    if not isinstance(event, FrameCaptured | PersonDetected) or not event.live:
        return False
    max_age = settings.capture.max_age_seconds if row.max_age is None else row.max_age
    return (datetime.fromtimestamp(now(), timezone.utc) - event.time).total_seconds() > max_age
