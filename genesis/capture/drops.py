"""Counting the frames that were not published, by reason: no frame disappears without a number that says so."""

from __future__ import annotations

from collections import Counter

from genesis.capture.sinks import Sink
from genesis.errors import BackpressureError, FrameCacheFullError, GenesisError
from genesis.telemetry import catalogue as metrics
from genesis.telemetry.instruments import count as counted

BACKPRESSURE = "backpressure"
"""A stream had as many unsettled entries as it may have."""
CACHE_FULL = "cache_full"
"""The frame cache held as much as it may."""
REDIS_UNAVAILABLE = "redis_unavailable"
"""Redis did not answer."""
SUPERSEDED = "superseded"
"""A newer frame came before the pipeline was ready for this one."""
CORRUPT = "corrupt"
"""The pixels could not be decoded."""
STOPPED = "stopped"
"""Capture was asked to stop when the frame had been read and not yet taken."""

REASONS = (BACKPRESSURE, CACHE_FULL, REDIS_UNAVAILABLE, SUPERSEDED, CORRUPT, STOPPED)

REPORT_SECONDS = 1.0
"""Drops are told to the sink at most this often."""


def reason_of(error: GenesisError) -> str:
    """Return the reason to count a frame under that a sink did not take because of `error`."""
    if isinstance(error, FrameCacheFullError):
        return CACHE_FULL
    return BACKPRESSURE if isinstance(error, BackpressureError) else REDIS_UNAVAILABLE


class Drops:
    """One camera's dropped frames: in all, in its session, since the last frame that was taken, and not yet told to the sink."""

    def __init__(self, camera: str, sink: Sink) -> None:
        self._camera = camera
        self._sink = sink
        self._totals: Counter[str] = Counter()
        self._session: Counter[str] = Counter()
        self._since: Counter[str] = Counter()
        self._untold: Counter[str] = Counter()
        self._told_at: float | None = None
        for reason in REASONS:  # else the first drop of its kind would be no increase
            counted(metrics.DROPPED, camera, reason, by=0)

    @property
    def totals(self) -> dict[str, int]:
        """Dropped frames by reason; a reason that never occurred is absent."""
        return dict(sorted(self._totals.items()))

    @property
    def in_session(self) -> dict[str, int]:
        """Those of the session that runs."""
        return dict(sorted(self._session.items()))

    @property
    def since_taken(self) -> dict[str, int]:
        """Those since the last frame that was taken."""
        return dict(sorted(self._since.items()))

    def add(self, reason: str, count: int = 1) -> None:
        """Count frames."""
        if count > 0:
            counted(metrics.DROPPED, self._camera, reason, by=count)
            for counter in (self._totals, self._session, self._since, self._untold):
                counter[reason] += count

    def taken(self) -> None:
        """Note that a frame was taken, and `since_taken` told with it."""
        self._since.clear()

    def begin_session(self) -> None:
        """Begin a new session, in which nothing has been dropped."""
        self._session.clear()
        self._since.clear()

    def report(self, now: float, *, final: bool = False) -> None:
        """Tell the sink what is new, unless it was told less than a second ago (and this is not the end)."""
        if not self._untold or (not final and self._told_at is not None and now - self._told_at < REPORT_SECONDS):
            return
        self._told_at = now
        untold, self._untold = self._untold, Counter()
        for reason, count in untold.items():
            self._sink.dropped(self._camera, reason, count)
