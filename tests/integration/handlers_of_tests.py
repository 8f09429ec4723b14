"""Subscriptions for the tests; what they do is told by the zone's name, and noted in a file."""

from __future__ import annotations

import os
import time
from collections import Counter
from datetime import datetime
from pathlib import Path

from genesis import Retry, subscribe
from genesis.context import Context
from genesis.errors import BackpressureError, PermanentError, RetryableError
from genesis.events import AlertEvent, ZoneEvent

NOTES, BATCH = "NOTES_OF_TESTS", "BATCH_OF_TESTS"
_runs: Counter[str] = Counter()


def _note(event: ZoneEvent, group: str) -> int:
    """Write down that a run began; return how many there were of this event in this process."""
    _runs[event.id + group] += 1
    with Path(os.environ[NOTES]).open("a", encoding="utf-8") as notes:
        notes.write(f"{group} {event.zone} {event.id} {time.time():.3f}\n")
    return _runs[event.id + group]


@subscribe(ZoneEvent, group="testers", queue="alerts", batch=int(os.environ.get(BATCH, "1")))
def tested(event: ZoneEvent, context: Context) -> list[AlertEvent]:
    """Succeed, or fail as the zone's name says."""
    run = _note(event, "testers")
    assert context.delivery is not None
    if event.zone == "fails twice" and run <= 2:
        raise RetryableError("not yet")
    if event.zone == "always fails":
        raise KeyError("never")
    if event.zone == "permanent":
        raise PermanentError("not this one")
    if event.zone == "no room once" and run == 1:
        raise BackpressureError("somewhere", 1000, 1000)
    if event.zone == "no list":
        return event  # type: ignore[return-value]
    if event.zone == "no time zone":
        return [AlertEvent(camera="door", time=datetime(2026, 1, 1), rule="r")]  # noqa: DTZ001 - that is the mistake
    return [AlertEvent.about(event, rule="tested")]


@subscribe(ZoneEvent, group="impatient", queue="alerts", time_limit=1.0, retry=Retry(0), when=lambda event: event.zone == "hangs too long")
def impatient(event: ZoneEvent, context: Context) -> None:
    """Take longer than allowed."""
    del context
    _note(event, "impatient")
    time.sleep(60)


@subscribe(ZoneEvent, group="choosy", queue="alerts", when=lambda event: event.zone.startswith("wanted"))
def choosy(event: ZoneEvent, context: Context) -> None:
    """Take only some zones."""
    del context
    _note(event, "choosy")
