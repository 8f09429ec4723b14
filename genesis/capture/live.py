"""Reading a live source for ever: always its newest frame, found again whenever it is lost.

Two threads serve one source. The reader sits in OpenCV, which may not return for a long time, or at all. The
supervisor never touches OpenCV: it notices that the reader failed or fell silent, abandons it (it ends by itself
once OpenCV returns), and starts another after a wait. What it decides depends on the clock it is given alone.
"""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable
from contextvars import copy_context
from dataclasses import dataclass

from genesis.capture.clock import Clock
from genesis.capture.drops import CORRUPT
from genesis.capture.mailbox import Arrival, Item, Lost, Mailbox, Recovered
from genesis.capture.pacing import Thinner
from genesis.capture.sources.base import Connection, LiveSource, SourceLostError
from genesis.capture.trouble import CameraLogger
from genesis.settings import Capture

logger = logging.getLogger(__name__)

THINNED = "thinned"
"""Counted for frames that `fps` says not to take: these are no drops."""
THREAD_NAME = "capture-reader"
_OPEN_GRACE_SECONDS = 1.0  # OpenCV's own timeout, which says more, should come first
_CLOSE_SECONDS = 1.0
_NEARLY = 0.9

Spawn = Callable[[Callable[[], None]], None]


def spawn_thread(work: Callable[[], None]) -> None:
    """Run something in a thread of its own that does not keep the process alive."""
    threading.Thread(target=copy_context().run, args=(work,), name=THREAD_NAME, daemon=True).start()  # its lines are about the camera, too


def reconnect_delay(attempt: int, shortest: float, longest: float, chance: float) -> float:
    """Return the seconds to wait before a source is opened again.

    Args:
        attempt: how many times it has failed in a row, from 1.
        shortest: seconds before the first try; doubled each time.
        longest: most seconds, before the jitter.
        chance: uniform in 0 to 1: the jitter is a quarter up or down, so that cameras lost together do not come back together.
    """
    return min(longest, shortest * 2.0 ** min(attempt - 1, 30)) * (0.75 + 0.5 * chance)


@dataclass(slots=True, eq=False)
class _Attempt:
    """One connection: written by its reader, judged by the supervisor, both under the lock."""

    started: float
    opened: float | None = None
    last: float | None = None
    failure: str | None = None
    abandoned: bool = False


