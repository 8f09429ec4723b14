"""The alert rules, compiled once: which hold for a camera, a zone, a time and a person."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import TYPE_CHECKING

from genesis.analytics.alerting.hours import Hours, zone_of
from genesis.analytics.alerting.memory import Fact, Who
from genesis.analytics.zones import EVERY_ZONE

if TYPE_CHECKING:
    from genesis.settings import Rule, Settings

ABOUT_NOBODY = frozenset({"crowded", "camera_lost", "nobody"})
"""What does not concern one person: no name is news for an alert of it."""

_TOLERANCE_S = 0.0005  # thresholds are told in whole milliseconds


@dataclass(frozen=True, slots=True)
class Ruling:
    """A rule, compiled.

    Attributes:
        rule: as it was set.
        hours: at which it holds.
        names: only these people's, as `same_name` writes them; empty: everybody's.
    """

    rule: Rule
    hours: Hours
    names: frozenset[str]

    @property
    def waits(self) -> bool:
        """Whether nothing can be said before it is clear who somebody is."""
        return self.rule.person != "anyone" or bool(self.names)

    @property
    def personal(self) -> bool:
        """Whether it concerns one person."""
        return self.rule.when not in ABOUT_NOBODY

    @property
    def cooldown_ms(self) -> int:
        """How long there is no second alert, in milliseconds."""
        return round(self.rule.cooldown_seconds * 1000)

    def sees(self, camera: str) -> bool:
        """Return whether it is for a camera."""
        return not self.rule.cameras or camera in self.rule.cameras

    def covers(self, zone: str) -> bool:
        """Return whether it is for a zone or line."""
        return not self.rule.zones or zone in self.rule.zones

    def is_about(self, who: Who) -> bool:
        """Return whether it is for a person."""
        fits = {"anyone": True, "known": who.known, "unknown": not who.known}[self.rule.person]
        return fits and (not self.names or same_name(who.identity) in self.names)

    def may_come(self, who: Who | None) -> bool:
        """Return whether it may still turn out to be for a person; who is known by name never becomes unknown again."""
        return who is None or not (who.known and self.rule.person == "unknown")

    def cooldown_key(self, zone: str, track: str) -> tuple[str, str]:
        """Return for what the cooldown is: the rule, and the zone or the track."""
        return self.rule.name, {"camera": "", "zone": zone, "track": track}[self.rule.cooldown_per]


@dataclass(frozen=True, slots=True)
class Rulebook:
    """All rules of an installation.

    Attributes:
        rulings: by the rules' names, in the order of the settings.
        zone: time zone of hours and texts; None: this machine's.
        loiterings: the zones' own thresholds in seconds, by camera and zone; None: it has none.
    """

    rulings: Mapping[str, Ruling]
    zone: tzinfo | None
    loiterings: Mapping[tuple[str, str], float | None]

    @classmethod
    def of(cls, settings: Settings) -> Rulebook:
        """Compile the rules of an installation."""
        zone = zone_of(settings.alerts.time_zone)
        rulings = {
            rule.name: Ruling(rule, Hours.of(rule.hours, rule.days, zone), frozenset(map(same_name, rule.names)))
            for rule in settings.alerts.rules
        }
        loiterings = {(camera.name, place.name): place.loitering_seconds for camera in settings.cameras for place in camera.zones}
        return cls(rulings, zone, loiterings)

    @property
    def needs_names(self) -> bool:
        """Whether any rule depends on who somebody is."""
        return any(ruling.waits or ruling.rule.when == "recognised" for ruling in self.rulings.values())

    def loitering(self, camera: str) -> dict[str, tuple[float, ...]]:
        """Return the thresholds that rules ask for at a camera, in seconds, rising, by zone or `EVERY_ZONE`."""
        asked: dict[str, set[float]] = {}
        for ruling in self.rulings.values():
            if ruling.rule.when == "loitering" and ruling.rule.seconds is not None and ruling.sees(camera):
                for zone in ruling.rule.zones or (EVERY_ZONE,):
                    asked.setdefault(zone, set()).add(ruling.rule.seconds)
        return {zone: tuple(sorted(seconds)) for zone, seconds in asked.items()}

    def concerns(self, camera: str) -> bool:
        """Return whether there is any rule for a camera."""
        return any(ruling.sees(camera) for ruling in self.rulings.values())

    def may_raise(self, when: str, camera: str, zone: str) -> bool:
        """Return whether any rule is about something in a zone of a camera, at whatever hour: only then is its picture wanted."""
        if when == "entered" and self.may_raise("crowded", camera, zone):
            return True
        return any(ruling.rule.when == when and ruling.sees(camera) and ruling.covers(zone) for ruling in self.rulings.values())

    def holding(self, when: str, camera: str, time: datetime) -> Iterator[Ruling]:
        """Yield the rules about something at a camera whose hours hold, in the order of the settings."""
        for ruling in self.rulings.values():
            if ruling.rule.when == when and ruling.sees(camera) and ruling.hours.hold(time):
                yield ruling

    def reached(self, ruling: Ruling, camera: str, fact: Fact) -> bool:
        """Return whether somebody has loitered for as long as a rule says."""
        seconds = ruling.rule.seconds
        if seconds is None:
            # A zone that these settings do not know was told by somebody who knows it, and its threshold.
            seconds = self.loiterings.get((camera, fact.zone), 0.0)
        return seconds is not None and fact.dwell >= seconds - _TOLERANCE_S


def same_name(name: str) -> str:
    """Return what makes two names the same: case, composed letters and spaces do not count."""
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())
