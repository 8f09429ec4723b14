"""Remove what is older than it may be kept, by kind."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from genesis.settings import Retention
from genesis.storage.crops import FOLDER, SNAPSHOTS, Crops, unused
from genesis.storage.database import Database, DatabaseRefusesError
from genesis.storage.identities import WHO
from genesis.storage.scrubbing import mend

logger = logging.getLogger(__name__)
Cursor = Any  # psycopg2's, which carries no types
Batch = tuple[int, list[str]]
"""How many rows were removed, and the pictures that they named."""

BATCH = 2000
"""Rows removed in one transaction, so that nobody waits for long."""
ORPHAN_AGE = timedelta(days=1)
"""Pictures without a row that are younger may have one on its way."""

_ONE_AT_A_TIME = "SELECT pg_try_advisory_xact_lock(%s)"
_LOCK = 0x73776565
_SIGHTINGS = """
    DELETE FROM sightings WHERE event_id IN (
        SELECT s.event_id FROM sightings s LEFT JOIN identities i ON i.id = s.identity_id
        WHERE s.time < %s AND coalesce(i.kind, 'unknown') = %s AND i.erasing IS NULL LIMIT %s
    ) RETURNING crop
"""
_PRESENCES = "DELETE FROM presences WHERE session IN (SELECT session FROM presences WHERE last_event < %s LIMIT %s) RETURNING face"
_ALERTS = "DELETE FROM alerts WHERE event_id IN (SELECT event_id FROM alerts WHERE time < %s LIMIT %s) RETURNING snapshot"
# What a presence has of somebody goes with the sightings that it is from.
_KIND = "coalesce(i.kind, CASE WHEN {0}.known THEN 'known' ELSE 'unknown' END)"
_FACES = f"""
    WITH old AS (
        SELECT p.session, p.face FROM presences p {WHO.format("p")}
        WHERE p.last_event < %s AND p.face <> '' AND {_KIND.format("p")} = 'known' AND i.erasing IS NULL LIMIT %s
    ) UPDATE presences p SET face = '' FROM old WHERE p.session = old.session RETURNING old.face
"""  # noqa: S608 - constants
_LABELS = f"""
    WITH old AS (
        SELECT p.session, p.face FROM presences p {WHO.format("p")}
        WHERE p.last_event < %s AND p.identity_id IS NOT NULL AND {_KIND.format("p")} = 'unknown' AND i.erasing IS NULL LIMIT %s
    ) UPDATE presences p SET named_by = '', identity = NULL, identity_id = NULL, known = FALSE, score = NULL, face = ''
    FROM old WHERE p.session = old.session RETURNING old.face
"""  # noqa: S608 - constants
_SESSION_LABELS = f"""
    UPDATE sessions SET identity = NULL, identity_id = NULL, known = FALSE, score = NULL WHERE event_id IN (
        SELECT s.event_id FROM sessions s {WHO.format("s")}
        WHERE s.time < %s AND s.identity_id IS NOT NULL AND {_KIND.format("s")} = 'unknown' AND i.erasing IS NULL LIMIT %s
    ) RETURNING ''
"""  # noqa: S608 - constants
_RECORDS = "DELETE FROM {table} WHERE event_id IN (SELECT event_id FROM {table} WHERE time < %s LIMIT %s)"
_UNSEEN = """
    SELECT id::text FROM identities i
    WHERE kind = 'unknown' AND erasing IS NULL AND NOT EXISTS (SELECT FROM sightings WHERE identity_id = i.id)
    LIMIT %s FOR UPDATE SKIP LOCKED
"""
# Looked at again with the rows locked: a sighting may have come meanwhile.
_FORGET = """
    WITH unseen AS (
        SELECT id FROM identities i WHERE id = ANY(%s::uuid[]) AND NOT EXISTS (SELECT FROM sightings WHERE identity_id = i.id)
    ), crops AS (
        SELECT crop FROM face_embeddings WHERE identity_id IN (SELECT id FROM unseen) AND crop <> ''
    ), gone AS (
        DELETE FROM identities WHERE id IN (SELECT id FROM unseen) RETURNING id
    ) SELECT (SELECT count(*) FROM gone), (SELECT coalesce(array_agg(crop), '{}') FROM crops)