class LiveReader:
    """Reads a live source into a mailbox.

    Args:
        camera: name, for the log.
        source: what to read.
        settings: timeouts and waits.
        clock: the time.
        fps: most frames per second to take; None or 0 for all.
        spawn: starts a thread.
        chance: gives numbers between 0 and 1 for the jitter.
    """

    def __init__(
        self,
        camera: str,
        source: LiveSource,
        settings: Capture,
        clock: Clock,
        *,
        fps: float | None = None,
        spawn: Spawn = spawn_thread,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._log = CameraLogger(logger, camera)
        self._source = source
        self._settings = settings
        self._clock = clock
        self._thinner = Thinner(fps)
        self._spawn = spawn
        self._chance = chance
        self._mailbox = Mailbox()
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._supervisor: threading.Thread | None = None
        self._closed = False
        self._current: _Attempt | None = None
        self._failures = 0
        self._next_try = clock.monotonic()
        self._lost_since: float | None = None

    def start(self) -> None:
        """Begin to read, in threads of its own."""
        self._supervisor = threading.Thread(target=copy_context().run, args=(self._supervise,), name="capture-supervisor", daemon=True)
        self._supervisor.start()

    def take(self, timeout: float) -> Item | None:
        """Return the newest frame, or the change of state before it; wait at most so many seconds."""
        return self._mailbox.take(timeout)

    def counts(self) -> dict[str, int]:
        """Return how many frames were superseded, corrupt or thinned since the last call."""
        return self._mailbox.counts()

    def close(self) -> None:
        """End the connection. A reader that is stuck in OpenCV is left to itself."""
        with self._lock:
            self._closed = True
            if self._current is not None:
                self._current.abandoned = True
                self._current = None
        self._wake.set()
        if self._supervisor is not None:
            self._supervisor.join(_CLOSE_SECONDS)
        self._source.close()

    def step(self) -> float:
        """Do what is due now; return the seconds after which something may be due again."""
        now = self._clock.monotonic()
        with self._lock:
            attempt = self._current
            if self._closed:
                return 0.0
            if attempt is not None:
                deadline, complaint = self._limit(attempt)
                if attempt.failure is None and now < deadline:
                    return deadline - now
                attempt.abandoned = True
                self._lose(attempt, attempt.failure or complaint, now)
            if now < self._next_try:
                return self._next_try - now
            attempt = self._current = _Attempt(started=now)
        self._spawn(lambda: self._read(attempt))
        return self._settings.open_seconds

    def _supervise(self) -> None:
        while not self._closed:
            wait = self.step()
            self._wake.wait(wait)
            self._wake.clear()

    def _limit(self, attempt: _Attempt) -> tuple[float, str]:
        """Return until when an attempt may be silent, and what to say when it was for longer."""
        where = self._source.description
        if attempt.opened is None:
            seconds = self._settings.open_seconds
            return attempt.started + seconds + _OPEN_GRACE_SECONDS, f"{where} did not open within {seconds:g} s"
        seconds = self._settings.stall_seconds
        return (attempt.last or attempt.opened) + seconds, f"no frame for {seconds:g} s from {where}"

    def _lose(self, attempt: _Attempt, reason: str, now: float) -> None:
        self._current = None
        if attempt.last is not None and attempt.opened is not None and attempt.last - attempt.opened > self._settings.stall_seconds:
            self._failures = 0
        self._failures += 1
        delay = reconnect_delay(self._failures, self._settings.reconnect_min_seconds, self._settings.reconnect_max_seconds, self._chance())
        self._next_try = now + delay
        if self._lost_since is None:
            self._lost_since = attempt.last or attempt.started
            self._log.warning("lost: %s; reconnecting until it is back", reason)
            self._mailbox.post(Lost(self._clock.utc(), reason))
        else:
            self._log.debug("still away: %s (try %d, the next in %.1f s)", reason, self._failures, delay)

    def _read(self, attempt: _Attempt) -> None:
        """Be the reader: connect, and hand over frames until there are none or nobody wants them."""
        try:
            connection = self._source.connect()
        except SourceLostError as error:
            self._fail(attempt, str(error))
            return
        except Exception as error:  # noqa: BLE001 - a reader that ends without a word would never be replaced
            self._log.exception("opening failed unexpectedly")
            self._fail(attempt, f"{self._source.description}: {error}")
            return
        try:
            with self._lock:
                attempt.opened = self._clock.monotonic()
            while not attempt.abandoned:
                if not connection.grab():
                    self._fail(attempt, self._why_it_ended(attempt))
                    return
                self._take_over(attempt, connection)
        except Exception as error:  # noqa: BLE001 - likewise
            self._log.exception("reading failed unexpectedly")
            self._fail(attempt, f"{self._source.description}: {error}")
        finally:
            connection.close()

    def _take_over(self, attempt: _Attempt, connection: Connection) -> None:
        now, time = self._clock.monotonic(), self._clock.utc()
        with self._lock:
            if attempt.abandoned:
                return
            attempt.last = now
            if self._lost_since is not None:
                away, self._lost_since = now - self._lost_since, None
                self._log.info("recovered: %s is back after %.1f s", self._source.description, away)
                self._mailbox.post(Recovered(time, away))
        if not self._thinner.takes(now):
            self._mailbox.count(THINNED)
            return
        image = connection.retrieve()
        if image is None:
            self._mailbox.count(CORRUPT)
        elif not attempt.abandoned:
            self._mailbox.put(Arrival(image, time))

    def _why_it_ended(self, attempt: _Attempt) -> str:
        silent = self._clock.monotonic() - (attempt.last or attempt.opened or attempt.started)
        if silent >= _NEARLY * self._settings.stall_seconds:
            return f"no frame for {silent:.0f} s from {self._source.description}"
        return f"{self._source.description} ended the stream"

    def _fail(self, attempt: _Attempt, reason: str) -> None:
        with self._lock:
            attempt.failure = reason
        self._wake.set()
