"""Whether the parts of a program go on: each has a heart that it beats, and ails when no beat came for too long.

A part beats whenever it has come round, also while it waits for a server that is away: that is no hang. What it waits for on
purpose it says with the beat.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterable

Beat = Callable[..., None]
"""Tells that a part goes on: `Heart.beat`."""


def unwatched(pause: float = 0.0) -> None:
    """Beat for nobody."""
    del pause


class Heart:
    """The heart of one part. Thread-safe.

    Args:
        name: of the part.
        limit: seconds that the part may need between two beats.
        clock: monotonic seconds.
    """

    def __init__(self, name: str, limit: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.name = name
        self._limit = limit
        self._clock = clock
        self._until = math.inf
        self.beat()

    def beat(self, pause: float = 0.0) -> None:
        """Tell that the part goes on.

        Args:
            pause: seconds that it is going to wait on purpose, beside its limit.
        """
        self._until = self._clock() + self._limit + pause

    def rest(self) -> None:
        """Tell that the part has ended, or is not to be waited for: it is well until its next beat."""
        self._until = math.inf

    @property
    def ails(self) -> bool:
        """Whether no beat came in time."""
        return self._clock() > self._until


class Health:
    """The hearts of a program. Thread-safe.

    Args:
        clock: monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._hearts: list[Heart] = []
        self._checks: list[Callable[[], Iterable[str]]] = []

    def heart(self, name: str, limit: float) -> Heart:
        """Return the heart of a part, which beats from now on.

        Args:
            name: of the part, for a person.
            limit: seconds that the part may need between two beats.
        """
        made = Heart(name, limit, self._clock)
        with self._lock:
            self._hearts.append(made)
        return made

    def check(self, ailing: Callable[[], Iterable[str]]) -> None:
        """Ask a function, too, which parts ail."""
        with self._lock:
            self._checks.append(ailing)

    def ailing(self) -> tuple[str, ...]:
        """Return the names of the parts that do not go on."""
        with self._lock:
            hearts, checks = tuple(self._hearts), tuple(self._checks)
        return (*(heart.name for heart in hearts if heart.ails), *(name for ailing in checks for name in ailing()))