"""


def sweep(database: Database, retention: Retention, crops: Crops, now: datetime, snapshots: Crops | None = None) -> dict[str, int]:
    """Remove what is too old; return how much of what. Does nothing while another process does it.

    Args:
        database: to be swept.
        retention: how many days each kind is kept; 0: for ever.
        crops: pictures of faces go with their last row; those that never got one, after a day.
        now: the present (UTC).
        snapshots: pictures of alerts, likewise; None leaves them alone.

    Raises:
        GenesisError: as `Database.run`.
        CropError: a picture can't be removed.
    """
    known, unknown, sessions = retention.sightings_days, retention.unknown_days, retention.sessions_days
    kinds: dict[str, tuple[float, Callable[[Cursor, datetime], Batch]]] = {
        "sightings": (known, lambda cursor, before: _sightings(cursor, before, "known")),
        "unknown_sightings": (unknown, lambda cursor, before: _sightings(cursor, before, "unknown")),
        "sessions": (sessions, lambda cursor, before: _records(cursor, before, "sessions")),
        "presences": (sessions, lambda cursor, before: _pictured(cursor, before, _PRESENCES)),
        "presence_faces": (known, lambda cursor, before: _pictured(cursor, before, _FACES)),
        "presence_labels": (unknown, lambda cursor, before: _pictured(cursor, before, _LABELS)),
        "session_labels": (unknown, lambda cursor, before: _pictured(cursor, before, _SESSION_LABELS)),
        "zone_events": (retention.zone_events_days, lambda cursor, before: _records(cursor, before, "zone_events")),
        "metrics": (retention.metrics_days, lambda cursor, before: _records(cursor, before, "metrics")),
    }
    removed = dict.fromkeys([*kinds, "alerts", "unknown_people", FOLDER, SNAPSHOTS], 0)
    faces, views = _Pictures(database, crops, FOLDER, removed), _Pictures(database, snapshots, SNAPSHOTS, removed)
    for name, (days, batch) in kinds.items():
        if days:
            _repeat(database, faces, removed, name, _before(now - timedelta(days=days), batch))
    if retention.alerts_days:
        before = now - timedelta(days=retention.alerts_days)
        _repeat(database, views, removed, "alerts", lambda cursor: _pictured(cursor, before, _ALERTS))
    _repeat(database, faces, removed, "unknown_people", _unseen)
    for pictures in (faces, views):
        pictures.remove_orphans((now - ORPHAN_AGE).timestamp())
    _mend_indexes(database)
    return removed


class _Pictures:
    """The pictures of one folder, which go when no row names them.

    Args:
        database: where the rows are.
        crops: the files; None: they are left alone.
        folder: their name.
        removed: counts those that went, by folder.
    """

    def __init__(self, database: Database, crops: Crops | None, folder: str, removed: dict[str, int]) -> None:
        self._database, self._crops, self._folder, self._removed = database, crops, folder, removed

    def remove(self, shas: Sequence[str]) -> None:
        """Remove those that no row names."""
        if self._crops is not None and shas:
            self._removed[self._folder] += self._crops.delete(self._unused(shas))

    def remove_orphans(self, before: float) -> None:
        """Remove those that never got a row, and what was left half written, before a time in seconds since 1970."""
        if self._crops is not None:
            self._removed[self._folder] += self._crops.delete(self._crops.orphans(before, self._unused))
            self._crops.remove_unfinished(before)

    def _unused(self, shas: Sequence[str]) -> list[str]:
        return self._database.run(lambda cursor: unused(cursor, shas, self._folder))


def _mend_indexes(database: Database) -> None:
    """Build what an erasure that was killed has left out; elsewhere this is nothing."""
    try:
        mend(database)
    except DatabaseRefusesError as error:
        logger.warning("searches of large galleries are slow: an index is missing, and can't be built: %s", error)


def _before(when: datetime, batch: Callable[[Cursor, datetime], Batch]) -> Callable[[Cursor], Batch]:
    return lambda cursor: batch(cursor, when)


def _repeat(database: Database, pictures: _Pictures, removed: dict[str, int], name: str, batch: Callable[[Cursor], Batch]) -> None:
    """Remove one kind, a batch at a time, and the pictures that nobody needs any more."""
    while True:
        count, shas = database.run(lambda cursor: _alone(cursor, batch))
        removed[name] += count
        pictures.remove(shas)
        if not count:
            return


def _alone(cursor: Cursor, batch: Callable[[Cursor], Batch]) -> Batch:
    cursor.execute(_ONE_AT_A_TIME, (_LOCK,))
    return batch(cursor) if cursor.fetchone()[0] else (0, [])


def _sightings(cursor: Cursor, before: datetime, kind: str) -> Batch:
    cursor.execute(_SIGHTINGS, (before, kind, BATCH))
    return cursor.rowcount, sorted({crop for (crop,) in cursor.fetchall() if crop})


def _records(cursor: Cursor, before: datetime, table: str) -> Batch:
    cursor.execute(_RECORDS.format(table=table), (before, BATCH))
    return cursor.rowcount, []


def _pictured(cursor: Cursor, before: datetime, statement: str) -> Batch:
    cursor.execute(statement, (before, BATCH))
    return cursor.rowcount, sorted({picture for (picture,) in cursor.fetchall() if picture})


def _unseen(cursor: Cursor) -> Batch:
    cursor.execute(_UNSEEN, (BATCH,))
    found = [row[0] for row in cursor.fetchall()]
    if not found:
        return 0, []
    cursor.execute(_FORGET, (found,))
    count, shas = cursor.fetchone()
    return count, list(shas)
