"""The list of revisions in the code is that of the files, and an installed Genesis brings them."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
from setuptools import find_packages

pytest.importorskip("psycopg2", reason="no PostgreSQL in this environment: make setup")
pytest.importorskip("alembic", reason="no Alembic in this environment: make setup")

from genesis.storage import schema

MIGRATIONS = Path(schema.__file__).with_name("migrations")


def test_the_code_knows_the_revisions_in_their_order():
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("path_separator", "os")

    revisions = [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()]

    assert tuple(reversed(revisions)) == schema.REVISIONS


def test_migrations_are_packages_and_so_are_in_the_wheel():
    packages = find_packages(str(MIGRATIONS.parents[2]), include=["genesis", "genesis.*"])

    assert {"genesis.storage.migrations", "genesis.storage.migrations.versions"} <= set(packages)
    assert importlib.util.find_spec("genesis.storage.migrations.env") is not None
