"""Who is known, and who was seen without being known; finding one of them by what a person types."""

from __future__ import annotations

import difflib
import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from genesis.errors import GenesisError, UsageError

Cursor = Any  # psycopg2's, which carries no types
Kind = Literal["known", "unknown"]

LONGEST_NAME = 100
SHORTEST_PREFIX = 4  # digits of an id

_MOST_NEAR = 5000  # labels that a mistyped one is compared with, names before numbers: more would take seconds
_UNKNOWN = re.compile(r"unknown-(\d{1,9})", re.IGNORECASE)
_ID = re.compile(r"[0-9a-f]{4,32}")
_SELECT = """
    SELECT i.id::text, i.unknown_number, i.name, i.label, i.kind, e.photos, e.embeddings, s.sightings, i.created, s.first_seen, s.last_seen,
        i.erasing IS NOT NULL
    FROM identities i
    LEFT JOIN LATERAL (
        SELECT count(*) FILTER (WHERE source = 'photo') AS photos, count(*) AS embeddings FROM face_embeddings WHERE identity_id = i.id
    ) e ON true
    LEFT JOIN LATERAL (
        SELECT count(*) AS sightings, min(time) AS first_seen, max(time) AS last_seen FROM sightings WHERE identity_id = i.id
    ) s ON true
"""
_ORDER = " ORDER BY i.kind, i.name_key, i.unknown_number"
_BY_PREFIX = """
    SELECT id::text FROM identities WHERE replace(id::text, '-', '') LIKE %(prefix)s
    UNION SELECT identity_id::text FROM redirects WHERE replace(merged_id::text, '-', '') LIKE %(prefix)s LIMIT 2
"""
WHO = """
    LEFT JOIN redirects r ON r.merged_id = {0}.identity_id LEFT JOIN identities i ON i.id = coalesce(r.identity_id, {0}.identity_id)
"""
"""SQL: joins as `i` who the `identity_id` of a table is by now; nobody, if the person is gone."""
_RESOLVED = "SELECT coalesce((SELECT identity_id FROM redirects WHERE merged_id = %s), %s)::text"


class NoSuchIdentityError(GenesisError):
    """Nobody has this name, label or id. The message says who is called nearly so."""


class IdentityBusyError(GenesisError):
    """The person is being erased. Let that end (`genesis erase` can be run again), then begin anew."""


@dataclass(frozen=True, slots=True)
class Identity:
    """One person.

    Attributes:
        id: stays the same for all time.
        number: the N of `unknown-N`; None for who was never unknown.
        name: of a known person.
        label: what to call the person: the name, else `unknown-N`.
        kind: whether the person has a name.
        photos: enrolled photos, of all models.
        embeddings: of photos and sightings, of all models.
        sightings: how often seen.
        created: when first heard of (UTC), as are the next two.
        first_seen: capture time of the first sighting that is kept.
        last_seen: of the last.
        erasing: whether an erasure has begun and not ended.
    """

    id: str
    number: int | None
    name: str | None
    label: str
    kind: Kind
    photos: int
    embeddings: int
    sightings: int
    created: datetime
    first_seen: datetime | None
    last_seen: datetime | None
    erasing: bool = False


def identities(cursor: Cursor, kind: Kind | None = None) -> list[Identity]:
    """Return everybody, or everybody of one kind: the known by name, then the unknown by number."""
    cursor.execute(f"{_SELECT} WHERE %s::text IS NULL OR i.kind = %s {_ORDER}", (kind, kind))
    return [Identity(*row) for row in cursor.fetchall()]


def find(cursor: Cursor, who: str) -> Identity:
    """Return who is meant by a name (in any case), a label, or an id or its first digits (four at least).

    A known person who was unknown once is found by the old label, too; one who was merged, by the old id.

    Raises:
        NoSuchIdentityError: nobody, or several people.
    """
    found = _by_name(cursor, who) or _by_label(cursor, who) or _by_id(cursor, who)
    if found is None:
        msg = f"nobody is called {who!r}{_near(cursor, who)}"
        raise NoSuchIdentityError(msg)
    return found


def by_id(cursor: Cursor, identity_id: str) -> Identity | None:
    """Return the identity with exactly this id; None if there is none."""
    cursor.execute(f"{_SELECT} WHERE i.id = %s", (identity_id,))
    row = cursor.fetchone()
    return Identity(*row) if row else None


def resolved(cursor: Cursor, identity_id: str) -> str:
    """Return the id that an id has become by merging; itself if it was not merged."""
    cursor.execute(_RESOLVED, (identity_id, identity_id))
    return str(cursor.fetchone()[0])


def name_key(name: str) -> str:
    """Return what makes two names the same: case, composed letters and spaces do not count."""
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


def checked_name(name: str) -> str:
    """Return a name as it is kept.

    Raises:
        UsageError: nobody can be called so.
    """
    cleaned = " ".join(unicodedata.normalize("NFC", name).split())
    if not cleaned or len(cleaned) > LONGEST_NAME or not cleaned.isprintable():
        msg = f"a name has 1 to {LONGEST_NAME} letters, and none that can't be printed: {cleaned[:LONGEST_NAME]!r}"
        raise UsageError(msg)
    if _UNKNOWN.fullmatch(cleaned):
        msg = f"nobody can be called {cleaned!r}: that is how people without a name are called"
        raise UsageError(msg)
    return cleaned


def _by_name(cursor: Cursor, who: str) -> Identity | None:
    cursor.execute(f"{_SELECT} WHERE i.name_key = %s", (name_key(who),))
    row = cursor.fetchone()
    return Identity(*row) if row else None


def _by_label(cursor: Cursor, who: str) -> Identity | None:
    match = _UNKNOWN.fullmatch(who.strip())
    if match is None:
        return None
    cursor.execute(f"{_SELECT} WHERE i.unknown_number = %s", (int(match[1]),))
    row = cursor.fetchone()
    return Identity(*row) if row else None


def _by_id(cursor: Cursor, who: str) -> Identity | None:
    digits = who.strip().lower().replace("-", "")
    if not _ID.fullmatch(digits):
        return None
    cursor.execute(_BY_PREFIX, {"prefix": f"{digits}%"})
    found = [row[0] for row in cursor.fetchall()]
    if len(found) > 1:
        msg = f"several people have an id that begins with {who!r}: write more of it"
        raise NoSuchIdentityError(msg)
    return by_id(cursor, found[0]) if found else None


def _near(cursor: Cursor, who: str) -> str:
    cursor.execute("SELECT label FROM identities ORDER BY kind, created DESC LIMIT %s", (_MOST_NEAR,))
    labels = {name_key(label): label for (label,) in cursor.fetchall()}
    near = [labels[key] for key in difflib.get_close_matches(name_key(who), labels, n=3, cutoff=0.6)]
    return f" (near: {', '.join(near)})" if near else ""
