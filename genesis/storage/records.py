"""Keep what happened: sessions, presences, zone events, alerts, figures; each event once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from genesis.errors import PermanentError
from genesis.events import AlertEvent, Event, MetricsEvent, SessionEvent, ZoneEvent
from genesis.storage.alerts import keep
from genesis.storage.custody import refuses
from genesis.storage.presences import fold
from genesis.storage.rows import by_name, cleaned, corners
from genesis.storage.upserts import upsert

Cursor = Any  # psycopg2's, which carries no types
Row = Mapping[str, Any]


def store(cursor: Cursor, event: Event) -> bool:
    """Keep an event, unless it is kept already; return whether it is new.

    Who is being erased, or is, is not named. That somebody was identified is told by their session, and kept there.

    Raises:
        PermanentError: events of this type are not kept.
        MalformedEventError: an identity's id is none.
    """
    if isinstance(event, SessionEvent):
        return _session(cursor, event)
    if isinstance(event, ZoneEvent):
        return event.kind != "identified" and _insert(cursor, "zone_events", event, _of_zone(event))
    if isinstance(event, AlertEvent):
        return keep(cursor, event).new
    if isinstance(event, MetricsEvent):
        return _insert(cursor, "metrics", event, _of_metrics(event))
    msg = f"{type(event).__name__} events are not kept"
    raise PermanentError(msg)


def _insert(cursor: Cursor, table: str, event: Event, row: Row) -> bool:
    return upsert(cursor, table, cleaned({"event_id": event.id, "camera": event.camera, "time": event.time, **row}))


def _session(cursor: Cursor, event: SessionEvent) -> bool:
    if refuses(cursor, event):
        event = msgspec.structs.replace(event, identity=None, identity_id=None, known=False, score=None, face="")
    if event.scope == "person":
        fold(cursor, event)
    return _insert(cursor, "sessions", event, _of_session(event))


def _of_session(event: SessionEvent) -> Row:
    return {
        "scope": event.scope, "kind": event.kind, "session": event.session, "track": event.track, "reason": event.reason,
        "frames": event.frames, "dropped": by_name(event.dropped), "duration": event.duration, "zones": by_name(event.zones),
        "identity": event.identity, "identity_id": event.identity_id, "known": event.known, "score": event.score,
    }  # fmt: skip


def _of_zone(event: ZoneEvent) -> Row:
    return {
        "kind": event.kind, "zone": event.zone, "track": event.track, "session": event.session, "box": corners(event.box),
        "dwell": event.dwell, "number": event.number, "occupancy": event.occupancy, "direction": event.direction,
    }  # fmt: skip


def _of_metrics(event: MetricsEvent) -> Row:
    return {
        "window_seconds": event.window, "frames_captured": event.frames_captured, "frames_processed": event.frames_processed,
        "persons": event.persons, "dropped": by_name(event.dropped), "session": event.session, "seconds": event.seconds,
        "late": event.late, "most_persons": event.most_persons, "tracks": event.tracks, "occupancy": by_name(event.occupancy),
        "visits": by_name(event.visits), "dwell": by_name(event.dwell), "latency_p50": event.latency_p50, "latency_p95": event.latency_p95,
    }  # fmt: skip
