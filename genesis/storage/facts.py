"""What a database is and holds, in numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from psycopg2 import sql

from genesis.storage.schema import VERSION_TABLE

if TYPE_CHECKING:
    from genesis.storage.database import Cursor

_SERVER = "SELECT current_setting('server_version'), pg_database_size(current_database())"
_PGVECTOR = "SELECT extversion FROM pg_extension WHERE extname = 'vector'"
_TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = current_schema() AND tablename <> %s ORDER BY tablename"


@dataclass(frozen=True, slots=True)
class Facts:
    """One database.

    Attributes:
        server: version of the server.
        pgvector: version of the extension in this database; None: it is not there.
        size_bytes: of everything in it.
        rows: how many, by table.
    """

    server: str
    pgvector: str | None
    size_bytes: int
    rows: dict[str, int]


def facts(cursor: Cursor) -> Facts:
    """Look at the database that a cursor is in."""
    cursor.execute(_SERVER)
    server, size = cursor.fetchone()
    cursor.execute(_PGVECTOR)
    extension = cursor.fetchone()
    cursor.execute(_TABLES, (VERSION_TABLE,))
    tables = [name for (name,) in cursor.fetchall()]
    return Facts(server.split()[0], extension[0] if extension else None, int(size), {name: _count(cursor, name) for name in tables})


def _count(cursor: Cursor, table: str) -> int:
    cursor.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table)))
    return int(cursor.fetchone()[0])
