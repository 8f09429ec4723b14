"""How much unsettled work a stream holds, and when to stop adding to it.

The backlog of a stream is the pending entries plus the lag of its slowest group. The publishing script
looks at it in the same step as it publishes; `Gate` decides when it must look, so that an idle stream
costs nothing and a filling one is measured exactly.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import redis

from genesis.logs import bound
from genesis.settings import Backpressure

logger = logging.getLogger(__name__)

MOST_COUNTED = 10_000  # entries, one by one; beyond that the server's own figure serves
RECHECK_SECONDS = 0.25  # how long a figure serves that other publishers may have made old


@dataclass(frozen=True, slots=True)
class GroupBacklog:
    """The unsettled work of one group of a stream: delivered but not settled, and not yet delivered."""

    group: str
    pending: int
    lag: int

    @property
    def total(self) -> int:
        """Unsettled entries."""
        return self.pending + self.lag


def group_backlogs(client: redis.Redis, stream: str, limit: int | None = None) -> list[GroupBacklog]:
    """Measure every group of a stream; an absent stream has none.

    What Redis 7 says of a group's lag is too high after a restart (see `lag.lua`), so it is believed only where it
    makes no difference.

    Args:
        client: connection to the ledger.
        stream: key of the stream.
        limit: backlogs below it may be told too high, and none is counted further than it; None tells them exactly
            (beyond `MOST_COUNTED`, as the server does).
    """
    try:
        groups = client.xinfo_groups(stream)
    except redis.ResponseError as error:
        if "no such key" in str(error):
            return []
        raise
    measured = []
    for group in groups:
        told, pending = group.get("lag"), int(group["pending"])
        if told is not None and (told == 0 or (limit is not None and pending + told < limit)):
            lag = int(told)
        else:
            lag = _count_after(client, stream, group["last-delivered-id"], limit, told)
        measured.append(GroupBacklog(_text(group["name"]), pending, lag))
    return measured


def _count_after(client: redis.Redis, stream: str, delivered: bytes | str, limit: int | None, told: int | None) -> int:
    page = 1000 if limit is None else min(1000, limit)
    count, after = 0, _text(delivered)
    while limit is None or count < limit:
        entries: Any = client.xrange(stream, min=f"({after}", count=page)
        count += len(entries)
        if len(entries) < page:
            break
        if told is not None and count >= MOST_COUNTED:
            return told
        after = _text(entries[-1][0])
    return count if limit is None else min(count, limit)


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value


@dataclass(slots=True)
class _Known:
    backlog: int = 0
    added: int = 0
    at: float = float("-inf")
    high: bool = False


@dataclass(slots=True)
class Gate:
    """Decides when a publication must look at the backlog, and warns when it is high.

    Between two looks the backlog can only have grown by what was published; while that sum stays
    below `block_threshold` and the figure is fresh, nothing is asked.
    """

    settings: Backpressure
    clock: Callable[[], float] = time.monotonic
    _streams: dict[str, _Known] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def limit(self, wanted: dict[str, int]) -> int:
        """Return the limit that the publication must be checked against; 0 when no look is needed.

        Args:
            wanted: entries to publish, by stream.
        """
        if not self.settings.enabled:
            return 0
        now = self.clock()
        with self._lock:
            for stream, count in wanted.items():
                known = self._streams.setdefault(stream, _Known())
                stale = now - known.at > RECHECK_SECONDS
                if stale or known.backlog + known.added + count >= self.settings.block_threshold:
                    return self.settings.max_pending
        return 0

    def published(self, wanted: dict[str, int]) -> None:
        """Note what was published."""
        with self._lock:
            for stream, count in wanted.items():
                self._streams.setdefault(stream, _Known()).added += count

    def saw(self, stream: str, backlog: int) -> bool:
        """Note a measured backlog; return True when it has just become high."""
        with self._lock:
            known = self._streams.setdefault(stream, _Known())
            known.backlog, known.added, known.at = backlog, 0, self.clock()
            was, known.high = known.high, backlog >= self.settings.block_threshold
        if known.high != was:
            # It is not about what is being published or handled just now.
            with bound(stream=stream.rpartition(":")[2], group=None, entry=None, event=None, camera=None, session=None, task=None):
                self._tell(stream, backlog, high=known.high)
        return known.high and not was

    def _tell(self, stream: str, backlog: int, *, high: bool) -> None:
        if high:
            logger.warning(
                "stream %s has %d unsettled entries (warning at %d, refused at %d): its slowest group does not keep up",
                stream, backlog, self.settings.block_threshold, self.settings.max_pending,
            )  # fmt: skip
        else:
            logger.info("stream %s is down to %d unsettled entries", stream, backlog)
