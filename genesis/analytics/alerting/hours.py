"""When a rule holds: hours of the day and days of the week, by the clock on the wall.

The wall's clock is that of `alerts.time_zone` at the time of capture. So on the day on which summer time begins an hour that is
skipped never comes, and on the day on which it ends an hour that comes twice counts twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from zoneinfo import ZoneInfo

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_WHOLE_DAY = (0, 24 * 60)


@dataclass(frozen=True, slots=True)
class Hours:
    """Hours and days on which something holds.

    Attributes:
        spans: begin (included) and end (not included) in minutes after midnight; an end before its begin is on the next day.
        days: on which a span may begin, 0 (Monday) to 6.
        zone: of the clock on the wall; None: this machine's.
    """

    spans: tuple[tuple[int, int], ...] = (_WHOLE_DAY,)
    days: frozenset[int] = frozenset(range(7))
    zone: tzinfo | None = None

    @classmethod
    def of(cls, hours: Sequence[str], days: Sequence[str], zone: tzinfo | None = None) -> Hours:
        """Return hours such as `22:00-06:00` on days such as `fri`; none of them: all of them."""
        spans = tuple(_span(text) for text in hours)
        return cls(spans or (_WHOLE_DAY,), frozenset(DAYS.index(day) for day in days or DAYS), zone)

    @property
    def always(self) -> bool:
        """Whether they hold at any time."""
        return self.spans == (_WHOLE_DAY,) and len(self.days) == len(DAYS)

    def hold(self, time: datetime) -> bool:
        """Return whether they hold at a time (with a time zone, whichever)."""
        if self.always:
            return True
        local = time.astimezone(self.zone)
        minute, today = local.hour * 60 + local.minute, local.weekday()
        return any(self._in(span, minute, today) for span in self.spans)

    def _in(self, span: tuple[int, int], minute: int, today: int) -> bool:
        begin, end = span
        if begin < end:
            return begin <= minute < end and today in self.days
        return (minute >= begin and today in self.days) or (minute < end and (today - 1) % 7 in self.days)


def zone_of(name: str) -> tzinfo | None:
    """Return the time zone of `alerts.time_zone`; None: this machine's."""
    return ZoneInfo(name) if name else None


def _span(text: str) -> tuple[int, int]:
    begin, _, end = text.partition("-")
    return _minute(begin), _minute(end)


def _minute(text: str) -> int:
    hour, _, minute = text.partition(":")
    return int(hour) * 60 + int(minute)
