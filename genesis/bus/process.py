"""The connections of one worker process, made on first use and made anew in every child."""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Iterable
from dataclasses import dataclass, field

import redis

from genesis.bus.burials import Burials
from genesis.bus.cameras import LedgerCameras
from genesis.bus.ledger import Ledger
from genesis.bus.settler import Settler
from genesis.bus.tracks import LedgerSent, LedgerTracks
from genesis.cache import FrameCache
from genesis.context import Context
from genesis.errors import GenesisError
from genesis.settings import Settings, current
from genesis.subscriptions import load_subscriptions
from genesis.telemetry.spans import Spans, spans_of

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Process:
    """What the deliveries of a process share."""

    settings: Settings
    ledger: Ledger
    cache: FrameCache
    cameras: LedgerCameras
    context: Context
    settler: Settler
    spans: Spans | None = None
    burials: Burials = field(default_factory=Burials)

    @classmethod
    def open(cls, settings: Settings) -> Process:
        """Make the connections; nothing is sent yet."""
        ledger = Ledger(settings, load_subscriptions(settings.handlers))
        cache = FrameCache.of(settings)

        def release(frames: Iterable[str]) -> None:
            release_frames(cache, frames)

        cameras = LedgerCameras(ledger, release)
        context = Context(settings, cache, cameras, LedgerTracks(ledger), LedgerSent(ledger))
        spans = spans_of(settings.tracing, f"{socket.gethostname()}-{os.getpid()}")
        return cls(settings, ledger, cache, cameras, context, Settler(ledger), spans)

    @staticmethod
    def pause(seconds: float) -> None:
        """Let others go first."""
        time.sleep(seconds)

    def release(self, frames: Iterable[str]) -> None:
        """Delete frames that nobody needs any more."""
        release_frames(self.cache, frames)


def release_frames(cache: FrameCache, frames: Iterable[str]) -> None:
    """Delete frames from the cache; failing to do so harms nothing, since they expire."""
    keys = tuple(frames)
    if not keys:
        return
    try:
        cache.delete(*keys)
    except (redis.RedisError, GenesisError) as error:
        logger.warning("%d frames were not deleted (they expire by themselves): %s", len(keys), error)


_process: tuple[int, Process] | None = None


def this_process() -> Process:
    """Return the connections of this process; after a fork the child gets its own."""
    global _process  # noqa: PLW0603 - one per process is the point
    if _process is None or _process[0] != os.getpid():
        _process = (os.getpid(), Process.open(current()))
    return _process[1]


def finish(seconds: float) -> None:
    """Settle what this process has run, if that takes no longer than so many seconds, and send its last spans, if it sends any."""
    if _process is None or _process[0] != os.getpid():
        return
    process = _process[1]
    if not process.settler.flush(seconds):
        logger.warning("what was run last is not settled, and comes again: the ledger has not answered for %g s", seconds)
    if process.spans is not None:
        process.spans.close()
