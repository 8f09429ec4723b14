"""Find the entries of a subscription that nobody has: a dead bridge's, a killed worker's, those of a lost queue.

An entry's lease runs out when nobody has touched it for `delivery.lease_seconds`. Workers touch what they
hold; what lies in the queue is found there and touched here. What is left was lost on the way, and is
dispatched again. Any number of bridges may sweep at once: of two that want an entry, one gets it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from typing import Protocol, TypeAlias

from genesis.bus.consumers import HELD, ran
from genesis.bus.dispatch import Try
from genesis.bus.judge import RawFields
from genesis.bus.leases import MOST, Pending, Reclaimed
from genesis.bus.ledger import Delivery, Ledger
from genesis.errors import HardTimeLimitError, PermanentError, PoisonEventError
from genesis.subscriptions import Subscription

logger = logging.getLogger(__name__)

Found: TypeAlias = tuple[str, RawFields | PermanentError]
TIME_LIMIT = "time limit"  # begins the note of a death by the hard time limit


class Queue(Protocol):
    """Where tasks wait for a worker."""

    def queued(self) -> frozenset[str] | None:
        """Return the entries whose tasks are in it; None where that can't be told."""
        ...


class Sweep:
    """The sweeps of one bridge for one subscription.

    Args:
        ledger: where the entries are pending.
        row: the subscription.
        bridge: consumer that stands for the bridge.
        clock: monotonic seconds.

    Attributes:
        tried: what is known of the entries that were returned last, by id.
        young: whether `own` has left some to its next call, since a worker may run them that has not asked for them.
    """

    def __init__(self, ledger: Ledger, row: Subscription, bridge: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._ledger = ledger
        self._row = row
        self._bridge = bridge
        self._clock = clock
        self._stream = row.stream(ledger.keys)
        self._lease = ledger.settings.delivery.lease_seconds
        self._every = min(ledger.settings.delivery.sweep_seconds, self._lease)
        self._at = clock() + self._every
        self._seen = False
        self.tried: dict[str, Try] = {}
        self.young = False

    def due(self) -> bool:
        """Tell whether it is time for the next sweep."""
        return self._clock() >= self._at

    def rest(self) -> None:
        """Leave time for everybody to renew their leases: the ledger was away, and nobody could."""
        self._at = max(self._at, self._clock() + self._lease / 2)

    def take(self, queue: Queue) -> list[Found]:
        """Take over what nobody has; what was run too often is returned with the error to bury it with.

        Raises:
            OSError: the broker is away.
            ServerUnavailableError: the ledger is.
        """
        began = self._clock()
        self._at = began + self._every
        self.tried = {}
        if not self._seen:
            self._seen = True
            if self._ledger.uptime() < self._lease / 2:
                self.rest()
                return []
        leases, lease_ms = self._ledger.leases, int(self._lease * 1000)
        idle = leases.pending(self._stream, self._row.group, idle_ms=lease_ms)
        wanted = [(lease_ms, [row for row in idle if row.consumer != HELD or not self._row.keyed_by])]
        if self._row.keyed_by:
            held_ms = min(lease_ms, int(self._row.gaps(self._ledger.settings)[0] * 1000))
            wanted.append((held_ms, leases.pending(self._stream, self._row.group, idle_ms=held_ms, consumer=HELD)))
        if self._clock() - began > self._lease / 4:
            self.rest()  # it was away while we asked
            return []
        taken: list[Found] = []
        for idle_ms, rows in wanted:
            if rows:
                lost = [row.entry for row in self._not_queued(rows, queue)]
                found = leases.reclaim(self._stream, self._row.group, self._bridge, lost, idle_ms=idle_ms)
                taken += [self._judged(row) for row in found]
        if taken:
            logger.info("%s: %d entries that nobody had are dispatched again", self._row.name, len(taken))
        if len(idle) >= MOST:
            self._at = began  # there is more
        return taken

    def own(self, queue: Queue) -> list[Found]:
        """Return what this bridge had taken when it last ended, and no worker has begun; it counts as no delivery."""
        leases, after = self._ledger.leases, "-"
        ripe_ms = 2 * leases.fresh_ms
        self.tried, self.young = {}, False
        taken: list[Found] = []
        while page := leases.pending(self._stream, self._row.group, consumer=self._bridge, after=after):
            after = page[-1].entry
            lost = self._not_queued(page, queue)
            entries = [row.entry for row in lost if row.idle_ms >= ripe_ms]
            self.young = self.young or len(entries) < len(lost)
            rows = leases.reclaim(self._stream, self._row.group, self._bridge, entries, idle_ms=ripe_ms, owner=self._bridge)
            taken += [self._judged(row) for row in rows]
        return taken

    def _not_queued(self, rows: Sequence[Pending], queue: Queue) -> list[Pending]:
        """Renew those whose tasks are in the queue; return the others, and those that were being run."""
        queued = queue.queued() or frozenset()
        waiting = [row for row in rows if not ran(row.consumer) and row.entry in queued]
        if not waiting:
            return list(rows)
        self._ledger.leases.renew(self._bridge, [Delivery(self._stream, self._row.group, row.entry) for row in waiting])
        kept = {row.entry for row in waiting}
        return [row for row in rows if row.entry not in kept]

    def _judged(self, row: Reclaimed) -> Found:
        limit = self._ledger.settings.delivery.max_deliveries
        self.tried[row.entry] = Try(row.failed + 1, row.deliveries)
        if row.deliveries <= limit:
            return row.entry, row.fields
        told = f"it was given to a worker {limit} times and took it along each time; the last time: {row.death or 'not known how'}"
        return row.entry, HardTimeLimitError(told) if row.death.startswith(TIME_LIMIT) else PoisonEventError(told)
