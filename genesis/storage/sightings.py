"""Keep who was seen where and when, once for each event; list it again.

    stored = database.run(lambda cursor: store(cursor, event, unknown_distance=event.threshold))

Somebody unknown joins the nearest unknown person who is near enough, or becomes a new one. Whoever is stored holds the person's row
meanwhile: an erasure that begins at the same moment waits and finds the sighting, or is waited for and nothing is stored.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from genesis.errors import RetryableError
from genesis.events import FaceRecognized
from genesis.storage.crops import unused
from genesis.storage.custody import Held, hold, hold_named
from genesis.storage.faces import NewFace, add_faces, drop_surplus, register_model
from genesis.storage.rows import cleaned
from genesis.storage.search import Match, search
from genesis.storage.seen import Filters, NoSuchSightingError, Sighting, face_of, get, sightings
from genesis.storage.upserts import upsert
from genesis.storage.vectors import Embedding, literal, unpacked

__all__ = ["Filters", "NoSuchSightingError", "Sighting", "Stored", "face_of", "get", "sightings", "store"]

Cursor = Any  # psycopg2's, which carries no types

ERASED = "erased"
"""Why a sighting is refused."""
EXACT_BELOW = 20_000  # as the setting's default

_NEAREST = 5  # identities that are looked at: some do not count
_SAME = 1e-4  # distances that differ by less are one: those of events are rounded
_TRIES = 3
_LOCK_CLASS = 0x6E65
_LOCK = "SELECT pg_advisory_xact_lock(%s, hashtext(%s))"
_STORED = """
    SELECT s.identity_id::text, i.label, i.kind FROM sightings s LEFT JOIN identities i ON i.id = s.identity_id WHERE s.event_id = %s
"""
_NEW_UNKNOWN = "INSERT INTO identities (kind, unknown_number) VALUES ('unknown', nextval('unknown_numbers')) RETURNING id::text, label"


@dataclass(frozen=True, slots=True)
class Stored:
    """What became of an event.

    Attributes:
        new: whether a sighting was stored now.
        identity_id: whose it is; None: nobody could be told apart, or it was refused.
        label: what that person is called.
        known: whether they are enrolled.
        refused: why nothing is stored; None: it is, now or before.
        crop_to_delete: picture of the face that no row has, and that must not stay.
    """

    new: bool
    identity_id: str | None = None
    label: str | None = None
    refused: str | None = None
    crop_to_delete: str | None = None
    known: bool = False


def store(cursor: Cursor, event: FaceRecognized, *, unknown_distance: float | None, exact_below: int = EXACT_BELOW) -> Stored:
    """Keep one sighting.

    Args:
        cursor: of a transaction.
        event: with its id.
        unknown_distance: largest cosine distance at which an unknown face joins a person; None: it joins nobody, and is nobody.
        exact_below: as `search` has it.

    Raises:
        MalformedEventError: the identity's id is none.
        EmbeddingError: the embedding can't be compared with those of its model.
    """
    embedding = unpacked(event.embedding) if event.embedding else None
    unknown = event.identity_id is None and embedding is not None and unknown_distance is not None
    if unknown:
        assert embedding is not None  # noqa: S101 - just seen
        register_model(cursor, event.model, embedding.size)
        # One at a time, or two faces of a newcomer would become two people.
        cursor.execute(_LOCK, (_LOCK_CLASS, event.model))
    cursor.execute(_STORED, (event.id,))
    if before := cursor.fetchone():
        identity_id, label, kind = before
        return Stored(new=False, identity_id=identity_id, label=label, known=kind == "known")
    if event.identity_id is not None:
        held = hold_named(cursor, type(event).__name__, event.identity_id)
    elif unknown:
        held = _unknown(cursor, event, embedding, unknown_distance, exact_below)
    else:
        held = Held(None, None)
    if held.refused:
        free = unused(cursor, [event.crop]) if event.crop else []
        return Stored(new=False, refused=ERASED, crop_to_delete=next(iter(free), None))
    return Stored(_insert(cursor, event, held.identity_id, embedding), held.identity_id, held.label, known=held.kind == "known")


def _unknown(cursor: Cursor, event: FaceRecognized, embedding: Any, unknown_distance: Any, exact_below: int) -> Held:
    for _ in range(_TRIES):
        matches = search(cursor, event.model, embedding, exact_below=exact_below, limit=_NEAREST, kinds=("known", "unknown"))
        match = next((match for match in matches if match.distance <= unknown_distance and _counts(match, event)), None)
        if match is None:
            cursor.execute(_NEW_UNKNOWN)
            held: Held | None = Held(*cursor.fetchone())
        else:
            held = hold(cursor, match.identity_id)
        if held is not None:
            if not held.refused and held.kind == "unknown":
                _remember(cursor, event, held.identity_id, embedding)
            return held
    msg = f"sighting {event.id}: the people near it were merged or erased again and again"
    raise RetryableError(msg)


def _counts(match: Match, event: FaceRecognized) -> bool:
    """Tell whether an unknown face may join somebody: not a known person whom the recognition had before it, and did not believe in."""
    if match.kind == "unknown" or match.erasing or event.distance is None:
        return True
    return match.distance < event.distance - _SAME


def _remember(cursor: Cursor, event: FaceRecognized, identity_id: str | None, embedding: Embedding) -> None:
    """Put an unknown person's face into the gallery, the best of them at least."""
    assert identity_id is not None  # noqa: S101 - it is held
    face = NewFace(embedding, "sighting", event.id, size=event.size, sharpness=event.sharpness, frontal=event.frontal)
    add_faces(cursor, identity_id, "unknown", event.model, [face])
    drop_surplus(cursor, identity_id, event.model)


def _insert(cursor: Cursor, event: FaceRecognized, identity_id: str | None, embedding: Embedding | None) -> bool:
    row = {
        "event_id": event.id, "identity_id": identity_id, "camera": event.camera, "time": event.time, "session": event.session,
        "number": event.number, "track": event.track, "model": event.model, "distance": event.distance, "threshold": event.threshold,
        "margin": event.margin, "score": event.score, "attempts": event.attempts, "crop": event.crop, "size": event.size,
        "sharpness": event.sharpness, "frontal": event.frontal,
        "person": [event.person.x1, event.person.y1, event.person.x2, event.person.y2],
        "box": [event.box.x1, event.box.y1, event.box.x2, event.box.y2],
        "embedding": None if embedding is None else literal(embedding),
    }  # fmt: skip
    return upsert(cursor, "sightings", cleaned(row))
