"""`genesis db`, as an operator uses it: on the database of our own, and on one that is named."""

from __future__ import annotations

import contextlib
import json
import os
import socket
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from click.testing import CliRunner, Result

from genesis.cli.main import main
from genesis.events import MetricsEvent, completed
from genesis.settings import Storage
from genesis.storage import cluster
from genesis.storage.database import Database
from genesis.storage.records import store
from genesis.storage.server import PostgresServer

psycopg2 = pytest.importorskip("psycopg2", reason="no PostgreSQL in this environment: make setup")
pytestmark = pytest.mark.skipif(cluster.missing_packages() is not None, reason="no PostgreSQL in this environment: make setup")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the data folder of the commands, which have no settings file."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GENESIS_DATA_DIR", str(tmp_path / "data"))
    return tmp_path / "data"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    """Run a server that is not the installation's own."""
    with PostgresServer(tmp_path_factory.mktemp("elsewhere") / "postgres", durable=False) as server:
        yield server


@pytest.fixture
def named(server: PostgresServer, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the DSN of an empty database of the test's own, which the settings name."""
    name = "test_" + os.urandom(8).hex()
    tell(server.url("postgres"), f"CREATE DATABASE {name}")
    monkeypatch.setenv("GENESIS_STORAGE__DSN", server.url(name))
    return server.url(name)


def tell(dsn: str, sql: str) -> None:
    with contextlib.closing(psycopg2.connect(dsn)) as connection, connection.cursor() as cursor:
        connection.autocommit = True
        cursor.execute(sql)


def db(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["db", *arguments])


def status() -> dict[str, Any]:
    found = db("status", "--json")
    assert found.exit_code == 0, found.output
    return dict(json.loads(found.stdout))


def test_a_database_of_our_own_is_not_made_by_looking_at_it(home: Path) -> None:
    found = db("status")

    assert (found.exit_code, found.output.strip()) == (
        0, f"there is no database yet in {home}/postgres: it is made when it is first needed"
    )  # fmt: skip
    assert status()["exists"] is False
    assert not home.exists()


def test_a_database_of_our_own_is_made_upgraded_looked_at_and_left_stopped(home: Path) -> None:
    made, again = db("upgrade"), db("upgrade")
    found, shown = status(), db("status")

    assert made.output.startswith("the schema was brought from nothing to revision ")
    assert again.output.startswith("the schema is up to date (revision ")
    assert found["where"] == str(home / "postgres")
    assert (found["embedded"], found["schema"], found["pending"]) == (True, found["wanted"], [])
    assert found["rows"]["sightings"] == 0
    assert found["size_bytes"] > 1_000_000
    assert f"PostgreSQL {found['server']}, pgvector {found['pgvector']}" in shown.output
    assert "up to date" in shown.output
    assert not [file for file in (home / "postgres").iterdir() if file.is_socket()]


def test_a_named_database_is_upgraded_only_when_that_is_asked_for(named: str, home: Path) -> None:
    before, refused, shown = status(), db("sweep"), db("status")
    made, after, swept = db("upgrade"), status(), db("sweep")

    assert (before["schema"], before["embedded"]) == (None, False)
    assert before["pending"]
    assert "run `genesis db upgrade`" in shown.output
    assert refused.exit_code == 2
    assert "genesis db upgrade" in refused.output
    assert "brought from nothing to revision" in made.output
    assert after["schema"] == after["wanted"]
    assert swept.output == "removed: nothing: nothing is older than its retention\n"
    assert not home.exists()
    del named


def test_what_is_too_old_is_swept(named: str) -> None:
    db("upgrade")
    old = MetricsEvent(camera="door", time=datetime(2001, 1, 1, tzinfo=timezone.utc), window=60.0)
    database = Database(Storage(), named)
    database.run(lambda cursor: store(cursor, completed(old)))
    database.close()

    swept = db("sweep")

    assert "1 metrics" in swept.output
    assert status()["rows"]["metrics"] == 0


@pytest.mark.parametrize("verb", ["status", "upgrade", "sweep"])
@pytest.mark.parametrize(
    ("dsn", "code", "says"),
    [
        ("none", 2, "storage.dsn is none: nothing is stored"),
        ("postgresql://me:s3cret@127.0.0.1:{port}/x", 1, "127.0.0.1"),
        ("postgresql://me:s3cret@no-such-host.invalid/x", 1, "no-such-host.invalid"),
        ("postgresql:///no_such_database?host={folder}&user=genesis&password=s3cret", 1, "no_such_database"),
        ("postgresql:///postgres?host={folder}&user=stranger&password=s3cret", 1, "stranger"),
        ("mysql://me:s3cret@h/x", 2, "'storage.dsn': found 'mysql://***@h/x', expected postgresql://"),
    ],
    ids=["none", "away", "no such host", "no such database", "no such user", "no dsn"],
)
def test_a_database_that_cannot_be_used_is_one_clear_line(
    server: PostgresServer, monkeypatch: pytest.MonkeyPatch, verb: str, dsn: str, code: int, says: str
) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # and nobody listens
        place = dsn.format(port=closed.getsockname()[1], folder=quote(str(server.folder)))
        monkeypatch.setenv("GENESIS_STORAGE__DSN", place)
        monkeypatch.setenv("GENESIS_STORAGE__GIVE_UP_SECONDS", "0.2")
        answered = db(verb)

    assert answered.exit_code == code, answered.output
    assert says in answered.output
    assert len(answered.output.strip().splitlines()) == 1
    assert "s3cret" not in answered.output
    assert "Traceback" not in answered.output


def test_a_folder_that_cannot_be_used_is_one_clear_line(home: Path) -> None:
    home.mkdir()
    (home / "postgres").write_text("a file")

    answered = db("upgrade")

    assert answered.exit_code == 2
    assert answered.output.strip() == f"genesis: {home}/postgres: can't be made: File exists"
