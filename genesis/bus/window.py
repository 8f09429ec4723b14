"""How many entries of a subscription may be in Celery at once.

Few, so that a task waits only a fraction of its lease before it runs and a lost queue loses little
time; but enough to keep every worker busy. By Little's law the entries in a queue are its rate times
the time each spends there, so the window is `rate x the wait we allow`. Entries that a worker has begun, or
that wait for a retry, are in other hands and do not count.
"""

from __future__ import annotations

from dataclasses import dataclass

WAIT_SHARE = 1 / 6  # of the lease: half of the third that a task may wait, which leaves room for a second bridge
SMOOTHING = 0.3  # weight of the newest measurement
LEAST_INTERVAL = 0.1  # seconds between two measurements
DRAINED = 1 / 4  # of a full window: if no more is left at the next look, workers may have stood idle


@dataclass(slots=True)
class Window:
    """The adaptive window of one subscription.

    Attributes:
        least: entries that may always be out.
        most: entries that may ever be out.
        wait: seconds that a task may wait in the queue.
    """

    least: int
    most: int
    wait: float
    size: float = 0.0
    _floor: float = 0.0
    _rate: float | None = None
    _last: tuple[float, int] | None = None

    def __post_init__(self) -> None:
        """Begin with the least."""
        self.size = float(self.least)

    @classmethod
    def of(cls, least: int, most: int, lease: float) -> Window:
        """Make a window from the bridge's limits and the lease in seconds."""
        return cls(least, most, lease * WAIT_SHARE)

    @property
    def rate(self) -> float:
        """Entries taken out of the queue per second, as measured; 0 before the first measurement."""
        return self._rate or 0.0

    def measured(self, now: float, taken: int) -> None:
        """Take a measurement.

        Args:
            now: monotonic seconds.
            taken: entries of this bridge that workers ever took (a running total).
        """
        if self._last is None:
            self._last = (now, taken)
            return
        then, before = self._last
        if now - then < LEAST_INTERVAL or (taken == before and now - then < self.wait):
            return
        rate = (taken - before) / (now - then)
        self._rate = rate if self._rate is None else self._rate + SMOOTHING * (rate - self._rate)
        self._last = (now, taken)
        self._resize(self._rate * self.wait)

    def drained(self, left: int) -> bool:
        """Learn how many entries were left of a full window when it was looked at next; tell whether it was almost empty.

        Then it is twice as large until the rate is known that workers have now: they were slower before, or only just began.
        """
        drained = left <= self.size * DRAINED
        self._floor = 2 * self.size if drained else self._floor / 2
        if drained:
            self._resize(self.size)
        return drained

    def _resize(self, wanted: float) -> None:
        self.size = min(float(self.most), max(float(self.least), wanted, self._floor))
