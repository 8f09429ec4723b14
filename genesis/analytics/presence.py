"""One person's presence before a camera, from the first look to the last: what is told of it, and when.

A presence is a track that was confirmed. It starts when it was first seen, and ends when it was last seen, however much later either
is known. It is plain data that JSON can say, one row for each person in view.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from genesis.events import Box, SessionEvent

if TYPE_CHECKING:
    from genesis.analytics.zones import Change
    from genesis.context import Naming

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


class Present(Struct, frozen=True, array_like=True):
    """Somebody in view.

    Attributes:
        track: name of the track.
        first_ms: when first seen, in milliseconds since 1970.
        last_ms: when last seen.
        frames: in how many frames.
        best: the box in which most of them was seen, `x1 y1 x2 y2` in pixels.
        worth: of that box: its area times the detector's confidence.
        zones: milliseconds in each zone, stays that have ended.
        box: where they were last.
    """

    track: str
    first_ms: int
    last_ms: int
    frames: int = 0
    best: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    worth: float = 0.0
    zones: dict[str, int] = {}
    box: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)

    @property
    def last_box(self) -> Box | None:
        """Where they were last; None before the first look."""
        return Box(*self.box) if self.frames and self.box != (0.0, 0.0, 0.0, 0.0) else None


def moment(at_ms: int) -> datetime:
    """Return a time in milliseconds since 1970 as UTC; exact, so that the same number is always the same time."""
    return _EPOCH + timedelta(milliseconds=at_ms)


def seen(person: Present, at_ms: int, box: Box, confidence: float) -> Present:
    """Note that somebody was seen in a frame."""
    corners, area = (box.x1, box.y1, box.x2, box.y2), round(box.width * box.height * confidence, 1)
    best, worth = (corners, area) if area > person.worth else (person.best, person.worth)
    return msgspec.structs.replace(person, last_ms=at_ms, frames=person.frames + 1, best=best, worth=worth, box=corners)


def visited(people: Sequence[Present], changes: Iterable[Change]) -> tuple[Present, ...]:
    """Note the stays in zones that have ended."""
    stays: dict[str, dict[str, int]] = {}
    for change in changes:
        if change.kind == "exited":
            spent = stays.setdefault(change.track, {})
            spent[change.zone] = spent.get(change.zone, 0) + change.dwell_ms
    return tuple(_with_stays(person, stays[person.track]) if person.track in stays else person for person in people)


def started(person: Present, camera: str) -> SessionEvent:
    """Tell that somebody is there."""
    return SessionEvent(
        camera=camera,
        time=moment(person.first_ms),
        scope="person",
        kind="started",
        session=person.track,
        track=person.track,
        frames=person.frames,
        box=Box(*person.best) if person.worth else None,
    )


def ended(person: Present, camera: str, naming: Naming | None, reason: str = "") -> SessionEvent:
    """Tell that somebody has left, and all that is known of them.

    Args:
        person: as last seen.
        camera: that saw them.
        naming: who it is, if that is known by now.
        reason: why it has ended, if not because they were not seen any more.
    """
    event = SessionEvent(
        camera=camera,
        time=moment(person.last_ms),
        scope="person",
        kind="ended",
        session=person.track,
        track=person.track,
        reason=reason,
        frames=person.frames,
        duration=(person.last_ms - person.first_ms) / 1000,
        zones={zone: spent / 1000 for zone, spent in sorted(person.zones.items())},
        box=Box(*person.best) if person.worth else None,
    )
    return event if naming is None else with_name(event, naming)


def with_name(event: SessionEvent, naming: Naming) -> SessionEvent:
    """Return what is told of a presence with the name in it."""
    return msgspec.structs.replace(
        event, identity=naming.identity, identity_id=naming.identity_id, known=naming.known, score=naming.score, face=naming.face
    )


def _with_stays(person: Present, stays: dict[str, int]) -> Present:
    zones = {zone: person.zones.get(zone, 0) + stays.get(zone, 0) for zone in {*person.zones, *stays}}
    return msgspec.structs.replace(person, zones=dict(sorted(zones.items())))
