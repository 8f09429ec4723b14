"""Who was before which camera, from when to when: one row for each presence, folded from its events.

The events may come in any order, and again: what a row becomes depends only on which ones have come. Numbers are the largest, the
begin is the earliest; what was found out at the end is from the event that told the end; the name is from the event that was surest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from genesis.events import SessionEvent
from genesis.storage.identities import WHO
from genesis.storage.rows import by_name, cleaned, corners

Cursor = Any  # psycopg2's, which carries no types

_FOLD = """
    INSERT INTO presences AS p (
        session, camera, started, last_event, ended, duration, frames, told_by, reason, zones, box,
        named_by, identity, identity_id, known, score, face
    ) VALUES (
        %(session)s, %(camera)s, %(started)s, %(last_event)s, %(ended)s, %(duration)s, %(frames)s, %(told_by)s, %(reason)s, %(zones)s,
        %(box)s::double precision[], %(named_by)s, %(identity)s, %(identity_id)s, %(known)s, %(score)s, %(face)s
    ) ON CONFLICT (session) DO UPDATE SET
        started = least(p.started, EXCLUDED.started),
        last_event = greatest(p.last_event, EXCLUDED.last_event),
        ended = greatest(p.ended, EXCLUDED.ended),
        duration = greatest(p.duration, EXCLUDED.duration),
        frames = greatest(p.frames, EXCLUDED.frames),
        (told_by, reason, zones, box) = (
            SELECT t.told_by, t.reason, t.zones, t.box FROM (
                VALUES (p.ended, p.told_by, p.reason, p.zones, p.box),
                    (EXCLUDED.ended, EXCLUDED.told_by, EXCLUDED.reason, EXCLUDED.zones, EXCLUDED.box)
            ) AS t (ended, told_by, reason, zones, box)
            ORDER BY t.ended DESC NULLS LAST, t.told_by COLLATE "C" DESC LIMIT 1
        ),
        (named_by, identity, identity_id, known, score, face) = (
            SELECT n.named_by, n.identity, n.identity_id, n.known, n.score, n.face FROM (
                VALUES (p.named_by, p.identity, p.identity_id, p.known, p.score, p.face),
                    (EXCLUDED.named_by, EXCLUDED.identity, EXCLUDED.identity_id, EXCLUDED.known, EXCLUDED.score, EXCLUDED.face)
            ) AS n (named_by, identity, identity_id, known, score, face)
            ORDER BY n.identity_id IS NOT NULL DESC, n.known DESC, n.score DESC NULLS LAST, n.named_by COLLATE "C" LIMIT 1
        )
"""
SECONDS = "CASE WHEN p.ended IS NULL THEN extract(epoch FROM p.last_event - p.started)::float8 ELSE p.duration END"
"""SQL: how long a presence was; of one that is open, so far as is known."""
_SELECT = f"""
    SELECT p.session, p.camera, p.started, p.ended, p.last_event, {SECONDS}, p.frames, p.zones, p.box, p.reason,
        coalesce(i.label, p.identity), coalesce(i.id, p.identity_id)::text, coalesce(i.kind = 'known', p.known), p.score, p.face
    FROM presences p {WHO.format("p")} WHERE i.erasing IS NULL
"""  # noqa: S608 - constants


@dataclass(frozen=True, slots=True)
class Presence:
    """One person before one camera.

    Attributes:
        session: name of the presence, which is its track.
        camera: that saw it.
        started: when first seen (UTC).
        ended: when last seen; None: the end was never told, the person is there or the capture was killed.
        last_event: time of the last that was told.
        seconds: how long; of an open one, so far as is known.
        frames: in how many frames.
        zones: seconds in each zone.
        box: where best seen, `x1 y1 x2 y2` in pixels of the frame.
        reason: why it ended, where that was not because nobody was there any more.
        identity: name or `unknown-N`, as of now; None: nobody could tell.
        identity_id: of that person.
        known: whether they are enrolled.
        score: how sure that was, 0 to 1.
        face: SHA-256 of the picture of the best face; empty if there is none.
    """

    session: str
    camera: str
    started: datetime
    ended: datetime | None
    last_event: datetime
    seconds: float
    frames: int
    zones: Mapping[str, float]
    box: list[float] | None
    reason: str
    identity: str | None
    identity_id: str | None
    known: bool
    score: float | None
    face: str


@dataclass(frozen=True, slots=True)
class PresenceFilters:
    """Which presences; what is None does not matter.

    Attributes:
        identity_id: of this person, as `identities.find` returns it.
        camera: before this camera.
        since: begun at this time or later.
        until: begun before this time.
        open: whose end was never told.
        limit: most of them, the newest; None: all.
    """

    identity_id: str | None = None
    camera: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    open: bool = False
    limit: int | None = None


def fold(cursor: Cursor, event: SessionEvent) -> None:
    """Bring what an event says into the row of its presence. Whether it may name anybody is the caller's affair.

    Args:
        cursor: of a transaction.
        event: of a person.
    """
    ended, named, told = event.kind == "ended", event.identity_id is not None, event.kind in {"started", "ended"}
    # Of a presence whose begin was not told, the end tells it.
    started = event.time - timedelta(seconds=event.duration) if ended else event.time
    row = {
        "session": event.session, "camera": event.camera, "started": started, "last_event": event.time,
        "ended": event.time if ended else None, "duration": event.duration, "frames": event.frames,
        "told_by": event.id if told else "", "reason": event.reason if told else "",
        "zones": by_name(event.zones if told else {}), "box": corners(event.box) if told else None,
        "named_by": event.id if named else "", "identity": event.identity if named else None,
        "identity_id": event.identity_id, "known": event.known and named, "score": event.score if named else None,
        "face": event.face if named else "",
    }  # fmt: skip
    cursor.execute(_FOLD, cleaned(row))


def presences(cursor: Cursor, filters: PresenceFilters = PresenceFilters()) -> list[Presence]:
    """Return presences, the newest first; not those of who is being erased."""
    conditions = {
        " AND coalesce(i.id, p.identity_id) = %s": filters.identity_id,
        " AND p.camera = %s": filters.camera,
        " AND p.started >= %s": filters.since,
        " AND p.started < %s": filters.until,
    }
    asked = {condition: value for condition, value in conditions.items() if value is not None}
    where = "".join(asked) + (" AND p.ended IS NULL" if filters.open else "")
    cursor.execute(f"{_SELECT}{where} ORDER BY p.started DESC, p.session LIMIT %s", (*asked.values(), filters.limit))
    return [Presence(*row) for row in cursor.fetchall()]
