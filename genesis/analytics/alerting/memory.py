"""What is kept of one camera between its events, so that the rules can be judged: plain data that JSON can say, and bounded.

Of a track it is kept where it is, who it is, what waits for its name, and the alerts that its name would be news for. A track that
is in no zone is forgotten after `KEPT_MS`, one that seems to be in one after `STAYING_MS` (its exit was lost), and of more than
`MOST_TRACKS` the oldest are.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec
from msgspec import Struct

from genesis.analytics.alerting.cooldown import LATE_MS
from genesis.analytics.kept import Kept
from genesis.analytics.view import milliseconds
from genesis.events import Box, ZoneEvent

KEPT_MS = 900_000  # names come late where recognition does not keep up
STAYING_MS = 86_400_000
MOST_TRACKS = 256
MOST_NOTES = 8
"""Alerts of one track that a name is news for, and things it did that wait for its name; of more, the newest."""
MOST_MARKS = 32


class Who(Struct, frozen=True, array_like=True):
    """Who a track is: name or `unknown-N`, the person's id, and whether they are enrolled."""

    identity: str
    identity_id: str
    known: bool


class Fact(Struct, frozen=True, array_like=True):
    """Something that happened, as far as an alert tells it.

    Attributes:
        cause: id of the event that told it.
        kind: as the `when` of rules.
        at_ms: when, in milliseconds since 1970, as all times here.
        zone: or line, in which; empty: in none.
        dwell: seconds.
        persons: how many there were.
        direction: in which a line was crossed.
        box: where, in pixels.
        reason: in words, why.
    """

    cause: str
    kind: str
    at_ms: int
    zone: str = ""
    dwell: float = 0.0
    persons: int = 0
    direction: Literal["in", "out"] | None = None
    box: Box | None = None
    reason: str = ""

    @classmethod
    def of(cls, event: ZoneEvent, kind: str, zone: str) -> Fact:
        """Return what a zone event tells."""
        box = event.box and Box(*(round(side, 1) for side in msgspec.structs.astuple(event.box)))
        return cls(event.id, kind, milliseconds(event.time), zone, event.dwell, event.occupancy, event.direction, box)


class Note(Struct, frozen=True, array_like=True):
    """A rule that holds for a fact: as soon as the name is one that it waits for, or since an alert was raised.

    Attributes:
        rule: name of the rule.
        fact: what happened.
        told: the ids of those whom the alert was said to be about.
    """

    rule: str
    fact: Fact
    told: tuple[str, ...] = ()


class Track(Struct, frozen=True, array_like=True):
    """One person before the camera.

    Attributes:
        last_ms: the camera's time when last heard of.
        inside: the zones they are in, in the order in which they were entered.
        who: they are, if that is known.
        waiting: for the name.
        raised: alerts.
        marks: what must not be told again: a rule and the zone in which they loiter, or a rule and who was recognised.
    """

    last_ms: int = 0
    inside: tuple[str, ...] = ()
    who: Who | None = None
    waiting: tuple[Note, ...] = ()
    raised: tuple[Note, ...] = ()
    marks: tuple[tuple[str, str], ...] = ()


class Alerting(Kept, frozen=True):
    """One camera.

    Attributes:
        clock_ms: its newest time.
        tracks: the persons before it.
        cooldowns: times of the newest alerts, by rule and what the cooldown is for.
        crowds: rules and zones: those crowds that an alert has told of, as long as they last.
    """

    clock_ms: int = 0
    tracks: dict[str, Track] = msgspec.field(default_factory=dict)
    cooldowns: dict[str, tuple[int, ...]] = msgspec.field(default_factory=dict)
    crowds: tuple[tuple[str, str], ...] = ()


def clock_after(clock_ms: int, event: ZoneEvent) -> int:
    """Return a camera's newest time after an event.

    An exit is told late, by the zone's grace, and a name by what recognition takes; anything else that is late by more than
    `LATE_MS` tells that the clock was set back.
    """
    at_ms = milliseconds(event.time)
    set_back = event.kind not in {"exited", "identified"} and at_ms < clock_ms - LATE_MS
    return at_ms if set_back else max(clock_ms, at_ms)


def remembered(tracks: Mapping[str, Track], clock_ms: int) -> dict[str, Track]:
    """Return the tracks that need not be forgotten yet."""
    kept = {name: track for name, track in tracks.items() if abs(clock_ms - track.last_ms) <= (STAYING_MS if track.inside else KEPT_MS)}
    if len(kept) > MOST_TRACKS:
        order = sorted(kept, key=lambda name: (bool(kept[name].inside), kept[name].last_ms, name))
        for name in order[: len(kept) - MOST_TRACKS]:
            del kept[name]
    return kept
