"""Workers of an ordered subscription that do what a test says, one step at a time."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from math import inf
from typing import Any

import msgspec

from genesis.bus.delivery import deliver
from genesis.bus.ledger import Delivery
from genesis.bus.process import Process
from genesis.bus.runs import Again, Run
from genesis.bus.sequence import Line
from genesis.context import Context
from genesis.events import AlertEvent, PersonDetected, completed
from genesis.subscriptions import Subscription
from tests.events_of_tests import NOON, persons

GROUP, STREAM, STATES = "person-workers", "genesis:persons", "genesis:persons:state:person-workers"


def chained(before: str, number: int) -> str:
    return hashlib.sha256(f"{before}/{number}".encode()).hexdigest()[:16]


def follow(event: PersonDetected, context: Context) -> list[AlertEvent]:
    """Tell where in the order this event was handled, which only the state knows."""
    assert context.state is not None
    count = context.state["count"] = context.state.get("count", 0) + 1
    chain = context.state["chain"] = chained(context.state.get("chain", ""), event.number)
    return [AlertEvent.about(event, rule=f"{event.number}", message=f"{count} {chain}")]


class Workers:
    """Workers of an ordered subscription that do what the test says, one step at a time."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.bus = process.ledger
        self.row = ordered(follow)

    def publish(self, *numbers: int, camera: str = "door", **changes: Any) -> list[str]:
        """Publish events and take them as a bridge does; return their entries."""
        times = changes.pop("times", {})
        for number in numbers:
            at = NOON.replace(second=0) if number not in times else times[number]
            self.bus.publish([completed(persons(number, camera=camera, time=at, **changes))])
        ((_, entries),) = self.bus.client.xreadgroup(GROUP, "bridge-a-1", {STREAM: ">"}, count=1000)
        return [entry.decode() for entry, _ in entries]

    def run(self, entry: str, worker: str = "w@host") -> Again | None:
        ((_, fields),) = self.bus.client.xrange(STREAM, entry, entry)
        texts = {name.decode(): value.decode() for name, value in fields.items()}
        return deliver(Run(self.process, self.row, Delivery(STREAM, GROUP, entry), "t", worker), texts)

    def expire(self) -> None:
        """Let the leases of all that is pending run out, and let a bridge have them."""
        for row in self.bus.leases.pending(STREAM, GROUP):
            self.bus.leases.reclaim(STREAM, GROUP, "bridge-a-1", [row.entry], idle_ms=0)

    def pending(self) -> dict[str, str]:
        return {row.entry: row.consumer for row in self.bus.leases.pending(STREAM, GROUP)}

    def told(self, camera: str) -> list[tuple[int, str]]:
        """Return the number and message of every event that came of a camera, in order."""
        rows = self.bus.client.xrange("genesis:alerts")
        found = [fields for _, fields in rows if fields[b"subject"] == camera.encode()]
        return [(int((data := msgspec.json.decode(fields[b"data"]))["rule"]), data["message"]) for fields in found]

    def line(self, camera: str = "door") -> Line:
        return Line.parse(self.bus.client.hget(STATES, camera).partition(b" ")[2])


def expected(numbers: list[int]) -> list[tuple[int, str]]:
    told, chain = [], ""
    for count, number in enumerate(numbers, 1):
        chain = chained(chain, number)
        told.append((number, f"{count} {chain}"))
    return told


def ordered(handler: Callable[..., Any], max_gap: float = 30.0) -> Subscription:
    return Subscription(PersonDetected, GROUP, "analytics", handler, keyed_by="camera", max_gap=max_gap, max_age=inf)


class Hasty(Process):
    """Waits for nobody: there is one thread."""

    @staticmethod
    def pause(seconds: float) -> None:
        """Go on at once."""
        del seconds
