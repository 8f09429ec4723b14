"""The analytics worker: what persons do over time."""

from __future__ import annotations

from math import inf

from genesis import subscribe
from genesis.context import Context
from genesis.events import Event, PersonDetected, ZoneEvent
from genesis.settings import Settings


def gap(settings: Settings) -> float:
    """Return how long a frame that does not come is waited for, in seconds."""
    return settings.tracking.gap_seconds


def live_gap(settings: Settings) -> float:
    """Return the same for a live camera's capture time."""
    return settings.tracking.live_gap_seconds


# However old they are: following persons takes no pixels and next to no time.
@subscribe(PersonDetected, group="person-workers", queue="analytics", keyed_by="camera", max_gap=gap, live_gap=live_gap, max_age=inf)
def follow_persons(event: PersonDetected, context: Context) -> list[Event]:
    """Follow a camera's persons from frame to frame: who is there, which zones they enter and leave, and the figures of each window."""
    from tasks.following import Follower  # noqa: PLC0415 - NumPy and SciPy: only where persons are followed

    follower = Follower.of(event, context)
    told = follower.end() if event.last else follower.frame()
    if context.state is not None:
        context.state.clear()
        context.state.update(follower.plain)
    return told


@subscribe(ZoneEvent, group="analytics-workers", queue="analytics")
def keep_zone_event(event: ZoneEvent, context: Context) -> None:
    """Keep a change in a zone in the database."""
    if not context.settings.storage.enabled or event.kind == "identified":
        return
    from genesis.storage.database import database_of  # noqa: PLC0415 - no SQL where nothing is stored
    from genesis.storage.records import store  # noqa: PLC0415

    database_of(context.settings).run(lambda cursor: store(cursor, event))
