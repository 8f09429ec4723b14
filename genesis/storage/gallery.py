"""Change who is known: enrol, rename, merge, un-enrol, name an unknown person.

Every function works within the caller's transaction. Who is changed is locked first, so that a sighting that is being stored at
the same moment goes to where it belongs, or waits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import psycopg2

from genesis.errors import RetryableError, UsageError
from genesis.storage.faces import NewFace, StoredFace, add_faces, drop_surplus, register_model, stored_faces
from genesis.storage.identities import (
    WHO,
    Identity,
    IdentityBusyError,
    Kind,
    NoSuchIdentityError,
    by_id,
    checked_name,
    find,
    identities,
    name_key,
)

__all__ = [
    "Deleted", "Enrolled", "Identity", "IdentityBusyError", "Kind", "NewFace", "NoSuchIdentityError", "StoredFace",
    "delete", "enroll", "enrolled_as", "find", "identities", "merge", "name_unknown", "rename", "stored_faces",
]  # fmt: skip

Cursor = Any  # psycopg2's, which carries no types

_TRIES = 3
_LOCK = "SELECT id::text, erasing IS NOT NULL FROM identities WHERE id = ANY(%s::uuid[]) ORDER BY id FOR UPDATE"
_ENROLL = "INSERT INTO identities (kind, name, name_key) VALUES ('known', %s, %s) ON CONFLICT (name_key) DO NOTHING"
_BY_KEY = "SELECT id::text FROM identities WHERE name_key = %s"
_ENROLLED_AS = """
    SELECT e.origin, i.label FROM face_embeddings e JOIN identities i ON i.id = e.identity_id
    WHERE e.model = %s AND e.origin = ANY(%s) AND i.kind = 'known'
"""
_ELSEWHERE = "DELETE FROM face_embeddings WHERE source = 'sighting' AND origin = ANY(%s) AND identity_id <> %s RETURNING identity_id::text"
_MOVE_SIGHTINGS = """
    WITH before AS (
        SELECT event_id, identity_id FROM sightings WHERE event_id = ANY(%(events)s) AND identity_id IS DISTINCT FROM %(id)s FOR UPDATE
    ), moved AS (UPDATE sightings s SET identity_id = %(id)s FROM before b WHERE s.event_id = b.event_id)
    SELECT identity_id::text FROM before WHERE identity_id IS NOT NULL
"""
_TRACKS = "SELECT DISTINCT track FROM sightings WHERE event_id = ANY(%s) AND track IS NOT NULL"
# The presences that those sightings have named.
_MOVE_PRESENCES = f"""
    UPDATE presences SET identity_id = %(id)s WHERE session IN (
        SELECT p.session FROM presences p {WHO.format("p")}
        WHERE p.session = ANY(%(tracks)s) AND coalesce(i.id, p.identity_id) = ANY(%(owners)s::uuid[])
    )
"""  # noqa: S608 - constants
_LEFT_WITHOUT_SIGHTINGS = """
    DELETE FROM identities i WHERE id = ANY(%s::uuid[]) AND kind = 'unknown' AND erasing IS NULL
        AND NOT EXISTS (SELECT FROM sightings WHERE identity_id = i.id)
"""
_MERGE = """
    DELETE FROM face_embeddings e USING face_embeddings f
        WHERE e.identity_id = %(other)s AND f.identity_id = %(into)s AND f.model = e.model AND f.origin = e.origin;
    UPDATE face_embeddings SET identity_id = %(into)s, kind = %(kind)s WHERE identity_id = %(other)s;
    UPDATE sightings SET identity_id = %(into)s WHERE identity_id = %(other)s;
    UPDATE redirects SET identity_id = %(into)s WHERE identity_id = %(other)s;
    DELETE FROM identities WHERE id = %(other)s;
    INSERT INTO redirects (merged_id, identity_id) VALUES (%(other)s, %(into)s);
"""
_MODELS = "SELECT DISTINCT model FROM face_embeddings WHERE identity_id = %s"
_RENAME = "UPDATE identities SET kind = 'known', name = %s, name_key = %s WHERE id = %s"
_FORGET_NAME = """
    UPDATE identities SET kind = 'unknown', name = NULL, name_key = NULL,
        unknown_number = coalesce(unknown_number, nextval('unknown_numbers')) WHERE id = %s
