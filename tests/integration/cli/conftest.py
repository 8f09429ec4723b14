"""A database of its own for each test, and a face engine that sees in photos what the tests have put there."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from genesis.settings import CONFIG_VARIABLE, Settings, current, load
from genesis.storage.database import Database
from tests.postgres_fixtures import connect, database, database_url, postgres_server, postgres_template, reused_database
from tests.staged_photos import StagedEngine

__all__ = ["connect", "database", "database_url", "postgres_server", "postgres_template", "reused_database"]


@pytest.fixture
def engine() -> StagedEngine:
    """Return an engine for photos that `tests.staged_photos` makes."""
    return StagedEngine()


@pytest.fixture
def home(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Return the settings of an installation without Redis, in its own folder, which is the working folder."""
    return installed(tmp_path, monkeypatch, storage={"dsn": database.dsn})


def installed(folder: Path, monkeypatch: pytest.MonkeyPatch, **sections: dict[str, object]) -> Settings:
    """Write the settings of an installation, and go to its folder."""
    file = folder / "settings.yaml"
    file.write_text(yaml.safe_dump({"data_dir": str(folder / "data"), **sections}), encoding="utf-8")
    monkeypatch.setenv(CONFIG_VARIABLE, str(file))
    monkeypatch.chdir(folder)
    current.cache_clear()
    return load(file)
