"""Take the bytes of rows that were deleted out of the database's files.

PostgreSQL only marks a deleted row; its bytes stay in the table, in the indexes, and in the log of changes. The tables are written
anew here, and the log is cut off behind that. On a server that is not ours, this goes as far as it lets us: what could not be done
is said. Backups, replicas and archives are out of reach.

Nobody can use a table while it is written, so the large HNSW indexes are left out of that: they are built again afterwards, while
others work on and search exactly. Who is killed in between leaves that to the next sweep.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import psycopg2

from genesis.storage.database import Database
from genesis.storage.faces import drop_indexes, mend_indexes
from genesis.storage.trouble import words

Cursor = Any  # psycopg2's, which carries no types

TABLES = ("sightings", "face_embeddings", "redirects", "identities", "alerts", "presences", "sessions")
"""Those that hold what is known of a person."""
LOCK_SECONDS = 30
"""How long a table's other users are waited for."""
READERS_SECONDS = 10.0
"""How long those are waited for who began before the rows were deleted: for them the rows are still there."""
LARGE = 5_000
"""Galleries with more embeddings have their indexes built apart from the table: it takes seconds."""

_INDEX_LOCK = 0x696E6478  # of those who build indexes: one at a time
_DEAD = re.compile(r"(\d+) dead row versions? cannot be removed yet")
_POLL_SECONDS = 0.2
# The graph is larger than the embeddings; where it has no room in memory, building it takes several times longer.
_MEMORY = """
    SELECT set_config('maintenance_work_mem', greatest(
        pg_size_bytes(current_setting('maintenance_work_mem')), least(1073741824, pg_total_relation_size('face_embeddings') * 3)
    ) / 1024 || 'kB', false)
"""
_LOG = (("the log's current file", "SELECT pg_switch_wal()"), ("the log's old files", "CHECKPOINT"))
_REFUSED = (psycopg2.errors.InsufficientPrivilege, psycopg2.errors.LockNotAvailable)


@dataclass(frozen=True, slots=True)
class Scrubbed:
    """What was written anew, and what could not be, with the reason."""

    done: tuple[str, ...]
    left: tuple[str, ...]


def scrub(database: Database, *, clock: Callable[[], float] = time.monotonic, sleep: Callable[[float], None] = time.sleep) -> Scrubbed:
    """Write the tables that hold people anew, without what was deleted from them.

    Raises:
        DatabaseUnavailableError: the server is away.
        DatabaseRefusesError: it does not let us in.
    """
    return database.outside(lambda cursor: _scrub(cursor, clock, sleep))


def mend(database: Database) -> int:
    """Build the indexes that a scrub which was killed has left out; return how many.

    Raises:
        DatabaseUnavailableError: the server is away.
        DatabaseRefusesError: it does not let us in, or the tables are not ours.
    """
    return database.outside(_mend)


def _scrub(cursor: Cursor, clock: Callable[[], float], sleep: Callable[[float], None]) -> Scrubbed:
    done: list[str] = []
    left: list[str] = []
    cursor.execute(f"SET lock_timeout = '{LOCK_SECONDS}s'")
    _leave_out_large_indexes(cursor)
    for table in TABLES:
        reason = _rewritten(cursor, table, clock, sleep)
        left.append(f"table {table}: {reason}") if reason else done.append(f"table {table}")
    for what, statement in _LOG:
        try:
            cursor.execute(statement)
            done.append(what)
        except psycopg2.errors.InsufficientPrivilege as error:
            left.append(f"{what}: {words(error)}; an administrator can run {statement.removeprefix('SELECT ')}")
    try:
        _mend(cursor)
    except _REFUSED as error:
        left.append(f"the search's index: {words(error)}")
    return Scrubbed(tuple(done), tuple(left))


def _leave_out_large_indexes(cursor: Cursor) -> None:
    cursor.execute("SELECT coalesce(sum(known + unknown), 0) FROM face_models")
    if cursor.fetchone()[0] <= LARGE:
        return
    try:
        drop_indexes(cursor)
    except _REFUSED:
        return  # then they are written together with the table


def _rewritten(cursor: Cursor, table: str, clock: Callable[[], float], sleep: Callable[[float], None]) -> str | None:
    """Write a table and its indexes anew; return why not, or None."""
    deadline = clock() + READERS_SECONDS
    while True:
        del cursor.connection.notices[:]
        try:
            cursor.execute(f"VACUUM (FULL, VERBOSE) {table}")
        except _REFUSED as error:
            return words(error)
        said = " ".join(cursor.connection.notices)
        if "nonremovable" not in said and "skipping" in said:
            return "only its owner may write it anew"
        if not any(int(count) for count in _DEAD.findall(said)):
            return None
        if clock() > deadline:
            return "another session's transaction still sees rows that were deleted; end it, then run this again"
        sleep(_POLL_SECONDS)


def _mend(cursor: Cursor) -> int:
    cursor.execute("SELECT pg_try_advisory_lock(%s)", (_INDEX_LOCK,))
    if not cursor.fetchone()[0]:
        return 0  # another does it
    try:
        cursor.execute(_MEMORY)
        return mend_indexes(cursor)
    finally:
        cursor.execute("SELECT pg_advisory_unlock(%s)", (_INDEX_LOCK,))
