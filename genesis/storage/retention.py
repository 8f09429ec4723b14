"""Remove what is older than it may be kept, by kind."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from genesis.settings import Retention
from genesis.storage.crops import Crops, unused
from genesis.storage.database import Database, DatabaseRefusesError
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


def sweep(database: Database, retention: Retention, crops: Crops, now: datetime) -> dict[str, int]:
    """Remove what is too old; return how much of what. Does nothing while another process does it.

    Args:
        database: to be swept.
        retention: how many days each kind is kept; 0: for ever.
        crops: pictures of faces go with their last row; those that never got one, after a day.
        now: the present (UTC).

    Raises:
        GenesisError: as `Database.run`.
        CropError: a picture can't be removed.
    """
    kinds: dict[str, tuple[float, Callable[[Cursor, datetime], Batch]]] = {
        "sightings": (retention.sightings_days, lambda cursor, before: _sightings(cursor, before, "known")),
        "unknown_sightings": (retention.unknown_days, lambda cursor, before: _sightings(cursor, before, "unknown")),
        "sessions": (retention.sessions_days, lambda cursor, before: _records(cursor, before, "sessions")),
        "zone_events": (retention.zone_events_days, lambda cursor, before: _records(cursor, before, "zone_events")),
        "alerts": (retention.alerts_days, lambda cursor, before: _records(cursor, before, "alerts")),
        "metrics": (retention.metrics_days, lambda cursor, before: _records(cursor, before, "metrics")),
    }
    removed = dict.fromkeys([*kinds, "unknown_people", "crops"], 0)
    for name, (days, batch) in kinds.items():
        if days:
            _repeat(database, crops, removed, name, _before(now - timedelta(days=days), batch))
    _repeat(database, crops, removed, "unknown_people", _unseen)
    young = (now - ORPHAN_AGE).timestamp()
    removed["crops"] += crops.delete(crops.orphans(young, lambda shas: database.run(lambda cursor: unused(cursor, shas))))
    crops.remove_unfinished(young)
    _mend_indexes(database)
    return removed


def _mend_indexes(database: Database) -> None:
    """Build what an erasure that was killed has left out; elsewhere this is nothing."""
    try:
        mend(database)
    except DatabaseRefusesError as error:
        logger.warning("searches of large galleries are slow: an index is missing, and can't be built: %s", error)


def _before(when: datetime, batch: Callable[[Cursor, datetime], Batch]) -> Callable[[Cursor], Batch]:
    return lambda cursor: batch(cursor, when)


def _repeat(database: Database, crops: Crops, removed: dict[str, int], name: str, batch: Callable[[Cursor], Batch]) -> None:
    """Remove one kind, a batch at a time, and the pictures that nobody needs any more."""
    while True:
        count, shas = database.run(lambda cursor: _alone(cursor, batch))
        removed[name] += count
        if shas:
            removed["crops"] += crops.delete(database.run(lambda cursor: unused(cursor, shas)))  # noqa: B023 - runs at once
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


def _unseen(cursor: Cursor) -> Batch:
    cursor.execute(_UNSEEN, (BATCH,))
    found = [row[0] for row in cursor.fetchall()]
    if not found:
        return 0, []
    cursor.execute(_FORGET, (found,))
    count, shas = cursor.fetchone()
    return count, list(shas)
