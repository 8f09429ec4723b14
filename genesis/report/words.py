"""Numbers and times as a report says them."""

from __future__ import annotations

from datetime import datetime

from genesis.storage.span import Bucket, Span

MINUTE, HOUR, DAY = 60.0, 3600.0, 86_400.0


def duration(seconds: float | None) -> str:
    """Return a length of time in its two largest units; `-` for none.

    >>> [duration(value) for value in (4.25, 75, 3 * 3600 + 120, None)]
    ['4.2 s', '1 min 15 s', '3 h 2 min', '-']
    """
    if seconds is None:
        return "-"
    if seconds < 10:  # noqa: PLR2004 - a tenth of a second matters only there
        return f"{seconds:.1f} s"
    whole = round(seconds)
    for unit, name, below, small in ((DAY, "d", HOUR, "h"), (HOUR, "h", MINUTE, "min"), (MINUTE, "min", 1.0, "s")):
        if whole >= unit:
            rest = int(whole % unit // below)
            return f"{int(whole // unit)} {name}" + (f" {rest} {small}" if rest else "")
    return f"{whole} s"


def edge(seconds: float) -> str:
    """Return where a bar of the distribution begins, as shortly as can be."""
    if seconds < MINUTE:
        return f"{seconds:g} s"
    return f"{seconds / MINUTE:g} min" if seconds < HOUR else f"{seconds / HOUR:g} h"


def moment(span: Span, when: datetime | None) -> str:
    """Return a time by the clock on the wall; `-` for none."""
    return "-" if when is None else span.local(when).strftime("%Y-%m-%d %H:%M:%S")


def step(bucket: Bucket, at: datetime) -> str:
    """Return the name of an hour, a day, or a week (by its first day)."""
    return at.strftime({"hour": "%a %H:00", "day": "%a %d %b", "week": "%d %b %Y"}[bucket])
