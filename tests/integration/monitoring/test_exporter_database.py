"""The exporter's figures of the database: a named one, our own, and none."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("psycopg2", reason="no psycopg2 in this environment")

from prometheus_client import CollectorRegistry

from genesis.embedded.servers import Servers
from genesis.errors import ServerUnavailableError
from genesis.monitoring.servers import DatabaseFigures, database_looker
from genesis.settings import Settings
from genesis.storage import cluster
from genesis.storage.gallery import enroll
from genesis.storage.search import search
from genesis.storage.sightings import store
from genesis.telemetry import instruments
from tests.integration.storage.people import MODEL, THRESHOLD, face, photo, seen
from tests.postgres_fixtures import database, postgres_server, postgres_template, reused_database, tell
from tests.processes import wait_until

if TYPE_CHECKING:
    from genesis.storage.database import Database

__all__ = ["database", "postgres_server", "postgres_template", "reused_database"]


def looked_at(dsn: str, data_dir: Path) -> DatabaseFigures | None:
    look = database_looker(Settings(storage={"dsn": dsn}, data_dir=data_dir), 2.0)
    assert look is not None
    return look()


@pytest.fixture
def counting() -> Iterator[CollectorRegistry]:
    """Let this process count, into a registry of the test's own."""
    registry = CollectorRegistry()
    instruments.begin(registry)
    yield registry
    instruments.end()


def test_its_size_and_the_faces_of_the_gallery_are_told(database: Database, tmp_path: Path) -> None:
    before = looked_at(database.dsn, tmp_path)
    database.run(lambda cursor: enroll(cursor, "Ada", MODEL, [photo(0), photo(1)]))
    database.run(lambda cursor: store(cursor, seen(9, 2), unknown_distance=THRESHOLD))

    after = looked_at(database.dsn, tmp_path)

    assert before is not None
    assert after is not None
    assert (before.gallery, after.gallery) == ({}, {MODEL: 3})
    assert 5_000_000 < before.size <= after.size


def test_a_look_leaves_no_connection_behind(database: Database, tmp_path: Path) -> None:
    looked_at(database.dsn, tmp_path)

    ours = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'genesis' AND datname = current_database()"
    wait_until(lambda: tell(database.dsn, ours) == [(0,)], "the server has seen it close", 10)


def test_a_database_without_our_tables_is_told_without_a_gallery(postgres_server: str, tmp_path: Path) -> None:
    found = looked_at(postgres_server, tmp_path)

    assert found is not None
    assert (found.size > 0, found.gallery) == (True, {})


def test_one_that_can_not_be_reached_is_away_and_its_password_is_not_told(tmp_path: Path) -> None:
    with pytest.raises(ServerUnavailableError, match="can't be reached") as away:
        looked_at("postgresql://joan:s3cret@127.0.0.1:1/people", tmp_path)

    assert "s3cret" not in str(away.value)


@pytest.mark.skipif(cluster.missing_packages() is not None, reason="no PostgreSQL in this environment: make setup")
def test_our_own_is_asked_while_it_runs_and_never_started() -> None:
    # Not below pytest's own folder: the server runs as another user where we are root, and must be able to come in.
    with tempfile.TemporaryDirectory(prefix="genesis-postgres-") as name:
        folder, servers = Path(name), Servers()
        never_used = looked_at("", folder)
        servers.hold_postgres(folder, durable=False)
        try:
            running = looked_at("", folder)
        finally:
            servers.stop()
        with pytest.raises(ServerUnavailableError, match="does not run"):
            looked_at("", folder)

    assert never_used is None
    assert running is not None
    assert (running.size > 5_000_000, running.gallery) == (True, {})


def test_the_time_of_every_search_is_noted(database: Database, counting: CollectorRegistry) -> None:
    database.run(lambda cursor: enroll(cursor, "Ada", MODEL, [photo(0)]))
    for exact_below in (10**9, 0):
        database.run(lambda cursor, below=exact_below: search(cursor, MODEL, face(0), exact_below=below))
    database.run(lambda cursor: search(cursor, "Never used", face(0), exact_below=0))

    assert counting.get_sample_value("genesis_search_seconds_count") == 2
    seconds = counting.get_sample_value("genesis_search_seconds_sum")
    assert seconds is not None
    assert 0 < seconds < 10
