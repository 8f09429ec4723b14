"""How long and how often something is tried again while a server is away."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Event as Signal
from typing import TypeVar

import redis

from genesis.connections import UNAVAILABLE, connect, explain, refuses
from genesis.errors import ServerRefusesError, ServerUnavailableError, UsageError
from genesis.masking import mask
from genesis.settings import Settings

logger = logging.getLogger(__name__)
Result = TypeVar("Result")

FIRST_WAIT = 0.05  # seconds
LONGEST_WAIT = 2.0  # seconds


def backoff(attempt: int, first: float = FIRST_WAIT, longest: float = LONGEST_WAIT) -> float:
    """Return the seconds to wait before try `attempt` (from 1): doubled each time, with full jitter in its upper half."""
    ceiling = min(longest, first * 2 ** min(attempt - 1, 30))
    return float(ceiling * random.uniform(0.5, 1.0))  # noqa: S311 - spreads load, hides nothing


@dataclass(slots=True)
class Patience:
    """Calls something again while Redis is away, for a bounded time, and says so once per change of state.

    Attributes:
        url: the server's URL, for the message.
        setting: the setting that names it, such as `redis.url`.
        seconds: when to give up.
        stopped: set when the process is asked to end: then the next failure is final.
    """

    url: str
    setting: str
    seconds: float
    stopped: Signal = field(default_factory=Signal)
    clock: Callable[[], float] = time.monotonic
    _away: bool = False

    def call(self, action: Callable[[], Result]) -> Result:
        """Return what the action returns.

        The action may run twice though it took effect the first time: it must be one that can.

        Raises:
            ServerRefusesError: the server does not let us in, or is a replica.
            ServerUnavailableError: it was away for longer than `seconds`.
        """
        deadline = self.clock() + self.seconds
        attempt = 0
        while True:
            try:
                result = action()
            except UNAVAILABLE as error:
                attempt += 1
                reason = explain(error, self.url, self.setting)
                wait = backoff(attempt)
                if refuses(error):
                    raise ServerRefusesError(reason) from error
                if self.stopped.is_set() or self.clock() + wait > deadline:
                    raise ServerUnavailableError(reason) from error
                if not self._away:
                    self._away = True
                    logger.warning("%s; trying again for %g s", reason, self.seconds)
                self.stopped.wait(wait)
            else:
                if self._away:
                    self._away = False
                    logger.info("%s answers again", self.setting)
                return result


def reach(url: str, setting: str, settings: Settings, stopped: Signal | None = None, *, seconds: float | None = None) -> None:
    """Wait until a Redis server answers, lets us in and can be written to; what is asked of it changes nothing.

    Args:
        url: the server's URL.
        setting: the setting that names it, such as `frame_cache.url`.
        settings: of this installation, for the key prefix and the times.
        stopped: set when the process is asked to end.
        seconds: how long it may be away; None takes `redis.give_up_seconds`.

    Raises:
        ServerRefusesError: it does not let us in, or can't be written to.
        ServerUnavailableError: it was away for too long.
        UsageError: that is no URL, or a certificate that it names can't be used.
    """
    try:
        client = connect(url, timeout=settings.redis.timeout_seconds)
    except ValueError as error:
        msg = f"{setting}: {mask(url)!r}: {error}"
        raise UsageError(msg) from None
    patience = Patience(url, setting, settings.redis.give_up_seconds if seconds is None else seconds, stopped or Signal())
    try:
        # A replica that can't be written to refuses this even where there is no such key.
        # And it is what every user of ours may do: nobody needs DEL for it.
        patience.call(lambda: client.hdel(f"{settings.redis.prefix}:probe", "probe"))
    except redis.RedisError as error:
        raise ServerRefusesError(explain(error, url, setting)) from error
    finally:
        client.close()
