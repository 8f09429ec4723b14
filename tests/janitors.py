"""Janitors with settings of their own, and groups of a stream that read and settle."""

from __future__ import annotations

import threading
from typing import Any

from genesis.bus.janitor import Janitor
from genesis.bus.ledger import Ledger
from genesis.cache import FrameCache
from genesis.settings import Settings
from genesis.subscriptions import Registry

STREAM = "genesis:zones"
GROUPS = ("analytics-workers", "zone-workers")


def changed(settings: Settings, **sections: dict[str, Any]) -> Settings:
    """Return settings with other values in some of their sections."""
    return settings.model_copy(update={name: getattr(settings, name).model_copy(update=values) for name, values in sections.items()})


def janitor_of(bus: Ledger, name: str = "bridge-here-1", registry: Registry | None = None, **sections: dict[str, Any]) -> Janitor:
    """Return a janitor of a ledger, with other settings in some sections."""
    ledger = Ledger(changed(bus.settings, **sections), bus.registry if registry is None else registry, bus.client)
    return Janitor(ledger, FrameCache.of(bus.settings), name, threading.Event())


def publish(bus: Ledger, count: int, stream: str = STREAM, size: int = 1) -> list[str]:
    """Add entries that are no events; return their ids."""
    with bus.client.pipeline() as pipe:
        for number in range(count):
            pipe.xadd(stream, {"n": str(number), "data": "x" * size})
        return [entry.decode() for entry in pipe.execute()]


def read(bus: Ledger, group: str, count: int) -> list[str]:
    """Take new entries for a group; return their ids."""
    answer = bus.client.xreadgroup(group, "test", {STREAM: ">"}, count=count)
    return [entry.decode() for entry, _ in answer[0][1]] if answer else []


def settle(bus: Ledger, group: str, entries: list[str]) -> None:
    """Acknowledge entries."""
    if entries:
        bus.client.xack(STREAM, group, *entries)


def settle_new(bus: Ledger, count: int) -> None:
    """Let both groups take new entries and settle them."""
    for group in GROUPS:
        settle(bus, group, read(bus, group, count))


def ids(bus: Ledger, stream: str = STREAM) -> list[str]:
    """Return the ids of all entries that a stream holds."""
    return [entry.decode() for entry, _ in bus.client.xrange(stream)]
