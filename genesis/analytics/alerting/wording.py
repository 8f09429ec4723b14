"""What an alert says."""

from __future__ import annotations

from datetime import tzinfo
from typing import TYPE_CHECKING

from genesis.analytics.alerting.memory import Fact, Who
from genesis.analytics.presence import moment

if TYPE_CHECKING:
    from genesis.analytics.alerting.rulebook import Ruling

NOTHING = "-"
"""Stands for what is not known, or what does not belong to such an alert."""
SOMEBODY = "somebody"

_STAYED = frozenset({"exited", "loitering", "nobody"})  # what takes time
_COUNTED = frozenset({"entered", "exited", "loitering", "crowded", "nobody"})  # what tells how many there are
_MADE_UP = {
    "entered": "{somebody} entered {zone}",
    "exited": "{somebody} left {zone} after {dwell}",
    "loitering": "{somebody} loitered in {zone} for {dwell}",
    "crossed": "{somebody} crossed {zone}{direction}",
    "crowded": "{persons} persons in {zone} (more than {limit})",
    "recognised": "{somebody} {recognised}{place}",
    "camera_lost": "camera lost{reason}",
    "nobody": "nobody seen for {dwell}",
}


def message(ruling: Ruling, camera: str, fact: Fact, track: str, who: Who | None, zone: tzinfo | None, named_ms: int | None = None) -> str:
    """Return the text of an alert.

    Args:
        ruling: that holds.
        camera: at which.
        fact: for what.
        track: whose.
        who: that is, if it is known.
        zone: time zone of the text; None: this machine's.
        named_ms: when it became clear who it is, if the rule had to wait for that.
    """
    local = moment(fact.at_ms).astimezone(zone)
    values = {
        "camera": camera,
        "zone": fact.zone or NOTHING,
        "who": (who.identity if who else SOMEBODY) if ruling.personal else NOTHING,
        "track": track or NOTHING,
        "dwell": seconds(fact.dwell) if fact.kind in _STAYED else NOTHING,
        "persons": str(fact.persons) if fact.kind in _COUNTED else NOTHING,
        "rule": ruling.rule.name,
        "time": f"{local:%Y-%m-%d %H:%M:%S}",
    }
    if ruling.rule.message:
        return ruling.rule.message.format_map(values)
    text = _MADE_UP[fact.kind].format_map(
        {
            **values,
            "somebody": who.identity if who else f"{SOMEBODY} (track {track.rpartition('-')[2]})",
            "direction": f" ({fact.direction})" if fact.direction else "",
            "limit": str(ruling.rule.more_than),
            "recognised": "recognised" if who and who.known else "seen",
            "place": f" in {fact.zone}" if fact.zone else "",
            "reason": f": {fact.reason}" if fact.reason else "",
        }
    )
    if named_ms is None:
        return text
    return f"{text} at {local:%H:%M:%S}, identified at {moment(named_ms).astimezone(zone):%H:%M:%S}"


def seconds(duration: float) -> str:
    """Return a duration as people say it.

    >>> seconds(35.2), seconds(2.5)
    ('35 s', '2.5 s')
    """
    return f"{duration:.1f} s" if 0 < duration < 10 and not float(duration).is_integer() else f"{duration:.0f} s"  # noqa: PLR2004 - two digits are enough
