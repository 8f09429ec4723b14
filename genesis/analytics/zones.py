"""Who is in which zone, since when, and who crosses a line: one camera's frames in, changes out.

A stay in a zone begins with the first of the looks that made it certain, and ends with the last look inside, however much later
either is known. Frames that nobody looked at change nothing: only a frame that shows somebody elsewhere, or not at all, can end a
stay. Who has left and comes again begins a new stay, so that entries and exits of one track and zone alternate.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import msgspec
from msgspec import Struct

from genesis.analytics.geometry import Point, placed
from genesis.analytics.kept import Kept
from genesis.analytics.lines import Direction, Side, walked
from genesis.analytics.places import EVERY_ZONE, Places

__all__ = ["EVERY_ZONE", "Change", "Inside", "Kind", "Places", "Spot", "Stay", "Walk", "leave", "observe", "occupancy"]

Kind = Literal["exited", "entered", "loitering", "crossed"]
_ORDER: tuple[Kind, ...] = ("exited", "entered", "loitering", "crossed")


class Spot(NamedTuple):
    """Where somebody stands: the bottom centre of their box, in shares of the frame's width and height."""

    track: str
    x: float
    y: float


@dataclass(frozen=True, slots=True)
class Change:
    """Something that happened in a zone or at a line.

    Attributes:
        kind: what.
        zone: name of the zone, or of the line that was crossed.
        track: who did it.
        at_ms: when, in milliseconds since 1970: the first look inside, the last look inside, else the frame's time.
        dwell_ms: exited: how long the stay was. loitering: the threshold that was reached.
        occupancy: persons in the zone after it.
        direction: crossed: which way.
    """

    kind: Kind
    zone: str
    track: str
    at_ms: int
    dwell_ms: int = 0
    occupancy: int = 0
    direction: Direction | None = None


class Stay(Struct, frozen=True, array_like=True):
    """Somebody's time in a zone.

    Attributes:
        entered_ms: when it began.
        last_ms: the last look inside.
        missed: whether a frame has shown them elsewhere, or not at all, since that look.
        told_ms: the longest threshold of loitering that was told.
    """

    entered_ms: int
    last_ms: int
    missed: bool = False
    told_ms: int = 0


class Walk(Struct, frozen=True, array_like=True):
    """What is kept of a track.

    Attributes:
        looks: how often it was seen, since there is something to be kept of it.
        coming: by zone that it may be about to enter: number and time of the looks inside.
        stays: by zone that it is in.
        at: where it was seen last; None where there are no lines.
        sides: where that is with respect to each line.
    """

    looks: int = 0
    coming: dict[str, tuple[tuple[int, int], ...]] = {}
    stays: dict[str, Stay] = {}
    at: Point | None = None
    sides: dict[str, Side] = {}


class Inside(Kept, frozen=True):
    """Who is where before a camera, by track."""

    people: dict[str, Walk] = msgspec.field(default_factory=dict)


def observe(places: Places, state: Inside, at_ms: int, spots: Iterable[Spot], *, aspect: float) -> tuple[Inside, tuple[Change, ...]]:
    """Look at one frame.

    Args:
        places: the camera's zones and lines.
        state: before the frame; who is in a zone that is no longer there leaves it.
        at_ms: the frame's time; never before that of the frame before.
        spots: the confirmed persons that were seen in it; nobody must be missing without having been missed.
        aspect: the frame's width by its height.

    Returns:
        The state after it, and what has happened: exits, entries, loitering, crossings; each by zone, then by who came first.
    """
    seen = {spot.track: placed(spot.x, spot.y) for spot in spots}
    people: dict[str, Walk] = {}
    changes: list[Change] = []
    for track in dict.fromkeys((*state.people, *seen)):
        before, at = state.people.get(track, Walk()), seen.get(track)
        coming, stays, found = _in_zones(places, before, track, at_ms, at)
        sides, crossed = _over_lines(places, before, track, at_ms, at, aspect)
        changes += [*found, *crossed]
        if coming or stays or sides:
            last = (at or before.at) if places.lines else None
            people[track] = Walk(before.looks + (at is not None), coming, stays, last, sides)
    names = [*(zone.name for zone in places.zones), *(gate.name for gate in places.lines)]
    ranks = {name: rank for rank, name in enumerate(names)}
    changes.sort(key=lambda change: (_ORDER.index(change.kind), ranks.get(change.zone, len(ranks)), change.zone))
    return Inside(people), _counted(state, changes)


