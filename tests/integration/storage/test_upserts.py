"""The same event, handled twice, is one row: by two connections at once, after a crash, many rows in a step."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("psycopg2", reason="no PostgreSQL in this environment: make setup")

from genesis.bus.ledger import Delivery, Ledger
from genesis.events import completed
from genesis.settings import Settings
from genesis.storage.upserts import UpsertError, upsert, upsert_many
from tests.catalogue import builtin_subscriptions
from tests.events_of_tests import zone
from tests.postgres_fixtures import Connect
from tests.processes import wait_until

TABLE = 'CREATE TABLE visits (event_id text PRIMARY KEY, camera text NOT NULL, seen int NOT NULL DEFAULT 1, "odd "" 10%s" text)'


@pytest.fixture
def database(connect: Connect) -> Any:
    """Return a connection that commits by itself, with an empty table."""
    connection = connect()
    connection.autocommit = True
    connection.cursor().execute(TABLE)
    return connection


@pytest.fixture
def rows(database: Any) -> Callable[[], list[tuple[Any, ...]]]:
    def read() -> list[tuple[Any, ...]]:
        with database.cursor() as cursor:
            cursor.execute("SELECT event_id, camera, seen FROM visits ORDER BY event_id")
            return list(cursor.fetchall())

    return read


def test_the_second_run_of_an_event_changes_nothing(database, rows):
    cursor = database.cursor()

    first = upsert(cursor, "visits", {"event_id": "e1", "camera": "door"})
    second = upsert(cursor, "visits", {"event_id": "e1", "camera": "other"})

    assert (first, second) == (True, False)
    assert rows() == [("e1", "door", 1)]


def test_the_named_columns_are_overwritten_and_no_others(database, rows):
    cursor = database.cursor()

    new = [
        upsert(cursor, "visits", {"event_id": "e1", "camera": camera, "seen": seen}, update=["seen"])
        for camera, seen in (("a", 1), ("b", 2))
    ]

    assert new == [True, False]
    assert rows() == [("e1", "a", 2)]


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_two_connections_at_once_make_one_row(database, connect, rows, end):
    first, second, answers = connect(), connect(), []
    upsert(first.cursor(), "visits", {"event_id": "e1", "camera": "first"})

    def other() -> None:
        with second, second.cursor() as cursor:
            answers.append(upsert(cursor, "visits", {"event_id": "e1", "camera": "second"}))

    thread = threading.Thread(target=other)
    thread.start()
    wait_until(lambda: _waits_for_a_lock(database, second.info.backend_pid), "the second waits for the first")
    getattr(first, end)()
    thread.join()

    assert answers == [end == "rollback"]
    assert rows() == [("e1", "first" if end == "commit" else "second", 1)]


def _waits_for_a_lock(database: Any, pid: int) -> bool:
    with database.cursor() as cursor:
        cursor.execute("SELECT wait_event_type = 'Lock' FROM pg_stat_activity WHERE pid = %s", [pid])
        return cursor.fetchone() == (True,)


def test_a_crash_between_the_write_and_the_settle_makes_one_row(database, rows, connect, settings: Settings):
    bus = Ledger(settings, builtin_subscriptions())
    bus.create_groups()
    bus.publish([completed(zone())])
    ((_, [(entry, fields)]),) = bus.client.xreadgroup("zone-workers", "test", {"genesis:zones": ">"})
    delivery = Delivery("genesis:zones", "zone-workers", entry.decode())

    def write() -> bool:
        with connect() as connection, connection.cursor() as cursor:
            return upsert(cursor, "visits", {"event_id": fields[b"id"].decode(), "camera": "door"})

    pid = os.fork()
    if pid == 0:
        write()
        os.kill(os.getpid(), signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    new, settled = write(), bus.settle(delivery).done
    bus.close()

    assert os.WTERMSIG(status) == signal.SIGKILL
    assert (new, settled) == (False, True)
    assert len(rows()) == 1


def test_many_rows_count_those_that_are_new(database, rows):
    cursor = database.cursor()
    upsert(cursor, "visits", {"event_id": "0005", "camera": "old"})

    new = upsert_many(cursor, "visits", [{"event_id": f"{number:04}", "camera": "door"} for number in range(1200)])

    assert new == 1199
    assert len(rows()) == 1200
    assert rows()[5] == ("0005", "old", 1)


@pytest.mark.parametrize(("update", "seen"), [((), 1), (("seen",), 3)])
def test_rows_with_one_key_are_as_if_they_came_one_after_the_other(database, rows, update, seen):
    new = upsert_many(database.cursor(), "visits", [{"event_id": "e1", "camera": str(n), "seen": n} for n in (1, 2, 3)], update=update)

    assert new == 1
    assert rows() == [("e1", "1", seen)]


def test_no_rows_are_no_statement():
    assert upsert_many(None, "visits", []) == 0


def test_names_and_values_are_never_taken_for_sql(database, rows):
    cursor = database.cursor()
    cursor.execute('CREATE SCHEMA "a;b"; CREATE TABLE "a;b"."%s" (LIKE visits INCLUDING ALL)')

    new = upsert(cursor, "a;b.%s", {"event_id": "'); DROP TABLE visits; --", "camera": "%s", 'odd " 10%s': "x"}, update=['odd " 10%s'])

    cursor.execute('SELECT * FROM "a;b"."%s"')
    assert new is True
    assert cursor.fetchall() == [("'); DROP TABLE visits; --", "%s", 1, "x")]
    assert rows() == []


@pytest.mark.parametrize(
    ("values", "options", "message"),
    [
        ({"camera": "door"}, {}, r"table visits: no value for event_id \(columns: camera\)"),
        ({"event_id": "e1", "camera": "door"}, {"update": ["seen"]}, "no value for seen"),
        ({"event_id": "e1", "camera": "door"}, {"key": ["camera"]}, r"no primary key or unique constraint over \(camera\)"),
        ({"event_id": "e1", "camera": "door"}, {"key": []}, "no key"),
        ({"event_id": None, "camera": "door"}, {}, r"the key \(event_id\) is NULL"),
    ],
)
def test_what_does_not_fit_is_said_in_one_line(database, values, options, message):
    with pytest.raises(UpsertError, match=message) as caught:
        upsert(database.cursor(), "visits", values, **options)

    assert "\n" not in str(caught.value)


def test_rows_with_different_columns_are_refused(database):
    with pytest.raises(UpsertError, match="different columns"):
        upsert_many(database.cursor(), "visits", [{"event_id": "1", "camera": "a"}, {"event_id": "2"}])