"""
_FORGET_PHOTOS = "DELETE FROM face_embeddings WHERE identity_id = %s AND source = 'photo' RETURNING origin, crop"
_KEEP_SIGHTINGS = """
    INSERT INTO face_embeddings (identity_id, kind, model, embedding, source, origin, size, sharpness, frontal)
    SELECT identity_id, 'unknown', model, embedding, 'sighting', event_id, size, sharpness, frontal FROM sightings
    WHERE identity_id = %s AND embedding IS NOT NULL AND model IN (SELECT model FROM face_models)
    ON CONFLICT (identity_id, model, origin) DO NOTHING
"""


@dataclass(frozen=True, slots=True)
class Enrolled:
    """What an enrolment did: faces that are new for the person, and those that were there already."""

    identity: Identity
    added: int
    already: int


@dataclass(frozen=True, slots=True)
class Deleted:
    """What an un-enrolment did.

    Attributes:
        name: the person's name, which is forgotten.
        photos: how many were.
        crops: pictures of faces that may be deleted unless other rows have them (`crops.remove_unused`).
        left: who the sightings belong to now; None: there are none, and nothing is left.
    """

    name: str
    photos: int
    crops: tuple[str, ...]
    left: Identity | None


def enroll(cursor: Cursor, name: str, model: str, faces: Sequence[NewFace]) -> Enrolled:
    """Give a known person faces; the person is made if nobody is called so yet.

    A face from a sighting takes the sighting with it: it becomes one of this person, and is no longer in another's gallery.

    Args:
        cursor: of a transaction.
        name: in any case, if the person is known.
        model: that made the embeddings.
        faces: at least one.

    Raises:
        UsageError: nobody can be called so, or there are no faces.
        EmbeddingError: the model's embeddings have another length.
        IdentityBusyError: the person is being erased.
    """
    name = checked_name(name)
    if not faces:
        msg = f"{name}: no face to enrol"
        raise UsageError(msg)
    for face in faces:
        register_model(cursor, model, face.embedding.size)
    identity_id = _called(cursor, name)
    events = [face.sha256 for face in faces if face.source == "sighting"]
    if events:
        _take_sightings(cursor, identity_id, events)
    added = add_faces(cursor, identity_id, "known", model, faces)
    return Enrolled(_there(cursor, identity_id), added, len(faces) - added)


def enrolled_as(cursor: Cursor, model: str, sha256s: Sequence[str]) -> dict[str, str]:
    """Return who photos are enrolled as already, by the SHA-256 of their files."""
    cursor.execute(_ENROLLED_AS, (model, list(sha256s)))
    return dict(cursor.fetchall())


def rename(cursor: Cursor, who: str, name: str) -> Identity:
    """Give a known person another name; the past is told with it, too.

    Raises:
        UsageError: nobody can be called so, somebody else is, or the person has no name yet.
        NoSuchIdentityError: there is no such person.
    """
    identity = _locked(cursor, who)
    if identity.kind == "unknown":
        msg = f"{identity.label} has no name yet: genesis identity name {identity.label} {name!r}"
        raise UsageError(msg)
    return _named(cursor, identity, name)


def name_unknown(cursor: Cursor, who: str, name: str) -> Identity:
    """Make an unknown person a known one; if somebody is called so already, it is the same person (see `merge`).

    Raises:
        UsageError: nobody can be called so, or the person has a name.
        NoSuchIdentityError: there is no such person.
    """
    identity = _locked(cursor, who)
    if identity.kind == "known":
        msg = f"{who} is {identity.label} already: genesis identity rename {identity.label!r} {name!r}"
        raise UsageError(msg)
    cursor.execute(_BY_KEY, (name_key(checked_name(name)),))
    if row := cursor.fetchone():
        return merge(cursor, row[0], identity.id)
    return _named(cursor, identity, name)


def merge(cursor: Cursor, into: str, other: str) -> Identity:
    """Make one person of two: everything of the other becomes the first one's, whose name stays.

    Raises:
        UsageError: they are one already, or the other has a name and the first has none.
        NoSuchIdentityError: there is no such person.
    """
    first, second = find(cursor, into), find(cursor, other)
    if first.id == second.id:
        msg = f"{into} and {other} are the same person already ({first.label})"
        raise UsageError(msg)
    _lock(cursor, first.id, second.id)
    first, second = _there(cursor, first.id), _there(cursor, second.id)  # as they are now that they are held
    if first.kind == "unknown" and second.kind == "known":
        msg = f"{second.label} would lose the name: merge {first.label} into {second.label!r} instead"
        raise UsageError(msg)
    cursor.execute(_MERGE, {"into": first.id, "other": second.id, "kind": first.kind})
    if first.kind == "unknown":
        cursor.execute(_MODELS, (first.id,))
        for (model,) in cursor.fetchall():
            drop_surplus(cursor, first.id, model)
    return _there(cursor, first.id)


def delete(cursor: Cursor, who: str) -> Deleted:
    """Un-enrol a known person: name and photos go, the sightings stay as those of an unknown person.

    That person's gallery is made of the sightings then, so that the next ones join them.

    Raises:
        UsageError: the person has no name.
        NoSuchIdentityError: there is no such person.
    """
    identity = _locked(cursor, who)
    if identity.name is None:
        msg = f"{identity.label} is not enrolled: genesis erase {identity.label} removes the sightings, too"
        raise UsageError(msg)
    cursor.execute(_FORGET_PHOTOS, (identity.id,))
    gone = cursor.fetchall()
    cursor.execute(_FORGET_NAME, (identity.id,))
    cursor.execute(_LEFT_WITHOUT_SIGHTINGS, ([identity.id],))
    left = by_id(cursor, identity.id)
    if left is not None:
        cursor.execute(_KEEP_SIGHTINGS, (identity.id,))
        cursor.execute(_MODELS, (identity.id,))
        for (model,) in cursor.fetchall():
            drop_surplus(cursor, identity.id, model)
        left = by_id(cursor, identity.id)
    photos = len({origin for origin, _ in gone})
    return Deleted(identity.name, photos, tuple(sorted({crop for _, crop in gone if crop})), left)


def _called(cursor: Cursor, name: str) -> str:
    """Return the id of the person with a name, who is made if there is none, and whose row is held from now on."""
    for _ in range(_TRIES):
        cursor.execute(_ENROLL, (name, name_key(name)))
        cursor.execute(_BY_KEY, (name_key(name),))
        row = cursor.fetchone()
        if row is None:
            continue  # renamed or erased at this moment
        _lock(cursor, row[0])
        cursor.execute(_BY_KEY, (name_key(name),))
        if cursor.fetchone() == row:
            return str(row[0])
    msg = f"{name}: was renamed, un-enrolled or erased at this moment, again and again"
    raise RetryableError(msg)


def _locked(cursor: Cursor, who: str) -> Identity:
    identity = find(cursor, who)
    _lock(cursor, identity.id)
    return _there(cursor, identity.id)


def _lock(cursor: Cursor, *identity_ids: str) -> None:
    cursor.execute(_LOCK, (list(identity_ids),))
    rows = cursor.fetchall()
    if len(rows) < len(set(identity_ids)):
        msg = "the person was merged or erased at this moment: look again"
        raise NoSuchIdentityError(msg)
    if any(erasing for _, erasing in rows):
        msg = "the person is being erased: let that end (genesis erase can be run again), then begin anew"
        raise IdentityBusyError(msg)


def _named(cursor: Cursor, identity: Identity, name: str) -> Identity:
    name = checked_name(name)
    try:
        cursor.execute(_RENAME, (name, name_key(name), identity.id))
    except psycopg2.errors.UniqueViolation:
        msg = f"somebody else is called {name!r}: genesis identity merge makes one person of two"
        raise UsageError(msg) from None
    return _there(cursor, identity.id)


def _take_sightings(cursor: Cursor, identity_id: str, events: Sequence[str]) -> None:
    cursor.execute(_ELSEWHERE, (list(events), identity_id))
    owners = {row[0] for row in cursor.fetchall()}
    cursor.execute(_MOVE_SIGHTINGS, {"events": list(events), "id": identity_id})
    owners |= {row[0] for row in cursor.fetchall()}
    cursor.execute(_TRACKS, (list(events),))
    cursor.execute(_MOVE_PRESENCES, {"id": identity_id, "tracks": [row[0] for row in cursor.fetchall()], "owners": sorted(owners)})
    cursor.execute(_LEFT_WITHOUT_SIGHTINGS, (sorted(owners),))


def _there(cursor: Cursor, identity_id: str | None) -> Identity:
    identity = by_id(cursor, identity_id) if identity_id else None
    if identity is None:
        msg = "the person was merged or erased at this moment: look again"
        raise NoSuchIdentityError(msg)
    return identity
