"""A ledger of its own for each test, and the entries that a group has taken."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from genesis.bus.ledger import Delivery, Ledger
from genesis.bus.process import Process
from genesis.events import Event
from genesis.settings import Settings
from genesis.subscriptions import Registry, Subscription
from tests.catalogue import builtin_subscriptions
from tests.integration.bus.ordered_workers import Hasty, Workers

Take = Callable[[type[Event], str], Delivery]


@pytest.fixture
def registry() -> Registry:
    """Return the built-in subscriptions alone, whatever another test has declared."""
    return builtin_subscriptions()


@pytest.fixture
def bus(settings: Settings, registry: Registry) -> Iterator[Ledger]:
    """Return a ledger with all streams and groups."""
    made = Ledger(settings, registry)
    made.create_groups()
    yield made
    made.close()


@pytest.fixture
def process(settings: Settings) -> Iterator[Process]:
    """Return what a worker's process has."""
    made = Process.open(settings)
    yield made
    made.ledger.close()
    made.cache.close()


@pytest.fixture
def take(bus: Ledger) -> Take:
    """Return a function that takes the next entry of a stream for a group, as a bridge does."""

    def taken(event: type[Event], group: str) -> Delivery:
        stream = bus.keys.stream_of(event)
        ((_, [(entry, fields)]),) = bus.client.xreadgroup(group, "test", {stream: ">"}, count=1)
        return Delivery(stream, group, entry.decode(), fields.get(b"framekey", b"").decode())

    return taken


def row(event: type[Event], group: str = "testers", **changes: object) -> Subscription:
    """Return a subscription whose handler does nothing."""
    return Subscription(event, group, "analytics", lambda _event, _context: None, **changes)  # type: ignore[arg-type]


@pytest.fixture
def workers(settings: Settings, bus: Ledger) -> Iterator[Workers]:
    """Return workers of an ordered subscription."""
    made = Hasty.open(settings)
    yield Workers(made)
    made.ledger.close()
    made.cache.close()
