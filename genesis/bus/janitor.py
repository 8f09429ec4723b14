"""Keep the ledger small: trim what every group has settled, and remove what was left behind.

Every bridge has a janitor, and a lock on the ledger says whose turn it is. The lock only saves work: each
step is one script that decides by the state of that moment, so two at once do no harm.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import redis

from genesis.bus.ledger import PACKAGE, Ledger
from genesis.bus.leftovers import References, sweep_attempts
from genesis.bus.process import release_frames
from genesis.bus.programs import forget
from genesis.bus.trimming import Trimmer
from genesis.cache import FrameCache
from genesis.connections import UNAVAILABLE, explain, script
from genesis.events import STREAMS
from genesis.logs import bound
from genesis.telemetry.health import Beat, unwatched

logger = logging.getLogger(__name__)

SWEEP_EVERY = 6  # rounds: a sweep reads every unsettled entry
MOST_COUNTED = 2_000  # unread entries of a group, in one script
LEASE_ROUNDS = 3  # without a sign of life, after which another bridge takes over


@dataclass(frozen=True, slots=True)
class Round:
    """What one round did.

    Attributes:
        elected: False when another bridge is the janitor, so that nothing was done.
        trimmed: entries removed from streams.
        lags: groups whose lag was told wrongly and put right.
        consumers: consumers removed from groups.
        references: counts removed of frames that nothing pointed to.
        attempts: attempts removed of entries that were no longer pending.
        programs: last signs of life removed of programs that were killed long ago.
        failed: the steps that could not be done.
    """

    elected: bool
    trimmed: int = 0
    lags: int = 0
    consumers: int = 0
    references: int = 0
    attempts: int = 0
    programs: int = 0
    failed: tuple[str, ...] = ()


class Janitor:
    """Cleans up, if it is elected.

    Args:
        ledger: what to keep small.
        cache: where frames are deleted.
        name: of this bridge, unique among all of them.
        stopped: set when the process is asked to end.
        beat: tells that it goes on.
    """

    def __init__(self, ledger: Ledger, cache: FrameCache, name: str, stopped: threading.Event, beat: Beat = unwatched) -> None:
        self._ledger = ledger
        self._cache = cache
        self._name = name
        self._stopped = stopped
        self._beat = beat
        self._elect = script(ledger.client, PACKAGE, "elect")
        self._lag = script(ledger.client, PACKAGE, "lag")
        self._consumers = script(ledger.client, PACKAGE, "consumers")
        self._trimmer = Trimmer(ledger)
        self._references = References(ledger, self._trimmer, stopped)
        self._lock = f"{ledger.keys.prefix}:janitor"
        self._rounds = 0
        self.elected = False  # as of the last round
        self._uncounted: Counter[str] = Counter()
        self._failing: frozenset[str] = frozenset()
        self._missing: dict[str, frozenset[str]] = {}

    def run(self) -> None:
        """Do a round every `bridge.janitor_seconds` until `stopped`; what fails is tried again at the next turn."""
        every = self._ledger.settings.bridge.janitor_seconds
        self._beat(every)
        while not self._stopped.wait(every):
            self.round()
            self._beat(every)
        if not self._failing:  # else the server may be away, and the lock runs out by itself
            self.resign()

    def round(self, *, sweep: bool | None = None) -> Round:
        """Do one round, if this is the janitor; of what fails only the first time is told.

        Args:
            sweep: also remove what was left behind; None does so in some of the rounds.
        """
        done: dict[str, int] = {}
        failed: dict[str, redis.RedisError] = {}
        for name, action in self._steps(sweep=sweep):
            self._beat()
            try:
                done[name] = action()
            except redis.RedisError as error:
                failed[name] = error
                if isinstance(error, UNAVAILABLE):
                    break
            if not done.get("election"):
                break
        self._tell(done, failed)
        self.elected = bool(done.pop("election", 0))
        return Round(self.elected, **{name: count for name, count in done.items() if name != "counting"}, failed=tuple(failed))

    def resign(self) -> None:
        """Let another bridge be the janitor at once."""
        with contextlib.suppress(redis.RedisError):
            self._elect(keys=[self._lock], args=[self._name, 0])

    def trim(self) -> int:
        """Remove settled entries beyond `redis.retention`; return how many."""
        total = 0
        for short in STREAMS:
            more, removed = True, 0
            while more and not self._stopped.is_set():
                self._beat()
                step = self._trimmer.step(short, self._ledger.settings.redis.retention)
                more, removed = step.more, removed + step.removed
                self._uncounted["trimmed"] += step.removed
                self._tell_missing(short, step.missing)
            if removed:
                with bound(stream=short):
                    logger.debug("janitor: %d settled entries of stream %s are removed", removed, short)
            total += removed
        return total

    def mend_lags(self) -> int:
        """Put right what the server says of the groups' lag since its last restart; return of how many."""
        mended = sum(int(self._lag(keys=[self._ledger.keys.stream(short)], args=[MOST_COUNTED])) for short in STREAMS)
        if mended:
            logger.info("janitor: the lag of %d groups was told too high since the server's restart, and is put right", mended)
        return mended

    def forget_consumers(self) -> int:
        """Remove consumers that hold nothing and were not seen for `bridge.consumer_seconds`; return how many."""
        idle = int(self._ledger.settings.bridge.consumer_seconds * 1000)
        total = 0
        for short in STREAMS:
            removed: Any = self._consumers(keys=[self._ledger.keys.stream(short)], args=[idle, self._name])
            if removed:
                with bound(stream=short):
                    logger.debug("janitor: consumers of stream %s are removed: %s", short, b" ".join(removed).decode(errors="replace"))
            self._uncounted["consumers"] += len(removed) // 2
            total += len(removed) // 2
        return total

    def sweep_references(self) -> int:
        """Remove the counts of frames that nothing points to, and the frames; return how many."""
        frames = self._references.sweep()
        self._uncounted["references"] += len(frames)
        if frames:
            logger.warning("janitor: %d frames had references though nothing points to them (%s ...): removed", len(frames), frames[0])
        release_frames(self._cache, frames)
        return len(frames)

    def sweep_attempts(self) -> int:
        """Remove the attempts of entries that are no longer pending; return how many."""
        removed = sweep_attempts(self._ledger)
        self._uncounted["attempts"] += removed
        if removed:
            logger.warning("janitor: failed runs of %d entries were noted though they are no longer pending: removed", removed)
        return removed

    def forget_programs(self) -> int:
        """Remove the last signs of life of programs that were killed long ago; return how many."""
        return forget(self._ledger.client, self._ledger.keys)

    def _steps(self, *, sweep: bool | None) -> Iterator[tuple[str, Callable[[], int]]]:
        yield "election", self._is_elected
        thorough = self._rounds % SWEEP_EVERY == 0 if sweep is None else sweep
        self._rounds += 1
        yield "trimmed", self.trim
        yield "lags", self.mend_lags
        if thorough:
            yield "consumers", self.forget_consumers
            yield "references", self.sweep_references
            yield "attempts", self.sweep_attempts
            yield "programs", self.forget_programs
        yield "counting", self._count

    def _is_elected(self) -> int:
        lease = int(self._ledger.settings.bridge.janitor_seconds * LEASE_ROUNDS * 1000)
        return int(self._elect(keys=[self._lock], args=[self._name, max(1, lease)]))

    def _count(self) -> int:
        with self._ledger.client.pipeline(transaction=True) as pipe:
            for what, number in (+self._uncounted).items():
                pipe.hincrby(self._ledger.keys.counts, f"janitor|{what}", number)
            pipe.execute()
        self._uncounted.clear()
        return 0

    def _tell(self, done: Mapping[str, int], failed: Mapping[str, redis.RedisError]) -> None:
        for name, error in failed.items():
            if name not in self._failing:
                reason = explain(error, self._ledger.settings.redis.url, "redis.url")
                logger.warning("janitor: step '%s' is not possible now, and tried again at every turn: %s", name, reason)
        for name in done:
            if name in self._failing:
                logger.info("janitor: step '%s' is possible again", name)
        self._failing = (self._failing - done.keys()) | failed.keys()

    def _tell_missing(self, short: str, groups: frozenset[str]) -> None:
        for group in sorted(groups - self._missing.get(short, frozenset())):
            with bound(stream=short, group=group):
                logger.warning("janitor: stream %s is not trimmed while its group %s is missing, which is to see everything", short, group)
        self._missing[short] = groups
