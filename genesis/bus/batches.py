"""Several entries that came in one Celery task: each is run, settled, retried or buried by itself; what they share is the way."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from genesis.bus.consumers import worker_consumer
from genesis.bus.delivery import carry_on, kept
from genesis.bus.dispatch import Entry
from genesis.bus.ledger import Delivery
from genesis.bus.runs import Again, Run
from genesis.bus.settler import CUT_OFF
from genesis.logs import bound

if TYPE_CHECKING:
    from genesis.bus.process import Process
    from genesis.subscriptions import Subscription


class Batch:
    """The entries of one task.

    Args:
        process: the connections of this process.
        row: the subscription.
        entries: ids and fields.
        split_off: gives an entry a task of its own that runs it again; called from any thread.
        task: id of the Celery task, for the dead letters.
        worker: node name of the worker.
        limit: seconds that one entry may take; none is begun later than that after the first.
        fresh: they can be in nobody else's hands (see `Leases.fresh`).
        clock: monotonic seconds.
    """

    def __init__(  # noqa: PLR0913 - what a task knows
        self,
        process: Process,
        row: Subscription,
        entries: Sequence[Entry],
        split_off: Callable[[Entry, Again], object],
        *,
        task: str,
        worker: str,
        limit: float,
        fresh: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        stream = row.stream(process.ledger.keys)
        self._process = process
        self._runs = [(Run(process, row, Delivery(stream, row.group, entry[0]), task, worker, fresh=fresh), entry) for entry in entries]
        self._split_off = split_off
        self._worker = worker
        self._limit = limit
        self._clock = clock

    def deliver(self) -> None:
        """Run the entries to their ends, or as far as they go."""
        try:
            self._deliver()
        finally:
            for run, _ in self._runs:
                run.end()

    def _deliver(self) -> None:
        began = self._clock()
        try:
            runs = self._begun()
        except CUT_OFF as error:
            for run, entry in self._runs:
                self._again(entry, kept(run, error))
            return
        for run, entry in runs:
            with bound(entry=run.delivery.entry):
                try:
                    if self._clock() - began > self._limit:
                        self._again(entry, run.later(0.0, TimeoutError("those before it took long")))
                    else:
                        self._again(entry, carry_on(run, entry[1], partial(self._split_off, entry)))
                except CUT_OFF as error:
                    self._again(entry, kept(run, error))
                finally:
                    run.end()

    def _begun(self) -> list[tuple[Run, Entry]]:
        """Begin the runs, in one step where that has to be asked; return those that may go on."""
        if all(run.fresh for run, _ in self._runs):
            return [(run, entry) for run, entry in self._runs if run.begin()]
        ours = self._process.ledger.leases.begin_all([run.delivery for run, _ in self._runs], worker_consumer(self._worker))
        return [(run, entry) for run, entry in self._runs if run.delivery.entry in ours]

    def _again(self, entry: Entry, again: Again | None) -> None:
        if again is not None:
            self._split_off(entry, again)
