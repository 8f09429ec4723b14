"""What successive looks tell together: how fast each group gets on, and each camera's frames over the last minute."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from itertools import pairwise

from genesis.monitoring.status import Status

MINUTE = 60.0  # seconds that are remembered
RATE_SECONDS = 10.0  # over which a rate is measured: shorter is restless, longer is late

DONE = ("settled", "buried", "stale", "late", "skipped", "filtered")
"""Totals of what takes an entry out of a group's hands."""

Totals = dict[tuple[str, str], int]


class History:
    """The looks of the last minute."""

    def __init__(self) -> None:
        self._looks: deque[tuple[float, Totals, dict[str, tuple[str, int]]]] = deque()

    def add(self, status: Status) -> None:
        """Remember a look; one that is not newer than the last begins anew (the clock was set back)."""
        if self._looks and status.time <= self._looks[-1][0]:
            self._looks.clear()
        groups = {(stream.stream, group.group): group.totals for stream in status.streams for group in stream.groups}
        totals = {key: sum(told.get(name, 0) for name in DONE) for key, told in groups.items()}
        self._looks.append((status.time, totals, {row.camera: (row.session, row.frames) for row in status.cameras}))
        while len(self._looks) > 2 and self._looks[-1][0] - self._looks[1][0] >= MINUTE:  # noqa: PLR2004 - as `rate`
            self._looks.popleft()

    def rate(self, stream: str, group: str) -> float | None:
        """Return the entries per second that a group was done with lately; None as long as that can't be told."""
        if len(self._looks) < 2:  # noqa: PLR2004 - a rate lies between two looks
            return None
        now, newest, _ = self._looks[-1]
        then, before, _ = next(look for look in self._looks if now - look[0] <= RATE_SECONDS or look is self._looks[-2])
        key = (stream, group)
        if key not in newest or key not in before or newest[key] < before[key]:
            return None  # the totals began anew
        return (newest[key] - before[key]) / (now - then)

    def frames(self, camera: str, buckets: int) -> Sequence[float | None]:
        """Return a camera's frames per second over the last minute, oldest first, in equal parts; None for what was not seen.

        Args:
            camera: its name.
            buckets: number of parts.
        """
        if not self._looks:
            return [None] * buckets
        end, width = self._looks[-1][0], MINUTE / buckets
        frames, seconds = [0.0] * buckets, [0.0] * buckets
        looks = list(self._looks)
        for (then, _, before), (now, _, after) in pairwise(looks):
            if camera not in before or camera not in after:
                continue
            (session, count), (same, more) = before[camera], after[camera]
            came = max(0, more - count) if session == same else more
            # A look's frames came evenly between it and the one before.
            for place in range(buckets):
                begin = end - MINUTE + place * width
                shared = min(now, begin + width) - max(then, begin)
                if shared > 0:
                    seconds[place] += shared
                    frames[place] += came * shared / (now - then)
        return [count / time if time >= width / 2 else None for count, time in zip(frames, seconds, strict=True)]
