"""Between the thread that reads a live camera and the one that publishes: the newest frame, and what befell the camera."""

from __future__ import annotations

import threading
from collections import Counter, deque
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from genesis.capture.drops import SUPERSEDED
from genesis.vision.types import Frame

MOST_CHANGES = 1000
"""Changes of state kept for a consumer that does not come; then the oldest go."""


@dataclass(frozen=True, slots=True, eq=False)
class Arrival:
    """A frame, and when it was read."""

    image: Frame
    time: datetime


@dataclass(frozen=True, slots=True)
class Lost:
    """The source gives no more frames, for this reason."""

    time: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Recovered:
    """The source gives frames again, after so many seconds."""

    time: datetime
    away: float


Change: TypeAlias = Lost | Recovered
Item: TypeAlias = Arrival | Change


class Mailbox:
    """Holds at most one frame, the newest, in its place among the changes of state. Putting never blocks."""

    def __init__(self) -> None:
        self._items: deque[Item] = deque()
        self._counts: Counter[str] = Counter()
        self._news = threading.Condition()

    def put(self, arrival: Arrival) -> None:
        """Leave a frame; one that nobody has taken is replaced and counted as superseded."""
        with self._news:
            for waiting in self._items:
                if isinstance(waiting, Arrival):
                    self._items.remove(waiting)
                    self._counts[SUPERSEDED] += 1
                    break
            self._items.append(arrival)
            self._news.notify()

    def post(self, change: Change) -> None:
        """Leave a change of state, after the frames and changes before it."""
        with self._news:
            if len(self._items) >= MOST_CHANGES:
                self._items.popleft()
            self._items.append(change)
            self._news.notify()

    def count(self, what: str) -> None:
        """Count something that happened to a frame."""
        with self._news:
            self._counts[what] += 1

    def take(self, timeout: float) -> Item | None:
        """Take the oldest item; wait at most so many seconds for one."""
        with self._news:
            if not self._items and timeout > 0:
                self._news.wait(timeout)
            return self._items.popleft() if self._items else None

    def counts(self) -> dict[str, int]:
        """Return what was counted since the last call."""
        with self._news:
            counts, self._counts = self._counts, Counter()
            return dict(counts)
