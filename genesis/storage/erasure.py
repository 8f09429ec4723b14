"""Erase a person, while others work on.

    erasure = database.run(lambda cursor: begin(cursor, "Ada"))   # from now on nothing of her is stored
    ...                                                           # her frames, events and pictures go, wherever they are
    erased = database.run(lambda cursor: finish(cursor, erasure))  # her rows go
    scrubbed = scrub(database)                                     # and their bytes, out of the database's files

Between the first two steps she is still in the gallery: a late frame of hers finds her, and is not stored. Nothing is forgotten
before the last row goes: who was killed in the middle begins again with `begin`, which returns the same.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, NamedTuple

from genesis.storage.alerts import ERASED_NAME
from genesis.storage.identities import find
from genesis.storage.scrubbing import Scrubbed, scrub

__all__ = ["Erased", "Erasure", "Scrubbed", "Seen", "begin", "finish", "scrub"]

Cursor = Any  # psycopg2's, which carries no types

# Waits for those who are storing a sighting of this person.
_LOCK = "SELECT name, unknown_number FROM identities WHERE id = %s FOR UPDATE"
_MARK = "UPDATE identities SET erasing = coalesce(erasing, now()) WHERE id = %s"
_SIGHTINGS = "SELECT event_id, camera, session, number, crop, track FROM sightings WHERE identity_id = %s ORDER BY time, id"
_FACES = "SELECT source, origin, crop FROM face_embeddings WHERE identity_id = %s"
_MERGED = "SELECT merged_id::text FROM redirects WHERE identity_id = %s"
_TOMBSTONE = "INSERT INTO erasures (id, embeddings, sightings, crops) VALUES (%s, %s, %s, %s) ON CONFLICT (id) DO NOTHING"
_PRESENCES = "SELECT session, face FROM presences WHERE identity_id = ANY(%s::uuid[]) ORDER BY session"
# Those that name the person, those that an update has named later, and those about a track that was the person's and nobody else's.
_ABOUT = """
    SELECT event_id FROM alerts WHERE identity_id = ANY(%(ids)s::uuid[]) OR cause = ANY(%(events)s) OR identity_id IS NULL AND (
        track <> '' AND track = ANY(%(tracks)s) OR alert IN (SELECT alert FROM alerts WHERE identity_id = ANY(%(ids)s::uuid[]))
    )
"""
_SNAPSHOTS = f"""
    WITH about AS ({_ABOUT})
    SELECT snapshot FROM alerts WHERE snapshot <> '' GROUP BY snapshot HAVING bool_and(event_id IN (SELECT event_id FROM about))
    ORDER BY snapshot
"""  # noqa: S608 - constants
_ALERTS = "DELETE FROM alerts WHERE cause = ANY(%s)"
_NAMELESS_ALERTS = f"""
    UPDATE alerts SET snapshot = '', message = CASE WHEN identity_id = ANY(%(ids)s::uuid[]) THEN %(instead)s ELSE message END,
        identity = NULL, identity_id = NULL, known = FALSE
    WHERE event_id IN ({_ABOUT})
"""  # noqa: S608 - constants
_NAMELESS_PRESENCES = """
    UPDATE presences SET named_by = '', identity = NULL, identity_id = NULL, known = FALSE, score = NULL, face = ''
    WHERE identity_id = ANY(%s::uuid[])
"""
_NAMELESS_SESSIONS = """
    UPDATE sessions SET identity = NULL, identity_id = NULL, known = FALSE, score = NULL WHERE identity_id = ANY(%s::uuid[])
