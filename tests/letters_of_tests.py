"""Entries that the tests publish and bury."""

from __future__ import annotations

from itertools import chain
from typing import Any

from genesis.bus.deadletters import DeadLetter, letter
from genesis.bus.graveyard import Graveyard
from genesis.bus.ledger import Delivery, Ledger
from genesis.bus.selection import Selection
from genesis.events import Event, completed

Pairs = list[tuple[bytes, bytes]]


def add(bus: Ledger, stream: str, pairs: Pairs) -> str:
    """Append an entry with these very fields, in their order; return its id."""
    return bus.client.execute_command("XADD", f"genesis:{stream}", "*", *chain(*pairs)).decode()


def taken(bus: Ledger, stream: str, group: str, count: int = 1) -> list[Delivery]:
    """Take the next entries of a stream for a group, as a bridge does."""
    answer: Any = bus.client.xreadgroup(group, "test", {f"genesis:{stream}": ">"}, count=count)
    return [Delivery(f"genesis:{stream}", group, entry.decode()) for _, entries in answer for entry, _ in entries]


def bury_next(bus: Ledger, stream: str, group: str, error: Exception | None = None, reason: str = "permanent") -> Delivery:
    """Bury the next entry of a stream for a group."""
    (delivery,) = taken(bus, stream, group)
    assert bus.bury(delivery, letter(delivery, reason, error or ValueError("no"), task="task-1", worker="w1")).done
    return delivery


def buried(bus: Ledger, event: Event, group: str, error: Exception | None = None, reason: str = "permanent") -> Delivery:
    """Publish an event and bury it for a group."""
    bus.publish([completed(event)])
    return bury_next(bus, event.STREAM, group, error, reason)


def another_millisecond(bus: Ledger) -> None:
    """Return when the server's clock has moved on: letters of two streams are in the order of their milliseconds only."""
    graveyard = Graveyard(bus.settings, bus.client)
    now = graveyard.now()
    while graveyard.now() == now:
        pass


def letters(bus: Ledger, **chosen: Any) -> list[DeadLetter]:
    """Return the dead letters that are there."""
    graveyard = Graveyard(bus.settings, bus.client)
    return list(graveyard.select(Selection.of(graveyard.keys, graveyard.now(), **chosen)))


def fields(bus: Ledger, stream: str, entry: str = "+") -> Pairs:
    """Return the fields of an entry (the newest one, unless said otherwise), in their order."""
    graveyard = Graveyard(bus.settings, bus.client)
    ((_, strings),) = graveyard._page("XREVRANGE", f"genesis:{stream}", entry, "-" if entry == "+" else entry, 1)
    return list(zip(strings[::2], strings[1::2], strict=True))
