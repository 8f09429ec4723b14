"""Say what is buried, without drowning the log when everything is."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from genesis.bus.deadletters import one_line
from genesis.logs import bound

if TYPE_CHECKING:
    from genesis.bus.ledger import Delivery

logger = logging.getLogger(__name__)

MOST = 5  # lines of one group and reason in one period
PERIOD = 60.0  # seconds


@dataclass(slots=True)
class _Told:
    since: float
    lines: int = 0
    kept: int = 0


@dataclass(slots=True)
class Burials:
    """The dead letters of one process: the first few of a kind are told one by one, the rest are counted. Thread-safe."""

    clock: Callable[[], float] = time.monotonic
    _kinds: dict[tuple[str, str, str], _Told] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def told(self, delivery: Delivery, reason: str, error: BaseException) -> None:
        """Tell, or count, that an entry was buried."""
        now, kind = self.clock(), (delivery.stream, delivery.group, reason)
        with self._lock:
            known = self._kinds.get(kind)
            kept = 0
            if known is None or now - known.since > PERIOD:
                kept = known.kept if known else 0
                known = self._kinds[kind] = _Told(now)
            known.lines += 1
            if known.lines > MOST:
                known.kept += 1
                return
        with bound(stream=delivery.stream.rpartition(":")[2], group=delivery.group):
            if kept:
                logger.error("buried %d more entries of %s for %s (%s)", kept, *kind)
            with bound(entry=delivery.entry):
                logger.error(
                    "buried entry %s of %s for %s (%s): %s: %s%s",
                    delivery.entry, delivery.stream, delivery.group, reason, type(error).__name__, one_line(error),
                    "; further ones are counted for a minute (`genesis dlq list` shows all)" if known.lines == MOST else "",
                )  # fmt: skip
