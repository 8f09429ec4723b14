"""The extension pgvector of a database: there, new enough, and if not, what its administrator has to do.

Older releases than 0.8 are refused: their index knows no iterative scan, so that a search for enrolled people among many unknown
ones would find nobody, and say nothing.
"""

from __future__ import annotations

from typing import Any

import psycopg2

from genesis.storage.trouble import DatabaseRefusesError, Place, words

OLDEST = (0, 8)

_VERSIONS = """
    SELECT (SELECT extversion FROM pg_extension WHERE extname = 'vector'),
        (SELECT default_version FROM pg_available_extensions WHERE name = 'vector')
"""


def require(cursor: Any, place: Place) -> None:
    """See that the database has a pgvector that is new enough.

    Raises:
        DatabaseRefusesError: it has none, or an older one.
    """
    installed, available = _versions(cursor)
    if installed is None:
        _ensure_available(cursor, available, place)
        msg = f"{place}: pgvector is not in this database: let an administrator run `CREATE EXTENSION vector` in it"
        raise DatabaseRefusesError(msg)
    if _parsed(installed) < OLDEST:
        oldest = ".".join(map(str, OLDEST))
        way_out = "run `ALTER EXTENSION vector UPDATE` in it" if _parsed(available or "") >= OLDEST else "install a newer one on the server"
        msg = f"{place}: pgvector {installed} is too old, Genesis needs {oldest} or newer: {way_out}"
        raise DatabaseRefusesError(msg)


def ensure(cursor: Any, place: Place) -> None:
    """Put pgvector into the database, unless it is there.

    Raises:
        DatabaseRefusesError: the server has none, an older one, or does not let us.
    """
    installed, available = _versions(cursor)
    if installed is None:
        _ensure_available(cursor, available, place)
        try:
            cursor.execute("CREATE EXTENSION vector")
        except (psycopg2.errors.InsufficientPrivilege, psycopg2.errors.FeatureNotSupported, psycopg2.errors.UndefinedFile) as error:
            msg = f"{place}: {words(error)}: let an administrator run `CREATE EXTENSION vector` in this database, then run this again"
            raise DatabaseRefusesError(msg) from error
    require(cursor, place)


def _ensure_available(cursor: Any, available: str | None, place: Place) -> None:
    if available is None:
        major = cursor.connection.server_version // 10_000
        msg = (
            f"{place}: this PostgreSQL {major} has no pgvector: let an administrator install it (Debian: apt install "
            f"postgresql-{major}-pgvector), or leave storage.dsn empty for a server of our own"
        )
        raise DatabaseRefusesError(msg)


def _versions(cursor: Any) -> tuple[str | None, str | None]:
    cursor.execute(_VERSIONS)
    installed, available = cursor.fetchone()
    return installed, available


def _parsed(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")[:2] if part.isdigit())
