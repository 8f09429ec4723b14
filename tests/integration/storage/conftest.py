"""A database of its own for each test."""

from __future__ import annotations

from tests.postgres_fixtures import connect, database, database_url, postgres_server, postgres_template, reused_database

__all__ = ["connect", "database", "database_url", "postgres_server", "postgres_template", "reused_database"]
