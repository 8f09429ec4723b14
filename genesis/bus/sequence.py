"""The order of one key's events: which of those that are here may be handled now, and which must wait for others.

Events of one session are numbered without gaps. One that comes before its turn is held back; a number that does not come
(its frame is in the dead letters, say) is passed over once an event has waited long enough for it, or a live camera's events
are there that are that much newer. A recording that is played fast says nothing by its capture times; nor does the `last`
event of a session, which no detector delays: it waits until none has come for that long. The same rule decides when a new
session of the same key may begin, since the old one's last events may still be on their way; one whose `last` event was
handled has none, and the next session begins at once.

Pure: the same arrivals and times give the same answers, whoever asks.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import msgspec
from msgspec import Struct

MOST_PAST = 8  # ended sessions that are remembered
MOST_AT_ONCE = 50  # events in one step


class Place(Struct, frozen=True, array_like=True):
    """Where an entry stands in the order of its key.

    `time` is its capture time in seconds since 1970, `since` when it was first held back, in milliseconds of the ledger's clock.
    `live` is False for a recording, whose capture times may pass faster than those of the ledger's clock.
    `last` says that nothing follows in this session.
    """

    entry: str
    session: str
    number: int
    time: float
    since: int = 0
    live: bool = True
    last: bool = False

    @property
    def published(self) -> tuple[int, int]:
        """When the entry was published, as something that sorts."""
        first, _, second = self.entry.partition("-")
        return int(first), int(second)


class Line(Struct, frozen=True):
    """What is known of one key: the last event that was handled, those that are held back, and the handler's state.

    `ended` says that it was the last event of its session, `moved` when the last event was handled, in milliseconds of the ledger's clock.
    """

    session: str = ""
    number: int = -1
    past: tuple[str, ...] = ()
    held: tuple[Place, ...] = ()
    skipped: int = 0
    state: dict[str, Any] = {}
    ended: bool = False
    moved: int = 0

    @classmethod
    def parse(cls, text: bytes | str | None) -> Line:
        """Read what `text` wrote; nothing is an empty line."""
        return msgspec.json.decode(text, type=cls) if text else cls()

    @property
    def text(self) -> str:
        """This line as JSON."""
        return msgspec.json.encode(self).decode()


@dataclass(frozen=True, slots=True)
class Gap:
    """How long a number that does not come is waited for: seconds of waiting, and seconds of a live camera's capture time."""

    waited: float
    captured: float


@dataclass(frozen=True, slots=True)
class Step:
    """One event whose turn it is, and the line after it."""

    place: Place
    line: Line


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is to be done with an arrival.

    Attributes:
        kind: `late`: its turn is over. `wait`: it is held back, and nothing else can go on. `go`: `steps` can be taken.
        steps: events whose turn it is, in order; the arrival is not always one of them.
        line: with the arrival held back.
    """

    kind: Literal["late", "wait", "go"]
    steps: tuple[Step, ...]
    line: Line


def arrive(line: Line, place: Place, now_ms: int, gap: Gap) -> Verdict:
    """Say whose turn it is now that an event has come.

    Args:
        line: of its key.
        place: its own.
        now_ms: milliseconds of the ledger's clock.
        gap: how long to wait for a number that does not come.
    """
    if place.session in line.past or (place.session == line.session and place.number <= line.number):
        return Verdict("late", (), line)
    known = next((other for other in line.held if other.entry == place.entry), None)
    here = [other for other in line.held if other.entry != place.entry]
    here.append(known or msgspec.structs.replace(place, since=now_ms))
    line = msgspec.structs.replace(line, held=tuple(here))
    steps = following(line, now_ms, gap)
    return Verdict("go" if steps else "wait", steps, line)


def following(line: Line, now_ms: int, gap: Gap) -> tuple[Step, ...]:
    """Return the events whose turn it is now of those that are held back, in order, and no more than one settlement can take."""
    steps: list[Step] = []
    while len(steps) < MOST_AT_ONCE and (step := _next(line, now_ms, gap)) is not None:
        steps.append(step)
        line = step.line
    return tuple(steps)


def without(line: Line, entries: Iterable[str]) -> Line:
    """Return the line without some of those that are held back."""
    gone = set(entries)
    return msgspec.structs.replace(line, held=tuple(place for place in line.held if place.entry not in gone))


def _next(line: Line, now_ms: int, gap: Gap) -> Step | None:
    mine = [place for place in line.held if place.session == line.session]
    if mine:
        first = min(mine, key=lambda place: place.number)
        if first.number == line.number + 1 or _ripe(mine, first, line.moved, now_ms, gap):
            return Step(first, _after(line, first, line.number, line.past, now_ms))
        return None
    if not line.held:
        return None
    session = min(line.held, key=lambda place: place.published).session
    others = [place for place in line.held if place.session == session]
    first = min(others, key=lambda place: place.number)
    begins = (not line.session or line.ended) and first.number == 0
    if begins or _ripe(others, first, line.moved, now_ms, gap):
        past = (*line.past, line.session)[-MOST_PAST:] if line.session else line.past
        return Step(first, _after(line, first, -1, past, now_ms))
    return None


def _ripe(places: list[Place], first: Place, moved: int, now_ms: int, gap: Gap) -> bool:
    if first.last:
        # It overtakes frames that wait for a detector: as long as any come, it says nothing about the others.
        return now_ms - max(moved, first.since) >= gap.waited * 1000
    frames = [place for place in places if not place.last]
    newest = max(place.time for place in frames)
    return (first.live and newest - first.time >= gap.captured) or now_ms - min(place.since for place in frames) >= gap.waited * 1000


def _after(line: Line, place: Place, before: int, past: tuple[str, ...], now_ms: int) -> Line:
    return msgspec.structs.replace(
        line, session=place.session, number=place.number, past=past, skipped=line.skipped + place.number - before - 1,
        held=tuple(other for other in line.held if other.entry != place.entry and not _over(other, place)), ended=place.last,
        moved=now_ms,
    )  # fmt: skip


def _over(other: Place, place: Place) -> bool:
    return other.session == place.session and other.number <= place.number
