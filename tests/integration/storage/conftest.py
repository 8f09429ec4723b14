"""A database of its own for each test."""

from __future__ import annotations

from tests.postgres_fixtures import connect, postgres_server

__all__ = ["connect", "postgres_server"]
