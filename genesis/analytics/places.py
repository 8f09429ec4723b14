"""A camera's zones and lines, compiled once from the settings for many frames."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from genesis.analytics.geometry import Area
from genesis.analytics.lines import Gate

if TYPE_CHECKING:
    from genesis.settings import Line, Zone

EVERY_ZONE = "*"
"""Stands for all zones where thresholds are given by zone."""


@dataclass(frozen=True, slots=True)
class Place:
    """A zone of the settings, ready for use.

    Attributes:
        name: of the zone.
        area: of it, in shares of the frame.
        inertia: looks inside ...
        inertia_of: ... of this many looks make an entry.
        grace_ms: not seen inside for this long is an exit.
        loitering_ms: thresholds that are told, in rising order.
    """

    name: str
    area: Area
    inertia: int
    inertia_of: int
    grace_ms: int
    loitering_ms: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Places:
    """A camera's zones and lines, ready for use."""

    zones: tuple[Place, ...] = ()
    lines: tuple[Gate, ...] = ()

    @classmethod
    def of(cls, zones: Sequence[Zone], lines: Sequence[Line], loitering: Mapping[str, Sequence[float]] | None = None) -> Places:
        """Make zones and lines ready.

        Args:
            zones: of the camera, in the order in which their changes are told.
            lines: likewise.
            loitering: more thresholds in seconds, by zone or `EVERY_ZONE`.
        """
        more = loitering or {}
        places = []
        for zone in zones:
            seconds = {*more.get(zone.name, ()), *more.get(EVERY_ZONE, ())}
            if zone.loitering_seconds is not None:
                seconds.add(zone.loitering_seconds)
            thresholds = tuple(sorted({round(threshold * 1000) for threshold in seconds}))
            grace_ms = round(zone.exit_grace_seconds * 1000)
            places.append(Place(zone.name, Area.of(zone.polygon), zone.inertia, zone.inertia_of, grace_ms, thresholds))
        return cls(tuple(places), tuple(Gate.of(line) for line in lines))
