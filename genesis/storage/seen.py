"""Look at the sightings that are kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from genesis.errors import GenesisError, UsageError
from genesis.storage.faces import NewFace
from genesis.storage.identities import Kind
from genesis.storage.vectors import parse

Cursor = Any  # psycopg2's, which carries no types

_SELECT = """
    SELECT s.id, s.event_id, s.time, s.camera, s.session, s.number, s.track, s.identity_id::text, i.name, i.label,
        coalesce(i.kind, 'unknown'), s.model, s.distance, s.threshold, s.margin, s.score, s.attempts, s.crop,
        s.size, s.sharpness, s.frontal, s.person, s.box, s.embedding IS NOT NULL
    FROM sightings s LEFT JOIN identities i ON i.id = s.identity_id WHERE i.erasing IS NULL
"""
_EMBEDDING = "SELECT embedding::text FROM sightings WHERE id = %s"
_LARGEST_ID = 2**63 - 1


class NoSuchSightingError(GenesisError):
    """No sighting has this number. It was removed (retention, erasure), or the number has a mistake in it."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """One person, seen once.

    Attributes:
        id: the number that people use.
        event_id: of the event that told it.
        time: capture time (UTC).
        camera: that saw it.
        session: run of the capture.
        number: frame of that session.
        track: of the person, if there are tracks.
        identity_id: who it is; None: nobody could be told apart.
        name: of a known person, now.
        label: the name, or `unknown-N`; None as `identity_id`.
        kind: known or unknown, now.
        model: that made the embedding.
        distance: cosine distance to the nearest enrolled face when it was recognised, as are the next four.
        threshold: largest distance that counted as the same person.
        margin: how much farther away the second best identity was.
        score: how sure the decision was, 0 to 1.
        attempts: looks until the decision.
        crop: SHA-256 of the picture of the face; empty if there is none.
        size: shorter side of the face in pixels.
        sharpness: variance of the Laplacian.
        frontal: 0 (profile) to 1.
        person: `x1 y1 x2 y2` in pixels of the frame.
        box: the face's, likewise.
        comparable: whether there is an embedding, so that the face can be enrolled.
    """

    id: int
    event_id: str
    time: datetime
    camera: str
    session: str
    number: int
    track: str | None
    identity_id: str | None
    name: str | None
    label: str | None
    kind: Kind
    model: str
    distance: float | None
    threshold: float | None
    margin: float | None
    score: float | None
    attempts: int
    crop: str
    size: float
    sharpness: float
    frontal: float
    person: Sequence[float]
    box: Sequence[float]
    comparable: bool


@dataclass(frozen=True, slots=True)
class Filters:
    """Which sightings; what is None does not matter.

    Attributes:
        identity_id: of this person (see `identities.find`).
        camera: of this camera.
        since: from this time on.
        until: before this time.
        unknown: only of people without a name.
        limit: most of them, the newest; None: all.
    """

    identity_id: str | None = None
    camera: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    unknown: bool = False
    limit: int | None = None


def sightings(cursor: Cursor, filters: Filters = Filters()) -> list[Sighting]:
    """Return sightings, the newest first; not those of who is being erased."""
    conditions = {
        " AND s.identity_id = %s": filters.identity_id,
        " AND s.camera = %s": filters.camera,
        " AND s.time >= %s": filters.since,
        " AND s.time < %s": filters.until,
    }
    asked = {condition: value for condition, value in conditions.items() if value is not None}
    where = "".join(asked) + (" AND i.kind IS DISTINCT FROM 'known'" if filters.unknown else "")
    cursor.execute(f"{_SELECT}{where} ORDER BY s.time DESC, s.id DESC LIMIT %s", (*asked.values(), filters.limit))
    return [Sighting(*row) for row in cursor.fetchall()]


def get(cursor: Cursor, sighting: int | str) -> Sighting:
    """Return one sighting, by its number or its event's id.

    Raises:
        NoSuchSightingError: there is none.
    """
    text = str(sighting).strip()
    number = int(text) if text.isascii() and text.isdigit() and int(text) <= _LARGEST_ID else None
    cursor.execute(f"{_SELECT} AND (s.id = %s OR s.event_id = %s)", (number, text))
    row = cursor.fetchone()
    if row is None:
        msg = f"no sighting {sighting}: genesis sightings lists them"
        raise NoSuchSightingError(msg)
    return Sighting(*row)


def face_of(cursor: Cursor, sighting: Sighting) -> NewFace:
    """Return a sighting's face, as it can be enrolled.

    Raises:
        UsageError: no embedding was kept.
    """
    cursor.execute(_EMBEDDING, (sighting.id,))
    row = cursor.fetchone()
    if row is None or row[0] is None:
        msg = f"sighting {sighting.id} has no embedding: it can't be enrolled"
        raise UsageError(msg)
    return NewFace(parse(row[0]), "sighting", sighting.event_id, sighting.crop, sighting.size, sighting.sharpness, sighting.frontal)
