"""A ledger below a bench's prefix, with streams and groups of its own, for the cases about its verbs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

from genesis.bus.conformance.case import Bench, text
from genesis.bus.deadletters import letter as dead_letter
from genesis.bus.ledger import Delivery, Ledger
from genesis.errors import GenesisError
from genesis.events import Event, FrameCaptured, PersonDetected, completed
from genesis.settings import Backpressure, EventDriven, Redis, Settings
from genesis.subscriptions import Registry, Subscription

ROOM = 4  # unsettled entries that a stream of a case may have


class Line:
    """A ledger of its own below the bench's prefix: two groups read frames, one reads persons."""

    def __init__(self, bench: Bench) -> None:
        """Make streams and groups."""
        registry = Registry()
        for event, group in ((FrameCaptured, "first"), (FrameCaptured, "second"), (PersonDetected, "reader")):
            registry.add(Subscription(event, group, "check", _nothing))
        settings = Settings.model_construct(
            redis=Redis.model_construct(prefix=bench.prefix, give_up_seconds=1.0),
            # No warning line: it would be about nothing that is the operator's.
            event_driven=EventDriven(backpressure=Backpressure(max_pending=ROOM, block_threshold=ROOM)),
        )
        self.client = bench.client
        self.ledger = Ledger(settings, registry, bench.client)
        self.ledger.create_groups()
        self.frames = self.ledger.keys.stream_of(FrameCaptured)
        self.persons = self.ledger.keys.stream_of(PersonDetected)

    def taken(self, group: str = "first", consumer: str = "bridge-one") -> Delivery:
        """Take the next frame for a group, as a bridge does."""
        answer: Any = self.client.xreadgroup(group, consumer, {self.frames: ">"}, count=1)
        ((entry, fields),) = answer[0][1]
        return Delivery(self.frames, group, text(entry), text(fields[b"framekey"]))

    def references(self) -> dict[bytes, bytes]:
        """Return the unsettled deliveries of every frame."""
        found: Any = self.client.hgetall(self.ledger.keys.references)
        return dict(found)

    def pending(self, group: str = "first") -> int:
        """Return how many frames a group has not settled."""
        return int(self.client.xpending(self.frames, group)["pending"])

    def hands(self, delivery: Delivery) -> tuple[str, int]:
        """Return who has an entry, and how often it was delivered."""
        (row,) = self.client.xpending_range(delivery.stream, delivery.group, delivery.entry, delivery.entry, 1)
        return text(row["consumer"]), int(row["times_delivered"])


def _nothing(_event: Event, _context: Any) -> None:
    return None


def frame(number: int = 0) -> FrameCaptured:
    """Return a frame, whose pixels would lie under `frame-<number>`."""
    now = datetime.now(timezone.utc)
    return completed(
        FrameCaptured(camera="check", time=now, session="check", number=number, width=1, height=1, frame_key=f"frame-{number}")
    )


def persons(number: int = 0) -> PersonDetected:
    """Return what might have been found in that frame."""
    now = datetime.now(timezone.utc)
    return completed(
        PersonDetected(
            camera="check", time=now, session="check", number=number, width=1, height=1, persons=(), detector="none",
            frame_key=f"frame-{number}",
        )
    )  # fmt: skip


def letter(delivery: Delivery) -> dict[str, str]:
    """Return the fields of a dead letter."""
    return dead_letter(delivery, "permanent", ValueError("a check"))


def refused(action: Callable[[], object], error: type[GenesisError]) -> bool:
    """Tell whether an action was refused with this error."""
    try:
        action()
    except error:
        return True
    return False