def caught_up(
    places: Places, state: Inside, track: str, looks: Iterable[tuple[int, float, float]], *, aspect: float
) -> tuple[Inside, tuple[Change, ...]]:
    """Note the earlier looks at somebody who is only now taken for real; of the others nothing is concluded.

    Args:
        places: the camera's zones and lines.
        state: before the frame in which the track was confirmed, which `observe` is given after this.
        track: that is new to the state.
        looks: time, x and y of each, as of a `Spot`.
        aspect: the frame's width by its height.
    """
    own, told = Inside(), list[Change]()
    for at_ms, x, y in looks:
        own, changes = observe(places, own, at_ms, (Spot(track, x, y),), aspect=aspect)
        told += changes
    others = occupancy(state)
    counted = [
        change if change.kind == "crossed" else replace(change, occupancy=change.occupancy + others.get(change.zone, 0)) for change in told
    ]
    return Inside({**state.people, **own.people}), tuple(counted)


def leave(places: Places, state: Inside, track: str) -> tuple[Inside, tuple[Change, ...]]:
    """Note that a track has ended: it exits from where it is, at its last look inside.

    Args:
        places: the camera's zones and lines.
        state: before it.
        track: that has ended; one that is not known changes nothing.
    """
    walk = state.people.get(track, Walk())
    order = [*(zone.name for zone in places.zones if zone.name in walk.stays), *walk.stays]
    exits = [_exit(track, zone, walk.stays[zone]) for zone in dict.fromkeys(order)]
    people = {other: kept for other, kept in state.people.items() if other != track}
    return Inside(people), _counted(state, exits)


def occupancy(state: Inside) -> dict[str, int]:
    """Return how many persons are in each zone; zones with nobody are left out."""
    counts: dict[str, int] = {}
    for walk in state.people.values():
        for zone in walk.stays:
            counts[zone] = counts.get(zone, 0) + 1
    return counts


def _in_zones(
    places: Places, walk: Walk, track: str, at_ms: int, at: Point | None
) -> tuple[dict[str, tuple[tuple[int, int], ...]], dict[str, Stay], list[Change]]:
    """Return in which zones somebody is about to be and is, and what has happened."""
    look = walk.looks + 1
    zones = {zone.name for zone in places.zones}
    changes = [_exit(track, zone, stay) for zone, stay in walk.stays.items() if zone not in zones]
    coming: dict[str, tuple[tuple[int, int], ...]] = {}
    stays: dict[str, Stay] = {}
    for zone in places.zones:
        inside = at is not None and zone.area.contains(at)
        stay, hits = walk.stays.get(zone.name), walk.coming.get(zone.name, ())
        if stay is not None and _over(stay, at_ms - stay.last_ms, zone.grace_ms, inside=inside):
            changes.append(_exit(track, zone.name, stay))
            stay = None
        if stay is not None:
            stay = Stay(stay.entered_ms, at_ms, told_ms=stay.told_ms) if inside else msgspec.structs.replace(stay, missed=True)
        elif at is not None:
            hits = (*(hit for hit in hits if hit[0] > look - zone.inertia_of), *([(look, at_ms)] if inside else ()))
            if len(hits) >= zone.inertia:
                stay = Stay(hits[0][1], hits[-1][1], missed=not inside)
                changes.append(Change("entered", zone.name, track, stay.entered_ms))
        if stay is None:
            coming |= {zone.name: hits} if hits else {}
            continue
        if inside:
            reached = [threshold for threshold in zone.loitering_ms if stay.told_ms < threshold <= at_ms - stay.entered_ms]
            changes += [Change("loitering", zone.name, track, at_ms, threshold) for threshold in reached]
            stay = msgspec.structs.replace(stay, told_ms=reached[-1]) if reached else stay
        stays[zone.name] = stay
    return coming, stays, changes


def _over_lines(
    places: Places, walk: Walk, track: str, at_ms: int, at: Point | None, aspect: float
) -> tuple[dict[str, Side], list[Change]]:
    """Return where somebody is with respect to the lines, and which they have crossed."""
    if at is None:
        return {gate.name: walk.sides[gate.name] for gate in places.lines if gate.name in walk.sides}, []
    sides, changes = {}, []
    for gate in places.lines:
        sides[gate.name], direction = walked(gate, walk.sides.get(gate.name, Side()), walk.at, at, aspect)
        if direction is not None:
            changes.append(Change("crossed", gate.name, track, at_ms, direction=direction))
    return sides, changes


def _over(stay: Stay, away_ms: int, grace_ms: int, *, inside: bool) -> bool:
    """Return whether somebody was away for so long that a stay is over; it is not where no frame has shown them away."""
    return stay.missed and away_ms > grace_ms if inside else away_ms >= grace_ms


def _exit(track: str, zone: str, stay: Stay) -> Change:
    return Change("exited", zone, track, stay.last_ms, stay.last_ms - stay.entered_ms)


def _counted(before: Inside, changes: Iterable[Change]) -> tuple[Change, ...]:
    """Return the changes with how many persons are in the zone after each."""
    counts = occupancy(before)
    told = []
    for change in changes:
        if change.kind == "crossed":
            told.append(change)
            continue
        step = {"entered": 1, "exited": -1}.get(change.kind, 0)
        counts[change.zone] = counts.get(change.zone, 0) + step
        told.append(replace(change, occupancy=counts[change.zone]))
    return tuple(told)
