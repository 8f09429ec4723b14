"""Keep what happened: sessions, zone events, alerts, figures; each event once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from psycopg2.extras import Json

from genesis.errors import PermanentError
from genesis.events import AlertEvent, Event, MetricsEvent, SessionEvent, ZoneEvent
from genesis.storage.upserts import upsert

Cursor = Any  # psycopg2's, which carries no types


def store(cursor: Cursor, event: Event) -> bool:
    """Keep an event, unless it is kept already; return whether it is new.

    Raises:
        PermanentError: events of this type are not kept.
    """
    table, row = _row(event)
    return upsert(cursor, table, cleaned({"event_id": event.id, "camera": event.camera, "time": event.time, **row}))


def cleaned(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row that PostgreSQL can keep: its texts have no zero characters."""
    return {name: value.replace("\x00", "\ufffd") if isinstance(value, str) else value for name, value in row.items()}


def _row(event: Event) -> tuple[str, dict[str, Any]]:
    if isinstance(event, SessionEvent):
        return "sessions", {
            "scope": event.scope, "kind": event.kind, "session": event.session, "track": event.track, "reason": event.reason,
            "frames": event.frames, "dropped": _counts(event.dropped), "duration": event.duration,
        }  # fmt: skip
    if isinstance(event, ZoneEvent):
        box = event.box and [event.box.x1, event.box.y1, event.box.x2, event.box.y2]
        return "zone_events", {
            "kind": event.kind, "zone": event.zone, "track": event.track, "session": event.session, "box": box, "dwell": event.dwell,
        }  # fmt: skip
    if isinstance(event, AlertEvent):
        return "alerts", {"rule": event.rule, "severity": event.severity, "message": event.message, "cause": event.cause}
    if isinstance(event, MetricsEvent):
        return "metrics", {
            "window_seconds": event.window, "frames_captured": event.frames_captured, "frames_processed": event.frames_processed,
            "persons": event.persons, "dropped": _counts(event.dropped),
        }  # fmt: skip
    msg = f"{type(event).__name__} events are not kept"
    raise PermanentError(msg)


def _counts(dropped: Mapping[str, int]) -> Json:
    return Json({reason.replace("\x00", "\ufffd"): count for reason, count in dropped.items()})
