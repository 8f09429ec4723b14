"""Saying once that something is in the way, and once that it is over, however often it happens between."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

QUIET_SECONDS = 5.0
"""Trouble that has not been met for this long is over: a full stream lets single frames through all the time."""

if TYPE_CHECKING:
    _Adapter = logging.LoggerAdapter[logging.Logger]
else:
    _Adapter = logging.LoggerAdapter  # Python 3.10's can't be subscripted when it runs


class CameraLogger(_Adapter):
    """A logger whose messages begin with the camera's name."""

    def __init__(self, logger: logging.Logger, camera: str) -> None:
        super().__init__(logger, {"camera": camera})
        self._camera = camera

    def process(self, msg: Any, kwargs: Any) -> tuple[Any, Any]:
        """Put the camera before the message, and into the record as its `camera`."""
        kwargs["extra"] = {"camera": self._camera}
        # Not an argument: messages without arguments are not formatted by logging, and a name has no percent sign.
        return f"camera '{self._camera}': {msg}", kwargs


class Trouble:
    """One kind of trouble of one camera.

    Args:
        logger: where it is said.
        doing: what the camera does about it: `waiting` or `dropping frames`.
        done: the same, when it is over, with the number: `waited %d times`.
    """

    def __init__(self, logger: CameraLogger, doing: str, done: str) -> None:
        self._logger = logger
        self._doing = doing
        self._done = done
        self._since: float | None = None
        self._last = 0.0
        self._times = 0

    def met(self, reason: object, now: float) -> None:
        """Note that it happened at `now` (monotonic seconds)."""
        if self._since is None:
            self._since, self._times = now, 0
            self._logger.warning("%s: %s", self._doing, reason)
        self._last = now
        self._times += 1

    def passed(self, now: float, *, final: bool = False) -> None:
        """Note that it did not happen at `now`; the last time ends it at once."""
        if self._since is None or (not final and now - self._last < QUIET_SECONDS):
            return
        self._logger.info("no longer %s (%s in %.1f s)", self._doing, self._done % self._times, self._last - self._since)
        self._since = None
