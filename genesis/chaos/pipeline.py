"""The pipeline that is watched, by its names: stages, groups, numbered events and the files outside Redis."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from genesis.events import derived_id

RELAY, ZONES, POISON, LEDGER, COUNT = "chaos-relay", "chaos-zones", "chaos-poison", "chaos-ledger", "chaos-count"
STAGES = (("persons", RELAY), ("zones", ZONES), ("alerts", LEDGER))
"""Stream and group of each stage of a numbered event."""

TOLD_EVERY = 25
"""Events of a camera after which the ordered group tells how many it has counted."""

EFFECTS = "effects.log"
"""In the data folder: a line for each time that a numbered event took effect."""
PUBLISHED = "published.log"
"""In the data folder: the place of every event whose publication was acknowledged."""


def camera_of(place: int, cameras: int) -> tuple[str, int]:
    """Return the camera and the number of the event at a place in the order of all events."""
    return f"cam{place % cameras}", place // cameras


def event_id(camera: str, number: int) -> str:
    """Return an event's id."""
    return f"chaos-{camera}-{number}"


def stage_ids(event: str) -> Iterator[tuple[str, str, str]]:
    """Yield stream, group and event id of each stage of a numbered event."""
    for stream, group in STAGES:
        yield stream, group, event
        event = derived_id(event, group, 0)


def counted(count: int, chain: int, number: int) -> tuple[int, int]:
    """Return the state of the ordered group after one more event: how many there were, and a sum that only their order gives."""
    return count + 1, zlib.crc32(str(number).encode(), chain)


def told_id(event: str) -> str:
    """Return the id of what the ordered group says after an event."""
    return derived_id(event, COUNT, 0)
