"""What handlers that wait for the outside do in sync mode, beside the line: one thread, retries after their delays, a bounded end.

An endpoint that is down must not hold up a camera. Beside the line nobody is told of what comes of it: such handlers return nothing.
"""

from __future__ import annotations

import heapq
import itertools
import logging
import threading
import time
from collections.abc import Callable

from genesis.errors import PermanentError
from genesis.events import Event
from genesis.logs import bound
from genesis.subscriptions import Retry, Subscription

logger = logging.getLogger(__name__)

CLOSING_SECONDS = 5.0
"""How long the end waits for what is still to be done."""
MOST_WAITING = 1000
"""Events that wait; beyond that the newest are refused, and counted as failures."""

Job = tuple[float, int, int, Subscription, Event]
"""When it is due (monotonic seconds), its place, how many runs there were, and what is to be run."""


class Aside:
    """Runs handlers in a thread of its own.

    Args:
        handle: runs a handler on an event once.
        policy: how often, and after which waits, a subscription's handler is run again.
        failed: told of an event that is given up, and why.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        handle: Callable[[Subscription, Event], None],
        policy: Callable[[Subscription], Retry],
        failed: Callable[[Subscription, Event, BaseException], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._handle = handle
        self._policy = policy
        self._failed = failed
        self._clock = clock
        self._jobs: list[Job] = []
        self._places = itertools.count()
        self._changed = threading.Condition()
        self._busy = False
        self._closing = False
        self._thread: threading.Thread | None = None

    def put(self, row: Subscription, event: Event) -> None:
        """Have an event handled soon."""
        with self._changed:
            if len(self._jobs) >= MOST_WAITING:
                self._failed(row, event, RuntimeError(f"{MOST_WAITING} others wait already"))
                return
            heapq.heappush(self._jobs, (self._clock(), next(self._places), 0, row, event))
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="aside", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def close(self, seconds: float = CLOSING_SECONDS) -> int:
        """Let what is due be done, for a bounded time; return how many events are left undone."""
        until = self._clock() + seconds
        with self._changed:
            self._closing = True
            self._changed.notify_all()
            while (self._busy or self._due()) and self._clock() < until:
                self._changed.wait(0.05)
            left = len(self._jobs) + int(self._busy)
            self._jobs.clear()
        return left

    def _due(self) -> bool:
        return bool(self._jobs) and self._jobs[0][0] <= self._clock()

    def _work(self) -> None:
        while True:
            with self._changed:
                while not self._due():
                    if self._closing:
                        self._thread = None
                        self._changed.notify_all()
                        return
                    self._changed.wait(self._jobs[0][0] - self._clock() if self._jobs else None)
                _, _, runs, row, event = heapq.heappop(self._jobs)
                self._busy = True
            self._run(row, event, runs + 1)
            with self._changed:
                self._busy = False
                self._changed.notify_all()

    def _run(self, row: Subscription, event: Event, runs: int) -> None:
        with bound(stream=event.STREAM, group=row.group, event=event.id, camera=event.camera):
            self._try(row, event, runs)

    def _try(self, row: Subscription, event: Event, runs: int) -> None:
        try:
            self._handle(row, event)
        except Exception as error:  # noqa: BLE001 - a handler may raise anything
            policy = self._policy(row)
            if isinstance(error, PermanentError) or runs > policy.max_retries:
                self._failed(row, event, error)
                return
            wait = policy.delay(runs)
            logger.warning(
                "%s failed on event %s (run %d of %d), again in %g s: %s", row.name, event.id, runs, policy.max_retries + 1, wait, error
            )
            with self._changed:
                heapq.heappush(self._jobs, (self._clock() + wait, next(self._places), runs, row, event))
