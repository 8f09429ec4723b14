"""The doctor looks at the database, too."""

from __future__ import annotations

from pathlib import Path

import pytest

from genesis.monitoring.doctor.database import check_database
from genesis.settings import Settings, Storage
from tests.postgres_fixtures import database_url, postgres_server, postgres_template

__all__ = ["database_url", "postgres_server", "postgres_template"]

pytest.importorskip("psycopg2", reason="no psycopg2 in this environment")


def looked_at(dsn: str, data_dir: Path) -> tuple[str, str, str]:
    (row,) = check_database(Settings(storage=Storage(dsn=dsn), data_dir=data_dir))
    return row.level, row.check, row.found


def test_a_database_that_can_be_used_is_fine(database_url: str, tmp_path: Path) -> None:
    assert looked_at(database_url, tmp_path)[:2] == ("ok", "schema")


def test_a_database_without_tables_is_an_error_with_the_command(postgres_server: str, tmp_path: Path) -> None:
    level, check, found = looked_at(postgres_server, tmp_path)

    assert (level, check) == ("error", "schema")
    assert "genesis db upgrade" in found


def test_a_server_that_is_away_is_an_error_that_tells_no_password(tmp_path: Path) -> None:
    level, check, found = looked_at("postgresql://joan:s3cret@127.0.0.1:1/people", tmp_path)

    assert (level, check) == ("error", "reach")
    assert "s3cret" not in found


def test_our_own_is_not_started_for_a_look_at_it(tmp_path: Path) -> None:
    level, _, found = looked_at("", tmp_path)

    assert level in {"ok", "warning"}
    assert "of our own" in found
    assert list(tmp_path.iterdir()) == []


def test_that_nothing_is_stored_is_fine_if_it_is_meant(tmp_path: Path) -> None:
    assert looked_at("none", tmp_path)[0] == "ok"
