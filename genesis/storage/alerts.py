"""Keep alerts, and list them: each alert that was raised once, with what became known of it later.

    kept = database.run(lambda cursor: keep(cursor, event))
    for alert in database.run(lambda cursor: alerts(cursor, AlertFilters(severity="high"))): ...

An alert that was updated before it was raised is not listed before that, and then with what the update said.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from genesis.events import AlertEvent
from genesis.settings import SEVERITIES
from genesis.storage.crops import SNAPSHOTS, unused
from genesis.storage.custody import refuses
from genesis.storage.identities import WHO
from genesis.storage.rows import cleaned, corners
from genesis.storage.upserts import upsert

Cursor = Any  # psycopg2's, which carries no types
Severity = Literal["low", "medium", "high", "critical"]

ERASED_NAME = "(erased)"
"""What stands for a name that must not be told."""

_SELECT = f"""
    SELECT a.alert, a.time, a.camera, a.rule, a.severity, coalesce(nullif(u.message, ''), a.message), a.zone, a.track,
        coalesce(i.label, w.identity), coalesce(i.id, w.identity_id)::text, coalesce(i.kind = 'known', w.known, FALSE),
        coalesce(nullif(u.snapshot, ''), a.snapshot), a.dwell, a.persons, a.direction, u.time
    FROM alerts a
    LEFT JOIN LATERAL (
        SELECT * FROM alerts WHERE alert IN (a.alert, a.event_id) AND kind = 'updated' ORDER BY time DESC, event_id DESC LIMIT 1
    ) u ON TRUE
    CROSS JOIN LATERAL (
        SELECT identity, identity_id, known FROM (VALUES (0, u.identity, u.identity_id, u.known), (1, a.identity, a.identity_id, a.known))
            AS t (place, identity, identity_id, known) ORDER BY identity_id IS NULL, place LIMIT 1
    ) w {WHO.format("w")}
    WHERE a.kind = 'raised' AND i.erasing IS NULL
"""  # noqa: S608 - constants


@dataclass(frozen=True, slots=True)
class Kept:
    """What became of an alert.

    Attributes:
        new: whether it was stored now.
        snapshot_to_delete: picture of somebody who is erased, which no row has, and which must not stay.
    """

    new: bool
    snapshot_to_delete: str | None = None


@dataclass(frozen=True, slots=True)
class StoredAlert:
    """An alert that was raised, with what is known of it by now.

    Attributes:
        alert: its id.
        time: of what it is about (UTC).
        camera: that saw it.
        rule: that raised it.
        severity: low, medium, high or critical.
        message: in words.
        zone: or line; empty if it is about none.
        track: of the person; empty if it is about nobody.
        identity: name or `unknown-N` of that person, as of now; None: nobody can tell (yet).
        identity_id: of that person.
        known: whether they are enrolled.
        snapshot: SHA-256 of the picture; empty if there is none.
        dwell: seconds in the zone.
        persons: how many were there.
        direction: `in` or `out` over a line.
        updated: when the person was recognised; None: not since the alert.
    """

    alert: str
    time: datetime
    camera: str
    rule: str
    severity: Severity
    message: str
    zone: str
    track: str
    identity: str | None
    identity_id: str | None
    known: bool
    snapshot: str
    dwell: float
    persons: int
    direction: str | None
    updated: datetime | None


@dataclass(frozen=True, slots=True)
class AlertFilters:
    """Which alerts; what is None does not matter.

    Attributes:
        rule: of this rule.
        camera: of this camera.
        since: from this time on.
        until: before this time.
        severity: as severe as this, or more.
        limit: most of them, the newest; None: all.
    """

    rule: str | None = None
    camera: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    severity: Severity | None = None
    limit: int | None = None


def keep(cursor: Cursor, event: AlertEvent) -> Kept:
    """Keep an alert once; one about somebody who is being erased, or is, without name and picture.

    Args:
        cursor: of a transaction.
        event: with its id.

    Raises:
        MalformedEventError: the identity's id is none.
    """
    row: dict[str, Any] = {
        "event_id": event.id, "camera": event.camera, "time": event.time, "rule": event.rule, "severity": event.severity,
        "message": event.message, "cause": event.cause, "kind": event.kind, "alert": event.alert or event.id, "zone": event.zone,
        "track": event.track, "box": corners(event.box), "dwell": event.dwell, "persons": event.persons, "direction": event.direction,
        "identity": event.identity, "identity_id": event.identity_id, "known": event.known, "snapshot": event.snapshot,
    }  # fmt: skip
    if not refuses(cursor, event):
        return Kept(upsert(cursor, "alerts", cleaned(row)))
    message = re.sub(as_word(event.identity), ERASED_NAME, event.message, flags=re.IGNORECASE) if event.identity else event.message
    row |= {"message": message, "identity": None, "identity_id": None, "known": False, "snapshot": ""}
    new = upsert(cursor, "alerts", cleaned(row))
    free = unused(cursor, [event.snapshot], SNAPSHOTS) if event.snapshot else []
    return Kept(new, next(iter(free), None))


def alerts(cursor: Cursor, filters: AlertFilters = AlertFilters()) -> list[StoredAlert]:
    """Return alerts that were raised, the newest first; not those about who is being erased."""
    severe = None if filters.severity is None else list(SEVERITIES[SEVERITIES.index(filters.severity) :])
    conditions = {
        " AND a.rule = %s": filters.rule,
        " AND a.camera = %s": filters.camera,
        " AND a.time >= %s": filters.since,
        " AND a.time < %s": filters.until,
        " AND a.severity = ANY(%s)": severe,
    }
    asked = {condition: value for condition, value in conditions.items() if value is not None}
    cursor.execute(f"{_SELECT}{''.join(asked)} ORDER BY a.time DESC, a.event_id LIMIT %s", (*asked.values(), filters.limit))
    return [StoredAlert(*row) for row in cursor.fetchall()]


def as_word(name: str) -> str:
    r"""Return a regular expression for a name that is not a part of a longer word.

    >>> re.sub(as_word("unknown-1"), "X", "unknown-1 and unknown-17")
    'X and unknown-17'
    """
    return (r"(?<!\w)" if _is_word(name[0]) else "") + re.escape(name) + (r"(?!\w)" if _is_word(name[-1]) else "")


def _is_word(character: str) -> bool:
    return bool(re.match(r"\w", character))
