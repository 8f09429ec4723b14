"""The ledger's clock, as it is seen from another machine."""

from __future__ import annotations

import time
from collections.abc import Callable

EVERY_SECONDS = 10.0  # that it is looked at anew: clocks drift, and are set


class LedgerClock:
    """What time it is on the ledger, to a few milliseconds, without asking it each time.

    Args:
        ask: returns the ledger's seconds since 1970.
        clock: seconds since 1970, here.
    """

    def __init__(self, ask: Callable[[], float], clock: Callable[[], float] = time.time) -> None:
        self._ask = ask
        self._clock = clock
        self._ahead = 0.0
        self._looked = float("-inf")

    def now_ms(self) -> int:
        """Return milliseconds since 1970; asks the ledger now and then, whose errors are passed on."""
        now = self._clock()
        if not 0 <= now - self._looked < EVERY_SECONDS:
            there = self._ask()
            now = self._clock()
            self._ahead, self._looked = there - now, now
        return int((now + self._ahead) * 1000)
