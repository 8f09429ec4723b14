"""Transactions that survive what happens to servers and connections, and errors in words."""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

pytest.importorskip("psycopg2", reason="no PostgreSQL in this environment: make setup")

import psycopg2

from genesis.errors import RetryableError, UsageError
from genesis.settings import Settings, Storage
from genesis.storage import cluster
from genesis.storage.database import Database, DatabaseRefusesError, DatabaseUnavailableError, database_of
from genesis.storage.server import PostgresServer
from tests.postgres_fixtures import tell
from tests.processes import wait_until

SHORT = Storage(give_up_seconds=0.5, connect_seconds=2.0)


@pytest.fixture(scope="module")
def own_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    """Run a server that may be killed."""
    if reason := cluster.missing_packages():
        pytest.skip(reason)
    with PostgresServer(tmp_path_factory.mktemp("postgres"), durable=False) as server:
        yield server


@pytest.fixture
def mortal(own_server: PostgresServer) -> Iterator[Database]:
    """Return a database of that server, with a table of what was done."""
    own_server.start()
    tell(own_server.url("postgres"), "DROP TABLE IF EXISTS done; CREATE TABLE done (id int PRIMARY KEY)")
    with contextlib.closing(Database(Storage(), own_server.url("postgres"))) as opened:
        yield opened


def note(number: int) -> Any:
    """Return an action that can run twice."""
    return lambda cursor: cursor.execute("INSERT INTO done VALUES (%s) ON CONFLICT DO NOTHING", (number,))


def noted(database: Database) -> list[int]:
    return ask(database, "SELECT id FROM done ORDER BY id")


def ask(database: Database, query: str) -> list[Any]:
    return database.run(lambda cursor: (cursor.execute(query), [row[0] for row in cursor.fetchall()])[1])


def test_what_an_action_did_is_kept_and_if_it_raises_was_never_done(mortal):
    def fail(cursor):
        note(2)(cursor)
        raise KeyError

    mortal.run(note(1))
    with pytest.raises(KeyError):
        mortal.run(fail)

    assert noted(mortal) == [1]


def test_a_server_that_is_killed_and_comes_back_is_waited_for(mortal, own_server):
    mortal.run(note(1))
    os.killpg(own_server.pid, signal.SIGKILL)
    starter = threading.Timer(0.3, own_server.start)
    starter.start()

    mortal.run(note(2))
    starter.join()

    assert noted(mortal) == [1, 2]


def test_a_transaction_whose_server_is_shut_down_under_it_is_done_once(mortal, own_server):
    runs = itertools.count(1)

    def action(cursor):
        run = next(runs)
        note(1)(cursor)
        if run == 1:
            own_server.stop()
            own_server.start()
        cursor.execute("INSERT INTO done VALUES (2)")
        return run

    assert mortal.run(action) == 2
    assert noted(mortal) == [1, 2]


