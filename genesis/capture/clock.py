"""The time, as an object that is passed in: so that tests decide how late it is and nobody really sleeps."""

from __future__ import annotations

import threading
import time
from datetime import datetime, timezone
from typing import Protocol

from genesis.telemetry.health import Beat


class Clock(Protocol):
    """What capture asks about time."""

    def monotonic(self) -> float:
        """Return seconds that only ever grow."""
        ...

    def utc(self) -> datetime:
        """Return the time of day, in UTC."""
        ...

    def sleep(self, seconds: float, stop: threading.Event) -> bool:
        """Wait; return early, and True, when `stop` is set."""
        ...


class SystemClock:
    """The real time."""

    def monotonic(self) -> float:
        """Return seconds that only ever grow."""
        return time.monotonic()

    def utc(self) -> datetime:
        """Return the time of day, in UTC."""
        return datetime.now(timezone.utc)

    def sleep(self, seconds: float, stop: threading.Event) -> bool:
        """Wait; return early, and True, when `stop` is set."""
        return stop.wait(max(0.0, seconds))


class BeatingClock:
    """A clock on which whoever sleeps says first for how long, so that nobody takes it for a hang.

    Args:
        clock: the time.
        beat: tells that the sleeper goes on.
    """

    def __init__(self, clock: Clock, beat: Beat) -> None:
        self._clock = clock
        self._beat = beat

    def monotonic(self) -> float:
        """Return seconds that only ever grow."""
        return self._clock.monotonic()

    def utc(self) -> datetime:
        """Return the time of day, in UTC."""
        return self._clock.utc()

    def sleep(self, seconds: float, stop: threading.Event) -> bool:
        """Wait; return early, and True, when `stop` is set."""
        self._beat(max(0.0, seconds))
        return self._clock.sleep(seconds, stop)
