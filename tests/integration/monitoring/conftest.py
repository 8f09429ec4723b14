"""A durable ledger to examine, and what a report says by what it is about."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest
import redis

from genesis.bus.conformance import Case
from genesis.bus.conformance.case import Bench
from genesis.bus.ledger import Ledger
from genesis.monitoring.doctor import Finding, Report, examine
from genesis.settings import Settings
from tests.catalogue import builtin_subscriptions


def _refuses(bench: Bench) -> None:
    raise AssertionError("a server with an error was tried all the same")


REFUSES = Case("A case that must not be run", "refuses", _refuses)


@pytest.fixture
def durable(settings: Settings) -> Iterator[Settings]:
    """Return settings whose ledger is as durable as it should be and has its groups."""
    with closing(Ledger(settings, builtin_subscriptions())) as ledger, configured(ledger.client, appendfsync="always"):
        ledger.create_groups()
        # Those of the settings may be held by another test.
        ports = {name: getattr(settings, name).model_copy(update={"port": free_port()}) for name in ("monitoring", "flower")}
        yield settings.model_copy(update=ports)


def free_port() -> int:
    """Return a port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def configured(client: redis.Redis, **values: str) -> Iterator[None]:
    """Change settings of a server for a while."""
    names = {name.replace("_", "-"): value for name, value in values.items()}
    before = {name: client.config_get(name)[name] for name in names}
    try:
        for name, value in names.items():
            client.config_set(name, value)
        yield
    finally:
        for name, value in before.items():
            client.config_set(name, value)


def report_of(settings: Settings, cases: tuple[Case, ...] = (), **sections: dict[str, Any]) -> Report:
    changed = {name: getattr(settings, name).model_copy(update=values) for name, values in sections.items()}
    return examine(settings.model_copy(update=changed), builtin_subscriptions(), cases=cases)


def found_by(report: Report) -> dict[tuple[str, str], Finding]:
    return {(row.about, row.check): row for row in reversed(report.findings)}
