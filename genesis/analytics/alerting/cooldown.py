"""Cooldown: no second alert for some time of capture, whatever order the events come in.

What happened may be told a little out of order (an exit is told after the zone's grace, with the time of the last look inside), so
an alert is too soon after one as well as too soon before one. A time that lies further back than `LATE_MS` is not late: the clock
was set back, and what was told at times that are now to come does not mute anything.
"""

from __future__ import annotations

LATE_MS = 60_000
MOST_TIMES = 16

Times = tuple[int, ...]
"""Of alerts, in milliseconds since 1970, in rising order; only those that can still mute one."""


def is_over(times: Times, at_ms: int, cooldown_ms: int) -> bool:
    """Return whether there may be an alert at a time, after those there were."""
    before = min(cooldown_ms, LATE_MS)
    return not any(-before < at_ms - time < cooldown_ms for time in times)


def begun(times: Times, at_ms: int, cooldown_ms: int) -> Times:
    """Return the times with that of one more alert; without a cooldown none need be known."""
    if not cooldown_ms:
        return ()
    return (*sorted({*_lasting(times, at_ms, cooldown_ms), at_ms}),)[-MOST_TIMES:]


def lasts(times: Times, clock_ms: int, cooldown_ms: int) -> bool:
    """Return whether any of the times can still mute an alert."""
    return bool(_lasting(times, clock_ms, cooldown_ms))


def _lasting(times: Times, clock_ms: int, cooldown_ms: int) -> Times:
    return tuple(time for time in times if -LATE_MS <= clock_ms - time <= cooldown_ms + LATE_MS)
