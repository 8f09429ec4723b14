"""Which frames are taken, and when: the meaning of `fps`.

| `fps` | recording | live camera |
|---|---|---|
| not given | every frame, in the recording's own time | every frame |
| N | at most N per second of the recording's own time; a folder, which has no rate, plays at N | at most N per second |
| 0 | every frame, as fast as the pipeline takes them | every frame |

A rate above the source's own changes nothing: frames that were never filmed can't be taken.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from fractions import Fraction

from genesis.capture.clock import Clock

ASSUMED_FPS = 25.0
"""Frames per second of a recording that has no rate of its own."""
CATCH_UP_SECONDS = 1.0
"""A recording that is later than this goes on at its own pace from now, instead of hurrying after the time it lost."""
_FINEST = 1_000_000


@dataclass(frozen=True, slots=True)
class Schedule:
    """Which frames of a recording are taken, and when each is due.

    Attributes:
        native: the recording's frames per second.
        share: the share of its frames that is taken, above 0 and at most 1.
        paced: whether it is played in real time.
    """

    native: float
    share: Fraction
    paced: bool

    @classmethod
    def of(cls, native: float | None, wanted: float | None) -> Schedule:
        """Decide how a recording is played.

        Args:
            native: its frames per second; None if it has no rate.
            wanted: `fps` as the user gave it; None for the recording's own, 0 for as fast as it goes.
        """
        rate = native or wanted or ASSUMED_FPS
        if not wanted:
            return cls(rate, Fraction(1), paced=wanted is None)
        share = min(Fraction(1), Fraction(wanted / rate).limit_denominator(_FINEST))
        return cls(rate, max(share, Fraction(1, _FINEST)), paced=True)

    def takes(self, index: int) -> bool:
        """Whether the frame at `index` (from 0) is taken; the first always is, the others are spread evenly."""
        up, down = self.share.numerator, self.share.denominator
        return index == 0 or index * up // down != (index - 1) * up // down

    def offset(self, index: int) -> float:
        """Seconds between the recording's first frame and the one at `index`."""
        return index / self.native


class Pacer:
    """Holds a recording back to its schedule."""

    def __init__(self, schedule: Schedule, clock: Clock) -> None:
        self.schedule = schedule
        self._clock = clock
        self._origin: float | None = None

    def wait(self, index: int, stop: threading.Event) -> bool:
        """Wait until the frame at `index` is due; return True if `stop` was set meanwhile."""
        if not self.schedule.paced:
            return stop.is_set()
        now = self._clock.monotonic()
        offset = self.schedule.offset(index)
        if self._origin is None:
            self._origin = now - offset
        late = now - (self._origin + offset)
        if late < 0:
            return self._clock.sleep(-late, stop)
        if late > CATCH_UP_SECONDS:
            self._origin += late
        return stop.is_set()


class Thinner:
    """Takes at most so many frames per second of a live camera.

    Args:
        fps: the limit; None or 0 for none.
    """

    def __init__(self, fps: float | None) -> None:
        self._period = 1 / fps if fps else 0.0
        self._due: float | None = None

    def takes(self, now: float) -> bool:
        """Whether a frame that arrives at `now` (monotonic seconds) is taken."""
        if not self._period:
            return True
        if self._due is None:
            self._due = now
        if now < self._due:
            return False
        # From the due time and not from now: one late frame must not make the next, punctual one early.
        self._due = max(self._due, now - self._period) + self._period
        return True
