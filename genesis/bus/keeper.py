"""Keep the frames that somebody still waits for from expiring.

A frame's time to live is for frames that nobody asks for any more. One that has references on the
ledger is waited for, however long the backlog, so the bridges renew its time; when no bridge runs for
longer than `frame_cache.ttl_seconds`, frames do expire, and their events are buried as `stale_frame`.
"""

from __future__ import annotations

import logging
import threading
from typing import Any

import redis

from genesis.bus.ledger import Ledger
from genesis.cache import FrameCache
from genesis.errors import GenesisError
from genesis.telemetry.health import Beat, unwatched

logger = logging.getLogger(__name__)

SHARE = 1 / 3  # of the time to live: two renewals may fail before a frame expires


class Keeper:
    """Renews frames; any number of them may do so at once.

    Args:
        ledger: where the references are counted.
        cache: where the frames are.
        stopped: set when the process is asked to end.
        beat: tells that it goes on.
    """

    def __init__(self, ledger: Ledger, cache: FrameCache, stopped: threading.Event, beat: Beat = unwatched) -> None:
        self._ledger = ledger
        self._cache = cache
        self._stopped = stopped
        self._beat = beat

    def run(self) -> None:
        """Renew until `stopped`; what fails is tried again at the next turn."""
        away = False
        every = self._ledger.settings.frame_cache.ttl_seconds * SHARE
        self._beat(every)
        while not self._stopped.wait(every):
            self._beat(every)
            try:
                self.renew()
            except (redis.RedisError, GenesisError) as error:
                if not away:
                    logger.warning("frames that are waited for are not renewed: %s", error)
                away = True
            else:
                away = False

    def renew(self) -> int:
        """Renew every frame that has references; return how many there were in the cache."""
        waited_for: Any = self._ledger.client.hkeys(self._ledger.keys.references)
        return self._cache.keep(*(key.decode(errors="replace") for key in waited_for))
