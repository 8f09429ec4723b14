"""The schema is made once, whoever asks, and a database that does not fit is told with the way out."""

from __future__ import annotations

import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator

import pytest

pytest.importorskip("psycopg2", reason="no PostgreSQL in this environment: make setup")

from genesis.settings import Storage
from genesis.storage import schema
from genesis.storage.database import Database
from genesis.storage.gallery import identities
from genesis.storage.schema import VERSION_TABLE, SchemaError, SchemaStatus, require, status, upgrade
from genesis.storage.trouble import DatabaseRefusesError
from tests.postgres_fixtures import tell, url_of

HEAD = schema.REVISIONS[-1]


@pytest.fixture
def empty(postgres_server: str) -> Iterator[str]:
    """Return the URL of a database without any table."""
    name = f"test_{uuid.uuid4().hex}"
    tell(postgres_server, f"CREATE DATABASE {name}")
    yield url_of(postgres_server, name)
    tell(postgres_server, f"DROP DATABASE {name} WITH (FORCE)")


def test_an_empty_database_is_told_and_brought_up_to_date(empty):
    before = status(empty)
    with pytest.raises(SchemaError, match="no tables of Genesis: run `genesis db upgrade`"):
        require(empty)

    upgrade(empty)
    upgrade(empty)

    assert before == SchemaStatus(None, HEAD, schema.REVISIONS)
    assert status(empty) == SchemaStatus(HEAD, HEAD, ())
    require(empty)


def test_a_reader_of_an_empty_database_is_told_at_once(empty):
    database = Database(Storage(), empty)

    with pytest.raises(SchemaError, match="genesis db upgrade"):
        database.run(identities)
    database.close()


def test_several_that_upgrade_at_once_are_all_content(empty):
    barrier, failed = threading.Barrier(2), []

    def one() -> None:
        barrier.wait()
        try:
            upgrade(empty)
        except Exception as error:  # noqa: BLE001 - whatever it is
            failed.append(error)

    threads = [threading.Thread(target=one) for _ in range(2)]
    program = f"from genesis.storage.schema import upgrade; upgrade({empty!r})"
    processes = [subprocess.Popen([sys.executable, "-c", program]) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [process.wait() for process in processes] == [0, 0]
    assert failed == []
    assert status(empty).current == HEAD


def test_a_schema_of_a_newer_release_is_left_alone(database_url):
    tell(database_url, f"UPDATE {VERSION_TABLE} SET version_num = '9999'")  # noqa: S608 - a constant

    for ask in (require, upgrade):
        with pytest.raises(SchemaError, match=r"written by a newer Genesis \(revision 9999, this one knows \d+\): upgrade Genesis"):
            ask(database_url)
    assert status(database_url) == SchemaStatus("9999", HEAD, ())
    assert status(database_url).newer


def test_a_schema_of_an_older_release_is_told(database_url, monkeypatch):
    monkeypatch.setattr(schema, "REVISIONS", (*schema.REVISIONS, "next"))

    with pytest.raises(SchemaError, match=f"the tables are of revision {HEAD}, next is needed: run `genesis db upgrade`"):
        require(database_url)


def test_what_was_stored_by_an_older_release_stays(empty, monkeypatch):
    with monkeypatch.context() as older:
        older.setattr(schema, "REVISIONS", ("0001",))
        upgrade(empty)
    tell(empty, "INSERT INTO alerts (event_id, camera, time, rule, severity) VALUES ('a1', 'door', now(), 'night', 'high')")

    upgrade(empty)

    assert tell(empty, "SELECT kind, alert, rule, snapshot FROM alerts") == [("raised", "a1", "night", "")]
    assert status(empty) == SchemaStatus(HEAD, HEAD, ())


def test_a_migration_that_fails_leaves_nothing(empty):
    tell(empty, "CREATE TABLE alerts (mine int)")

    with pytest.raises(DatabaseRefusesError, match='relation "alerts" already exists'):
        upgrade(empty)

    assert tell(empty, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'") == [("alerts",)]


def test_a_server_without_pgvector_is_told(postgres_server, empty):
    if not tell(postgres_server, "SELECT 1 FROM pg_settings WHERE name = 'extension_control_path'"):
        pytest.skip("this PostgreSQL is too old to be told to find no extensions")
    name = empty.partition("?")[0].rpartition("/")[2]
    tell(postgres_server, f"ALTER DATABASE {name} SET extension_control_path = '/nowhere'")

    with pytest.raises(DatabaseRefusesError, match=r"this PostgreSQL \d+ has no pgvector: .* apt install postgresql-\d+-pgvector"):
        upgrade(empty)


def test_who_may_not_make_the_extension_is_told_what_the_administrator_has_to_do(postgres_server, empty):
    name = empty.partition("?")[0].rpartition("/")[2]
    tell(postgres_server, f"CREATE ROLE o_{name} LOGIN")
    tell(postgres_server, f"ALTER DATABASE {name} OWNER TO o_{name}")
    dsn = empty.replace("postgres:@", f"o_{name}:@")
    try:
        with pytest.raises(DatabaseRefusesError, match=r"permission denied .*: let an administrator run `CREATE EXTENSION vector`"):
            upgrade(dsn)
        tell(empty, "CREATE EXTENSION vector")
        upgrade(dsn)
        require(dsn)
    finally:
        tell(empty, f"REASSIGN OWNED BY o_{name} TO CURRENT_USER")
        tell(postgres_server, f"DROP ROLE o_{name}")


@pytest.mark.parametrize("ask", [require, upgrade])
def test_a_pgvector_that_is_too_old_is_told(database_url, ask):
    tell(database_url, "UPDATE pg_extension SET extversion = '0.4.4' WHERE extname = 'vector'")

    with pytest.raises(
        DatabaseRefusesError, match=r"pgvector 0.4.4 is too old, Genesis needs 0.8 or newer: run `ALTER EXTENSION vector UP"
    ):
        ask(database_url)


def test_a_pgvector_that_was_dropped_is_told(database_url):
    tell(database_url, "DROP EXTENSION vector CASCADE")

    with pytest.raises(DatabaseRefusesError, match="let an administrator run `CREATE EXTENSION vector` in it"):
        require(database_url)


def test_the_names_and_faces_of_people_get_into_no_statistics(database_url):
    kept = {column for (column,) in tell(database_url, "SELECT attname FROM pg_attribute WHERE attstattarget = 0")}

    assert {"name", "name_key", "label", "embedding", "origin", "crop", "event_id", "message", "identity", "face", "snapshot"} <= kept