"""
_MENTIONS = "UPDATE alerts SET message = regexp_replace(message, %(said)s, %(instead)s, 'gi') WHERE message ~* %(said)s"


class Seen(NamedTuple):
    """A frame in which the person was seen."""

    camera: str
    session: str
    number: int


@dataclass(frozen=True, slots=True)
class Erasure:
    """A person whose erasure has begun.

    Attributes:
        identity_id: of the person.
        identity_ids: that, and the ids that were merged into it.
        name: None if the person has none.
        label: the name, or `unknown-N`.
        event_ids: of all sightings, and of those that the gallery's faces came from.
        crops: pictures of the face that no other person's row names.
        seen: frames of the sightings.
        names: all that the person is called: the name, and `unknown-N`.
        tracks: of the person's sightings and presences.
        snapshots: pictures of alerts about the person that no other alert names.
    """

    identity_id: str
    identity_ids: tuple[str, ...]
    name: str | None
    label: str
    event_ids: tuple[str, ...]
    crops: tuple[str, ...]
    seen: tuple[Seen, ...]
    names: tuple[str, ...] = ()
    tracks: tuple[str, ...] = ()
    snapshots: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Erased:
    """What was removed from the database.

    Attributes:
        counts: rows by what they are.
        crops: pictures of the face, to delete.
        event_ids: events that must be gone elsewhere.
        snapshots: pictures of alerts, to delete.
        presences: how many stay, without anything that tells whose they are.
        alerts: likewise.
    """

    counts: dict[str, int]
    crops: tuple[str, ...]
    event_ids: tuple[str, ...]
    snapshots: tuple[str, ...] = ()
    presences: int = 0
    alerts: int = 0


def begin(cursor: Cursor, who: str) -> Erasure:
    """Mark a person as being erased, from when this is committed; return what there is. May be called again.

    Raises:
        NoSuchIdentityError: there is no such person.
    """
    identity = find(cursor, who)
    cursor.execute(_LOCK, (identity.id,))
    cursor.execute(_MARK, (identity.id,))
    return _found(cursor, identity.id, identity.name, identity.number)


def finish(cursor: Cursor, erasure: Erasure) -> Erased:
    """Remove a person's rows; what stays is an id and how many rows there were. May be called again."""
    cursor.execute(_LOCK, (erasure.identity_id,))
    row = cursor.fetchone()
    if row is None:
        return Erased({"photos": 0, "embeddings": 0, "sightings": 0, "alerts": 0}, (), ())
    name, number = row
    found = _found(cursor, erasure.identity_id, name, number)
    cursor.execute("DELETE FROM face_embeddings WHERE identity_id = %s RETURNING source, origin", (erasure.identity_id,))
    faces = cursor.fetchall()
    cursor.execute("DELETE FROM sightings WHERE identity_id = %s", (erasure.identity_id,))
    sightings = cursor.rowcount
    cursor.execute("DELETE FROM redirects WHERE identity_id = %s", (erasure.identity_id,))
    cursor.execute("DELETE FROM identities WHERE id = %s", (erasure.identity_id,))
    cursor.execute(_NAMELESS_PRESENCES, (list(found.identity_ids),))
    presences = cursor.rowcount
    cursor.execute(_NAMELESS_SESSIONS, (list(found.identity_ids),))
    alerts, nameless = _forget_alerts(cursor, found)
    cursor.execute(_TOMBSTONE, (erasure.identity_id, len(faces), sightings, len(found.crops)))
    photos = len({origin for source, origin in faces if source == "photo"})
    counts = {"photos": photos, "embeddings": len(faces), "sightings": sightings, "alerts": alerts}
    return Erased(counts, found.crops, found.event_ids, found.snapshots, presences, nameless)


def _found(cursor: Cursor, identity_id: str, name: str | None, number: int | None) -> Erasure:
    cursor.execute(_SIGHTINGS, (identity_id,))
    sightings = cursor.fetchall()
    cursor.execute(_FACES, (identity_id,))
    faces = cursor.fetchall()
    cursor.execute(_MERGED, (identity_id,))
    ids = (identity_id, *(row[0] for row in cursor.fetchall()))
    cursor.execute(_PRESENCES, (list(ids),))
    presences = cursor.fetchall()
    events = list(dict.fromkeys([row[0] for row in sightings] + [origin for source, origin, _ in faces if source == "sighting"]))
    tracks = sorted({row[5] for row in sightings if row[5]} | {session for session, _ in presences})
    cursor.execute(_SNAPSHOTS, {"tracks": tracks, "ids": list(ids), "events": events})
    snapshots = tuple(row[0] for row in cursor.fetchall())
    crops = {row[4] for row in sightings} | {crop for _, _, crop in faces} | {face for _, face in presences}
    names = tuple(one for one in (name, None if number is None else f"unknown-{number}") if one is not None)
    return Erasure(
        identity_id,
        ids,
        name,
        names[0],
        tuple(events),
        tuple(sorted(crops - {""} - _of_others(cursor, ids, crops))),
        tuple(dict.fromkeys(Seen(camera, session, frame) for _, camera, session, frame, _, _ in sightings)),
        names,
        tuple(tracks),
        snapshots,
    )


def _of_others(cursor: Cursor, identity_ids: tuple[str, ...], crops: set[str]) -> set[str]:
    cursor.execute(
        "SELECT crop FROM sightings WHERE crop = ANY(%(crops)s) AND crop <> '' AND identity_id IS DISTINCT FROM %(id)s "
        "UNION SELECT crop FROM face_embeddings WHERE crop = ANY(%(crops)s) AND crop <> '' AND identity_id <> %(id)s "
        "UNION SELECT face FROM presences WHERE face = ANY(%(crops)s) AND face <> '' AND identity_id <> ALL(%(ids)s::uuid[])",
        {"crops": list(crops), "id": identity_ids[0], "ids": list(identity_ids)},
    )
    return {row[0] for row in cursor.fetchall()}


def _forget_alerts(cursor: Cursor, found: Erasure) -> tuple[int, int]:
    """Remove the alerts that sightings of the person have caused; take the person out of the others. Return how many of each."""
    about = {"tracks": list(found.tracks), "ids": list(found.identity_ids), "events": list(found.event_ids), "instead": ERASED_NAME}
    cursor.execute(_ALERTS, (list(found.event_ids),))
    removed = int(cursor.rowcount)
    cursor.execute(_NAMELESS_ALERTS, about)
    nameless = int(cursor.rowcount)
    for name in found.names:
        cursor.execute(_MENTIONS, {"said": _as_word(name), "instead": ERASED_NAME})
    return removed, nameless


def _as_word(name: str) -> str:
    """Return PostgreSQL's regular expression for a name that is not a part of a longer word."""
    escaped = re.sub(r"(\W)", r"\\\1", name)
    return ("\\m" if name[0].isalnum() else "") + escaped + ("\\M" if name[-1].isalnum() else "")
