"""Do the alert rules fit the cameras: what a rule names must be there, or it would never raise an alert.

Without cameras in the settings (they are named on the command line then) nothing can be said.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from genesis.settings_alerts import Rule, nearest
from genesis.settings_sections import Camera

Mistake = tuple[tuple[str | int, ...], Any, str]
"""Where (from the top of the settings), what was found there, and what is allowed."""


def unfitting(rules: Sequence[Rule], cameras: Sequence[Camera]) -> list[Mistake]:
    """Return what the rules name that the cameras do not have."""
    if not cameras:
        return []
    known = {camera.name: camera for camera in cameras}
    mistakes: list[Mistake] = []
    for index, rule in enumerate(rules):
        place = ("alerts", "rules", index)
        strangers: list[Mistake] = [
            ((*place, "cameras", number), name, f"one of cameras ({', '.join(known)}){nearest(name, known)}")
            for number, name in enumerate(rule.cameras)
            if name not in known
        ]
        # Where a camera is not there, its zones are not, either: one mistake is enough.
        mistakes += strangers or _in_zones(place, rule, [known[name] for name in rule.cameras] if rule.cameras else cameras)
    return mistakes


def _in_zones(place: tuple[str | int, ...], rule: Rule, cameras: Sequence[Camera]) -> Iterator[Mistake]:
    zones, lines = ({one.name: one for camera in cameras for one in getattr(camera, kind)} for kind in ("zones", "lines"))
    wanted, others, what, other = (lines, zones, "line", "zone") if rule.when == "crossed" else (zones, lines, "zone", "line")
    whose = f"camera{'s' if len(cameras) > 1 else ''} {', '.join(camera.name for camera in cameras)}"
    for number, name in enumerate(rule.zones):
        if name in wanted:
            continue
        is_other = f", not a {other}, with {rule.when}" if name in others else ""
        allowed = f"a {what} of {whose}{is_other} (there: {', '.join(wanted) or 'none'}){nearest(name, wanted)}"
        yield (*place, "zones", number), name, allowed
    if rule.when == "loitering" and rule.seconds is None:
        without = [name for name in rule.zones or zones if name in zones and name not in _with_loitering(cameras)]
        if without and (rule.zones or len(without) == len(zones)):
            yield place, {}, f"seconds, or loitering_seconds of its zones ({', '.join(without)})"


def _with_loitering(cameras: Sequence[Camera]) -> set[str]:
    return {zone.name for camera in cameras for zone in camera.zones if zone.loitering_seconds is not None}