def test_connections_that_an_administrator_ends_are_opened_again(mortal, own_server):
    barrier = threading.Barrier(3)
    threads = [threading.Thread(target=mortal.run, args=(lambda _: barrier.wait(),)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    tell(own_server.url("postgres"), "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'genesis'")

    mortal.run(note(1))

    assert noted(mortal) == [1]


def test_who_waits_too_long_is_told(own_server, caplog):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # and nobody listens
        now, waits = itertools.count(0, 0.1), []
        dsn = f"postgresql://me:s3cret@127.0.0.1:{closed.getsockname()[1]}/x"
        database = Database(Storage(give_up_seconds=2.0), dsn, clock=lambda: next(now), sleep=waits.append)

        with pytest.raises(DatabaseUnavailableError) as caught:
            database.run(note(1))

    assert "can't be reached (Connection refused): start it, or correct storage.dsn" in str(caught.value)
    assert "s3cret" not in str(caught.value) + caplog.text
    assert len(waits) > 3
    assert all(wait <= 2 for wait in waits)
    assert [record.message.endswith("trying again for 2 s") for record in caplog.records] == [True]


def test_a_statement_that_takes_too_long_can_be_tried_again_later(own_server):
    own_server.start()
    with contextlib.closing(Database(Storage(statement_seconds=0.1), own_server.url("postgres"))) as database:
        with pytest.raises(RetryableError, match=r"a statement took longer than storage.statement_seconds \(0.1 s\)"):
            database.run(lambda cursor: cursor.execute("SELECT pg_sleep(5)"))

        assert ask(database, "SELECT 1") == [1]


def test_two_that_wait_for_each_other_both_get_done(mortal, own_server):
    tell(own_server.url("postgres"), "INSERT INTO done VALUES (1), (2)")
    tell(own_server.url("postgres"), "ALTER SYSTEM SET deadlock_timeout = '50ms'")
    tell(own_server.url("postgres"), "SELECT pg_reload_conf()")
    first_locks, runs = threading.Barrier(2), itertools.count()

    def locks(*order):
        def action(cursor):
            next(runs)
            cursor.execute("SELECT 1 FROM done WHERE id = %s FOR UPDATE", (order[0],))
            with contextlib.suppress(threading.BrokenBarrierError):
                first_locks.wait(timeout=2)
            first_locks.abort()  # only the first time
            cursor.execute("SELECT 1 FROM done WHERE id = %s FOR UPDATE", (order[1],))

        return action

    other = threading.Thread(target=mortal.run, args=(locks(2, 1),))
    other.start()
    mortal.run(locks(1, 2))
    other.join()

    assert next(runs) == 3


@pytest.mark.parametrize(
    ("statement", "error"),
    [
        ("SELEKT", psycopg2.errors.SyntaxError),
        ("SELECT * FROM no_such_table", psycopg2.errors.UndefinedTable),
        ("INSERT INTO sessions (event_id) VALUES ('x')", psycopg2.errors.NotNullViolation),
    ],
)
def test_mistakes_are_raised_as_they_are(database, statement, error):
    with pytest.raises(error):
        database.run(lambda cursor: cursor.execute(statement))


def test_times_are_in_utc_whatever_the_server_thinks(own_server, monkeypatch):
    own_server.start()
    monkeypatch.setenv("PGTZ", "Asia/Tokyo")
    noon = datetime(2026, 7, 1, 12, tzinfo=timezone(timedelta(hours=2)))

    with contextlib.closing(Database(Storage(), own_server.url("postgres"))) as database:
        (found,) = database.run(lambda cursor: (cursor.execute("SELECT %s::timestamptz", (noon,)), cursor.fetchone())[1])

    assert (found, found.utcoffset()) == (noon, timedelta(0))


def test_a_connection_says_who_it_is_and_takes_what_the_dsn_says(own_server):
    own_server.start()
    query = "SELECT concat_ws(' ', current_setting('application_name'), current_setting('statement_timeout'), current_setting('work_mem'))"
    with contextlib.closing(Database(Storage(), own_server.url("postgres"))) as database:
        assert ask(database, query) == ["genesis 30s 4MB"]
    dsn = own_server.url("postgres") + "&application_name=mine&options=-c%20work_mem%3D5MB"
    with contextlib.closing(Database(Storage(), dsn)) as database:
        assert ask(database, query) == ["mine 30s 5MB"]


def test_no_more_connections_are_opened_than_may_be(own_server):
    own_server.start()
    pids: set[int] = set()
    with contextlib.closing(Database(Storage(pool_size=2), own_server.url("postgres"))) as database:
        threads = [threading.Thread(target=lambda: pids.update(ask(database, "SELECT pg_backend_pid()"))) for _ in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert 1 <= len(pids) <= 2


def test_who_finds_all_connections_in_use_waits_and_is_told_in_the_end(own_server):
    own_server.start()
    with (
        contextlib.closing(Database(Storage(pool_size=1, give_up_seconds=0.1), own_server.url("postgres"))) as database,
        pytest.raises(DatabaseUnavailableError, match=r"all 1 connections of this process were in use for 0.1 s: raise storage.pool_size"),
    ):
        database.run(lambda _: database.run(note(1)))


def test_a_forked_child_has_connections_of_its_own(mortal):
    (parent,) = ask(mortal, "SELECT pg_backend_pid()")
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writer, str(ask(mortal, "SELECT pg_backend_pid()")[0]).encode())
        mortal.close()
        os._exit(0)
    os.waitpid(child, 0)
    of_child = int(os.read(reader, 100))
    os.close(reader)
    os.close(writer)

    assert of_child != parent
    assert ask(mortal, "SELECT pg_backend_pid()") == [parent]


def test_a_child_that_is_forked_while_every_connection_is_in_use_is_not_stuck(own_server):
    own_server.start()
    with contextlib.closing(Database(Storage(pool_size=1, give_up_seconds=2.0), own_server.url("postgres"))) as database:
        inside, leave = threading.Event(), threading.Event()
        thread = threading.Thread(target=database.run, args=(lambda _: (inside.set(), leave.wait()),))
        thread.start()
        inside.wait()
        child = os.fork()
        if child == 0:
            os._exit(0 if ask(database, "SELECT 1") == [1] else 1)
        _, status = os.waitpid(child, 0)
        leave.set()
        thread.join()

    assert status == 0


def test_outside_of_a_transaction_a_table_can_be_vacuumed_and_nothing_of_it_stays_behind(mortal):
    mortal.outside(lambda cursor: cursor.execute("SET lock_timeout = '1s'; SELECT 1"))
    mortal.outside(lambda cursor: cursor.execute("VACUUM done"))

    assert ask(mortal, "SELECT current_setting('lock_timeout') || current_setting('statement_timeout')") == ["030s"]


def test_an_installation_has_one_database_in_a_process(tmp_path):
    settings = Settings(data_dir=tmp_path)

    assert database_of(settings) is database_of(settings.model_copy())
    assert database_of(settings).dsn.startswith("postgresql:///genesis?host=")
    with pytest.raises(UsageError, match=r"storage.dsn is none"):
        database_of(settings.model_copy(update={"storage": Storage(dsn="none")}))


@pytest.fixture(scope="module")
def over_tcp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run a server on a TCP port, which asks for passwords; return host and port."""
    if reason := cluster.missing_packages():
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("tcp")
    account, data = cluster.account_for(folder / "postgres"), folder / "postgres" / "data"
    cluster.made_folder(folder / "postgres", account)
    programs = cluster.programs_for(data)
    cluster.let_in(account, folder / "postgres", programs)
    cluster.initialise(data, programs, account, durable=False)
    (data / "pg_hba.conf").write_text("host all all 127.0.0.1/32 scram-sha-256\nlocal all genesis trust\n")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    import subprocess

    argv = [programs / "postgres", "-D", data, "-p", str(port), "-c", "listen_addresses=127.0.0.1", "-k", folder / "postgres", "-F"]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            argv, stdout=log, stderr=log, cwd="/", env=cluster.environment(), **(account.as_options() if account else {})
        )
    admin = f"postgresql:///postgres?host={folder / 'postgres'}&port={port}&user=genesis"
    try:
        wait_until(lambda: _answers(admin), "the server answers")
        tell(admin, "CREATE ROLE worker LOGIN PASSWORD 's3cret'")
        tell(admin, "CREATE DATABASE site OWNER worker")
        yield f"127.0.0.1:{port}"
    finally:
        server.send_signal(signal.SIGINT)
        server.wait()


def _answers(url: str) -> bool:
    try:
        return tell(url, "SELECT 1") == [(1,)]
    except psycopg2.OperationalError:
        return False


@pytest.mark.parametrize(
    ("dsn", "error", "says"),
    [
        ("postgresql://worker:wr0ng@{at}/site", DatabaseRefusesError, "refuses the password: correct it in storage.dsn"),
        ("postgresql://worker@{at}/site", DatabaseRefusesError, "asks for a password"),
        ("postgresql://nobody:s3cret@{at}/site", DatabaseRefusesError, "refuses the password"),
        ("postgresql://worker:s3cret@{at}/nowhere", DatabaseRefusesError, 'database "nowhere" does not exist'),
        ("postgresql://worker:s3cret@{at}/site?sslmode=require", DatabaseRefusesError, "server does not support SSL, but SSL was required"),
        ("postgresql://worker:s3cret@{at}/site?sslmode=maybe", DatabaseRefusesError, 'invalid sslmode value: "maybe"'),
        ("postgresql://worker:s3cret@{at}/site?colour=red", DatabaseRefusesError, 'invalid URI query parameter: "colour"'),
        ("postgresql://worker:s3cret@no-such-host.invalid/site", DatabaseUnavailableError, "could not translate host name"),
        ("postgresql:///site?host=/nowhere&password=s3cret", DatabaseUnavailableError, "No such file or directory"),
    ],
)
def test_a_database_that_cannot_be_used_is_one_clear_line(over_tcp, dsn, error, says):
    database = Database(SHORT, dsn.format(at=over_tcp))
    started = time.monotonic()

    with pytest.raises(error) as caught:
        database.run(note(1))

    assert says in str(caught.value)
    assert "s3cret" not in str(caught.value)
    assert "wr0ng" not in str(caught.value)
    assert "\n" not in str(caught.value)
    assert time.monotonic() - started < 10


def test_over_tcp_with_a_password_all_is_the_same(over_tcp):
    with contextlib.closing(Database(SHORT, f"postgresql://worker:s3cret@{over_tcp}/site")) as database:
        assert ask(database, "SELECT current_user || ' ' || current_database()") == ["worker site"]


def test_what_is_not_permitted_is_said(over_tcp):
    with (
        contextlib.closing(Database(SHORT, f"postgresql://worker:s3cret@{over_tcp}/site")) as database,
        pytest.raises(DatabaseRefusesError, match=r"does not permit what Genesis needs \(permission denied for table pg_authid\)"),
    ):
        database.run(lambda cursor: cursor.execute("SELECT * FROM pg_authid"))


def test_a_standby_is_told_as_one(over_tcp):
    dsn = f"postgresql://worker:s3cret@{over_tcp}/site?options=-c%20default_transaction_read_only%3Don"
    with (
        contextlib.closing(Database(SHORT, dsn)) as database,
        pytest.raises(DatabaseRefusesError, match=r"can only be read \(a standby\?\): name the primary"),
    ):
        database.run(lambda cursor: cursor.execute("CREATE TABLE x ()"))
