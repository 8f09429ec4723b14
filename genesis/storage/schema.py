"""The tables of Genesis: made, brought up to date, and checked.

Migrations are Alembic's, in `migrations/versions`, as plain SQL. Looking at the schema needs neither Alembic nor SQLAlchemy, which
take longer to import than all the rest: the revisions are listed here.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg2

from genesis.settings import Storage
from genesis.storage import extension
from genesis.storage.database import connect
from genesis.storage.trouble import DatabaseRefusesError, DatabaseUnavailableError, Place, SchemaError, Verdict, explain, verdict, words

__all__ = ["REVISIONS", "VERSION_TABLE", "SchemaError", "SchemaStatus", "require", "status", "upgrade"]

REVISIONS = ("0001", "0002")
"""All revisions, in the order in which they are made; a test holds them against the files."""
VERSION_TABLE = "genesis_schema"
"""Where the revision stands; not Alembic's own name, so that a database may be shared."""
OLDEST_SERVER = 13
"""Oldest major version of PostgreSQL."""

_MIGRATIONS = Path(__file__).with_name("migrations")
_LOCK = 0x6E656E65  # of the migrations: one at a time
_VERSION_TABLE = "SELECT to_regclass(%s) IS NOT NULL"
_VERSION = f"SELECT version_num FROM {VERSION_TABLE}"  # noqa: S608 - a constant


@dataclass(frozen=True, slots=True)
class SchemaStatus:
    """How far a database is.

    Attributes:
        current: its revision; None: it has no tables of ours.
        wanted: the revision of this release.
        pending: what has to be made, in order.
    """

    current: str | None
    wanted: str
    pending: tuple[str, ...]

    @property
    def newer(self) -> bool:
        """Whether a newer release has written it."""
        return self.current is not None and self.current not in REVISIONS


def status(dsn: str) -> SchemaStatus:
    """Look at the schema.

    Raises:
        DatabaseUnavailableError: the server is away; nothing is tried again here.
        DatabaseRefusesError: it does not let us in.
    """
    with _connected(dsn) as connection, connection.cursor() as cursor:
        return _status(cursor)


def require(dsn: str) -> None:
    """See that a database can be used as it is.

    Raises:
        SchemaError: no tables, older or newer ones.
        DatabaseUnavailableError: the server is away; nothing is tried again here.
        DatabaseRefusesError: it does not let us in, or its pgvector is missing or too old.
    """
    with _connected(dsn) as connection, connection.cursor() as cursor:
        found = _status(cursor)
        _refuse_newer(found, Place(dsn))
        if found.current is None:
            msg = f"{Place(dsn)}: the database has no tables of Genesis: run `genesis db upgrade`"
            raise SchemaError(msg)
        if found.pending:
            msg = f"{Place(dsn)}: the tables are of revision {found.current}, {found.wanted} is needed: run `genesis db upgrade`"
            raise SchemaError(msg)
        extension.require(cursor, Place(dsn))


def upgrade(dsn: str) -> None:
    """Make the tables, or bring them up to date; all of it or nothing. Several may do so at once: one does, the others wait.

    Raises:
        SchemaError: a newer release has written them.
        DatabaseUnavailableError: the server is away; nothing is tried again here.
        DatabaseRefusesError: it does not let us in, is too old, or its pgvector is missing or too old.
    """
    with _connected(dsn) as connection:
        with connection.cursor() as cursor:
            found = _status(cursor)
            _refuse_newer(found, Place(dsn))
            if not found.pending:
                extension.require(cursor, Place(dsn))
                return
            _refuse_old_server(connection, Place(dsn))
        connection.rollback()
        _migrate(connection, Place(dsn))


def _migrate(raw: Any, place: Place) -> None:
    logging.getLogger("alembic").setLevel(logging.WARNING)  # it has much to say already when it is imported
    from alembic import command  # noqa: PLC0415 - only where there is something to do
    from alembic.config import Config  # noqa: PLC0415
    from sqlalchemy import create_engine  # noqa: PLC0415
    from sqlalchemy.exc import DBAPIError  # noqa: PLC0415
    from sqlalchemy.pool import StaticPool  # noqa: PLC0415

    engine = create_engine("postgresql+psycopg2://", creator=lambda: raw, poolclass=StaticPool)
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    try:
        with engine.begin() as connection:
            connection.exec_driver_sql(f"SET LOCAL statement_timeout = 0; SELECT pg_advisory_xact_lock({_LOCK})")
            with raw.cursor() as cursor:
                found = _status(cursor)  # another may have done it meanwhile
                _refuse_newer(found, place)
                extension.ensure(cursor, place)
            config.attributes["connection"] = connection
            command.upgrade(config, REVISIONS[-1])
    except DBAPIError as error:
        # SQLAlchemy wraps what psycopg2 says.
        raise error.orig if isinstance(error.orig, psycopg2.Error) else error from None
    finally:
        engine.dispose()


def _status(cursor: Any) -> SchemaStatus:
    cursor.execute(_VERSION_TABLE, (VERSION_TABLE,))
    current = None
    if cursor.fetchone()[0]:
        cursor.execute(_VERSION)
        row = cursor.fetchone()
        current = str(row[0]) if row else None
    made = REVISIONS.index(current) + 1 if current in REVISIONS else 0
    pending = REVISIONS[made:] if current is None or made else ()
    return SchemaStatus(current, REVISIONS[-1], pending)


def _refuse_newer(found: SchemaStatus, place: Place) -> None:
    if found.newer:
        msg = f"{place}: written by a newer Genesis (revision {found.current}, this one knows {found.wanted}): upgrade Genesis"
        raise SchemaError(msg)


def _refuse_old_server(connection: Any, place: Place) -> None:
    if connection.server_version < OLDEST_SERVER * 10_000:
        msg = f"{place}: PostgreSQL {connection.server_version // 10_000} is too old: Genesis needs {OLDEST_SERVER} or newer"
        raise DatabaseRefusesError(msg)


@contextmanager
def _connected(dsn: str) -> Iterator[Any]:
    """Open a connection for the time of a `with` block; what psycopg2 says of the server becomes an error of ours."""
    connection = None
    try:
        with contextlib.closing(connect(dsn, Storage())) as connection:
            yield connection
    except psycopg2.Error as error:
        kind = verdict(error, lost=connection is None or bool(connection.closed))
        if kind is Verdict.REFUSED:
            raise DatabaseRefusesError(explain(error, Place(dsn))) from error
        if kind is Verdict.OTHER:
            msg = f"{Place(dsn)}: {words(error)}"
            raise DatabaseRefusesError(msg) from error
        raise DatabaseUnavailableError(explain(error, Place(dsn))) from error
