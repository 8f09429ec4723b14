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

from genesis.storage.identities import find
from genesis.storage.scrubbing import Scrubbed, scrub

__all__ = ["Erased", "Erasure", "Scrubbed", "Seen", "begin", "finish", "scrub"]

Cursor = Any  # psycopg2's, which carries no types

ERASED_NAME = "(erased)"

# Waits for those who are storing a sighting of this person.
_LOCK = "SELECT name, label, unknown_number FROM identities WHERE id = %s FOR UPDATE"
_MARK = "UPDATE identities SET erasing = coalesce(erasing, now()) WHERE id = %s"
_SIGHTINGS = "SELECT event_id, camera, session, number, crop FROM sightings WHERE identity_id = %s ORDER BY time, id"
_FACES = "SELECT source, origin, crop FROM face_embeddings WHERE identity_id = %s"
_MERGED = "SELECT merged_id::text FROM redirects WHERE identity_id = %s"
_TOMBSTONE = "INSERT INTO erasures (id, embeddings, sightings, crops) VALUES (%s, %s, %s, %s) ON CONFLICT (id) DO NOTHING"
_ALERTS = "DELETE FROM alerts WHERE cause = ANY(%s)"
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
    """

    identity_id: str
    identity_ids: tuple[str, ...]
    name: str | None
    label: str
    event_ids: tuple[str, ...]
    crops: tuple[str, ...]
    seen: tuple[Seen, ...]


@dataclass(frozen=True, slots=True)
class Erased:
    """What was removed from the database: rows by what they are, pictures to delete, events that must be gone elsewhere."""

    counts: dict[str, int]
    crops: tuple[str, ...]
    event_ids: tuple[str, ...]


def begin(cursor: Cursor, who: str) -> Erasure:
    """Mark a person as being erased, from when this is committed; return what there is. May be called again.

    Raises:
        NoSuchIdentityError: there is no such person.
    """
    identity = find(cursor, who)
    cursor.execute(_LOCK, (identity.id,))
    cursor.execute(_MARK, (identity.id,))
    return _found(cursor, identity.id, identity.name, identity.label)


def finish(cursor: Cursor, erasure: Erasure) -> Erased:
    """Remove a person's rows; what stays is an id and how many rows there were. May be called again."""
    cursor.execute(_LOCK, (erasure.identity_id,))
    row = cursor.fetchone()
    if row is None:
        return Erased({"photos": 0, "embeddings": 0, "sightings": 0, "alerts": 0}, (), ())
    name, label, number = row
    found = _found(cursor, erasure.identity_id, name, label)
    cursor.execute("DELETE FROM face_embeddings WHERE identity_id = %s RETURNING source, origin", (erasure.identity_id,))
    faces = cursor.fetchall()
    cursor.execute("DELETE FROM sightings WHERE identity_id = %s", (erasure.identity_id,))
    sightings = cursor.rowcount
    cursor.execute("DELETE FROM redirects WHERE identity_id = %s", (erasure.identity_id,))
    cursor.execute("DELETE FROM identities WHERE id = %s", (erasure.identity_id,))
    alerts = _forget_alerts(cursor, found, number)
    cursor.execute(_TOMBSTONE, (erasure.identity_id, len(faces), sightings, len(found.crops)))
    photos = len({origin for source, origin in faces if source == "photo"})
    counts = {"photos": photos, "embeddings": len(faces), "sightings": sightings, "alerts": alerts}
    return Erased(counts, found.crops, found.event_ids)


def _found(cursor: Cursor, identity_id: str, name: str | None, label: str) -> Erasure:
    cursor.execute(_SIGHTINGS, (identity_id,))
    sightings = cursor.fetchall()
    cursor.execute(_FACES, (identity_id,))
    faces = cursor.fetchall()
    cursor.execute(_MERGED, (identity_id,))
    merged = [row[0] for row in cursor.fetchall()]
    events = [row[0] for row in sightings] + [origin for source, origin, _ in faces if source == "sighting"]
    crops = {row[4] for row in sightings} | {crop for _, _, crop in faces}
    return Erasure(
        identity_id,
        (identity_id, *merged),
        name,
        label,
        tuple(dict.fromkeys(events)),
        tuple(sorted(crops - {""} - _of_others(cursor, identity_id, crops))),
        tuple(dict.fromkeys(Seen(camera, session, number) for _, camera, session, number, _ in sightings)),
    )


def _of_others(cursor: Cursor, identity_id: str, crops: set[str]) -> set[str]:
    cursor.execute(
        "SELECT crop FROM sightings WHERE crop = ANY(%(crops)s) AND crop <> '' AND identity_id IS DISTINCT FROM %(id)s "
        "UNION SELECT crop FROM face_embeddings WHERE crop = ANY(%(crops)s) AND crop <> '' AND identity_id <> %(id)s",
        {"crops": list(crops), "id": identity_id},
    )
    return {row[0] for row in cursor.fetchall()}


def _forget_alerts(cursor: Cursor, found: Erasure, number: int | None) -> int:
    """Remove the alerts that sightings of the person have caused, and the person's names from the texts of the others."""
    cursor.execute(_ALERTS, (list(found.event_ids),))
    removed = int(cursor.rowcount)
    for name in {found.name, None if number is None else f"unknown-{number}"} - {None}:
        cursor.execute(_MENTIONS, {"said": _as_word(str(name)), "instead": ERASED_NAME})
    return removed


def _as_word(name: str) -> str:
    """Return PostgreSQL's regular expression for a name that is not a part of a longer word."""
    escaped = re.sub(r"(\W)", r"\\\1", name)
    return ("\\m" if name[0].isalnum() else "") + escaped + ("\\M" if name[-1].isalnum() else "")
