"""Events that the tests publish."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from genesis.events import Box, FrameCaptured, Person, PersonDetected, ZoneEvent

NOON = datetime(2026, 1, 2, 12, 0, tzinfo=timezone.utc)


def frame(number: int = 0, **changes: Any) -> FrameCaptured:
    """Return a frame of camera `door`, whose pixels would lie under `frame-<number>`."""
    values: dict[str, Any] = {
        "camera": "door", "time": NOON, "session": "s1", "number": number, "width": 64, "height": 48, "frame_key": f"frame-{number}",
    }  # fmt: skip
    return FrameCaptured(**{**values, **changes})


def persons(number: int = 0, count: int = 1, **changes: Any) -> PersonDetected:
    """Return `count` persons in a frame of camera `door`."""
    found = tuple(Person(box=Box(i, 0, i + 10, 20), confidence=0.9) for i in range(count))
    values: dict[str, Any] = {
        "camera": "door", "time": NOON, "session": "s1", "number": number, "width": 64, "height": 48, "persons": found, "detector": "hog",
        "frame_key": f"frame-{number}",
    }  # fmt: skip
    return PersonDetected(**{**values, **changes})


def zone(name: str = "yard", **changes: Any) -> ZoneEvent:
    """Return somebody entering a zone."""
    return ZoneEvent(**{"camera": "door", "time": NOON, "kind": "entered", "zone": name, "track": "1", **changes})
