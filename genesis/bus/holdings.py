"""What a worker holds, and the signs of life that it gives for it.

A thread of the worker's main process touches every entry whose task is here, running or waiting for its
turn, four times in a lease. A child that is lost is told of at once, so that its entry comes again in
seconds; should the whole worker be killed, nobody touches its entries any more, and their leases run out.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from genesis.bus.consumers import worker_consumer
from genesis.bus.dispatch import deliveries_of
from genesis.bus.ledger import Delivery, Ledger
from genesis.errors import GenesisError
from genesis.logs import bound
from genesis.telemetry.health import Beat, unwatched

logger = logging.getLogger(__name__)

RENEWALS = 4  # in one lease: three may fail before it runs out
RETRY_SECONDS = 1.0  # after a renewal that failed
LAST_SECONDS = 2.0  # that a worker which ends waits for a renewal under way


@dataclass(frozen=True, slots=True)
class _Death:
    delivery: Delivery
    how: str
    unasked: bool


class Holdings:
    """The entries of one worker.

    Args:
        ledger: with connections of its own; made in the main process.
        nodename: the worker's Celery name.
        held: returns the ids of all tasks that are here.
        clock: monotonic seconds.
        beat: tells that leases are renewed, or tried to be.
    """

    def __init__(
        self,
        ledger: Ledger,
        nodename: str,
        held: Callable[[], Iterable[str]],
        clock: Callable[[], float] = time.monotonic,
        beat: Beat = unwatched,
    ) -> None:
        self._ledger = ledger
        self._consumer = worker_consumer(nodename)
        self._held = held
        self._deaths: queue.SimpleQueue[_Death | None] = queue.SimpleQueue()
        self._every = ledger.settings.delivery.lease_seconds / RENEWALS
        self._remembered: set[str] = set()
        self._ended = self._failing = False
        self._clock = clock
        self._beat = beat
        self._thread = threading.Thread(target=self._run, name="holdings", daemon=True)

    def start(self) -> None:
        """Begin to renew leases."""
        self._thread.start()

    def died(self, task_id: str, how: str, *, unasked: bool = False) -> None:
        """Note that the child that ran a task is gone, which may not have asked for its entries; returns at once."""
        for delivery in deliveries_of(task_id):
            self._deaths.put(_Death(delivery, how, unasked))

    def remember(self) -> None:
        """Note what is here now, before Celery forgets it on its way out."""
        self._remembered |= set(self._held())

    def give_back(self) -> int:
        """Give back all that is here or was remembered, and is not done; return how many entries that were."""
        self.remember()
        self._ended = True
        self._deaths.put(None)
        self._thread.join(LAST_SECONDS)
        deliveries = [delivery for task_id in self._remembered for delivery in deliveries_of(task_id)]
        try:
            return self._ledger.leases.give_back(self._consumer, deliveries)
        except GenesisError as error:
            logger.warning("what this worker has not done comes again when its lease has run out: %s", error)
            return 0

    def renew(self) -> int:
        """Renew the leases of all that is here; return how many entries are still unsettled."""
        deliveries = [delivery for task_id in set(self._held()) for delivery in deliveries_of(task_id)]
        return self._ledger.leases.renew(self._consumer, deliveries, patient=False) if deliveries else 0

    def _run(self) -> None:
        due = self._clock() + self._every
        while not self._ended:
            self._beat(self._every)
            try:
                death = self._deaths.get(timeout=max(0.0, due - self._clock()))
            except queue.Empty:
                death = None
            if death is not None:
                self._tell(death)
            # However many die: the others' leases must not run out meanwhile.
            if self._clock() >= due and not self._ended:
                due = self._clock() + (self._every if self._renewed() else min(RETRY_SECONDS, self._every))

    def _tell(self, death: _Death) -> None:
        try:
            self._ledger.leases.died(death.delivery, self._consumer, death.how, unasked=death.unasked)
        except Exception as error:  # noqa: BLE001 - this thread must go on
            delivery = death.delivery
            with bound(stream=delivery.stream.rpartition(":")[2], group=delivery.group, entry=delivery.entry):
                logger.warning("the death of a child was not noted, its entry comes again when its lease has run out: %s", error)

    def _renewed(self) -> bool:
        try:
            self.renew()
        except GenesisError as error:
            # A task that has something to settle says that the ledger is away.
            logger.debug("leases are not renewed: %s", error)
            return False
        except Exception:
            if not self._failing:
                logger.exception("leases are not renewed, and what runs for longer than one may be run twice")
            self._failing = True
            return False
        self._failing = False
        return True


def tasks_here() -> list[str]:
    """Return the ids of all tasks that Celery's worker has in this process: waiting for their time, for a child, or running."""
    from celery.worker import state  # noqa: PLC0415 - in a worker only

    found: set[str] = set()
    for known in (state.requests.values(), state.scheduled_requests, state.reserved_requests, state.active_requests):
        for _ in range(10):
            try:
                found.update(request.id for request in list(known))
                break
            except RuntimeError:  # the main thread has changed it meanwhile
                continue
    return list(found)
