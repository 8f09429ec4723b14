"""The analytics worker: what persons do over time."""

from __future__ import annotations

from genesis import subscribe
from genesis.context import Context
from genesis.events import PersonDetected, ZoneEvent


@subscribe(PersonDetected, group="person-workers", queue="analytics")
def follow_persons(event: PersonDetected, context: Context) -> None:
    """Take the persons of a frame: nothing is concluded from them yet, the event is settled."""
    del event, context


@subscribe(ZoneEvent, group="analytics-workers", queue="analytics")
def count_visits(event: ZoneEvent, context: Context) -> None:
    """Take a change in a zone: nothing is concluded from it yet, the event is settled."""
    del event, context
