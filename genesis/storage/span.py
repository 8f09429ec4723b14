"""A span of time and some cameras, and the clock on the wall in it: what summaries are made of.

The wall's clock is brought along as differences from UTC, so that the database needs to know no time zones.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone, tzinfo
from typing import Any, Literal

Bucket = Literal["hour", "day", "week"]

_STEP = timedelta(days=1)  # no zone changes its clock twice a day
_MINUTE = timedelta(minutes=1)

LOCAL = """
    local AS (
        SELECT * FROM unnest(%(begins)s::timestamptz[], %(ends)s::timestamptz[], %(shifts)s::interval[]) AS l (begins, ends, shift)
    )
"""
"""SQL: a table of the times between which the wall's clock has one difference (`shift`) from UTC."""


@dataclass(frozen=True, slots=True)
class Shift:
    """How far the clock on the wall is ahead of UTC, from one time to another."""

    begins: datetime
    ends: datetime
    ahead: timedelta


@dataclass(frozen=True, slots=True)
class Span:
    """What a summary is about.

    Attributes:
        since: from this time on (UTC).
        until: before this time.
        cameras: of these; empty: all.
        zone: of the clock on the wall; None: this machine's.
    """

    since: datetime
    until: datetime
    cameras: tuple[str, ...] = ()
    zone: tzinfo | None = None

    @property
    def length(self) -> timedelta:
        """How long it is."""
        return self.until - self.since

    @property
    def values(self) -> dict[str, Any]:
        """What the queries take."""
        shifts = list(self.shifts())
        return {
            "since": self.since, "until": self.until, "cameras": list(self.cameras) or None, "begins": [shift.begins for shift in shifts],
            "ends": [shift.ends for shift in shifts], "shifts": [shift.ahead for shift in shifts],
        }  # fmt: skip

    def shifts(self) -> Iterator[Shift]:
        """Yield the differences of the wall's clock from UTC, in their order and without gaps; at least one."""
        begins, at = self.since, self.since
        while at < self.until:
            after = min(at + _STEP, self.until)
            if self._ahead(after) != self._ahead(at):
                change = self._change(at, after)
                yield Shift(begins, change, self._ahead(at))
                begins = change
            at = after
        yield Shift(begins, self.until, self._ahead(begins))

    def local(self, moment: datetime) -> datetime:
        """Return a time by the clock on the wall."""
        return moment.astimezone(self.zone)

    def _ahead(self, moment: datetime) -> timedelta:
        return self.local(moment).utcoffset() or timedelta()

    def _change(self, before: datetime, after: datetime) -> datetime:
        """Return the minute at which the clock was set, somewhere between two times."""
        old = self._ahead(before)
        low, high = int(before.timestamp()) // 60, -(-int(after.timestamp()) // 60)
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self._ahead(_minute(middle)) == old else (low, middle)
        return min(_minute(high), after)


def _minute(number: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=timezone.utc) + number * _MINUTE
