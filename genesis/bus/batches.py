"""Several entries that came in one Celery task: each is run, settled, retried or buried by itself; what they share is the way.

All are begun in one step, run one after the other, and settled in one step as well, or in several where the first would wait for long:
what came of an event is not to be late because of those behind it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from billiard.exceptions import SoftTimeLimitExceeded

from genesis.bus.consumers import worker_consumer
from genesis.bus.delivery import handled, kept, read, settle, settlement_of, told
from genesis.bus.dispatch import Entry
from genesis.bus.ledger import Delivery
from genesis.bus.runlog import Report
from genesis.bus.runs import Again, Run
from genesis.errors import MalformedEventError, ServerUnavailableError
from genesis.logs import bound

if TYPE_CHECKING:
    from genesis.bus.process import Process
    from genesis.subscriptions import Subscription

CUT_OFF = (ServerUnavailableError, SoftTimeLimitExceeded)
"""What ends a run for no fault of the handler's; a time limit that the handler met is its failure, and told before."""
WAIT_SECONDS = 0.05  # that a run which is over waits at most for those behind it to be over too


class Rest(NamedTuple):
    """An entry that is to be run by a task of its own, and when."""

    entry: Entry
    again: Again


class _Over(NamedTuple):
    """A run that is over, and not settled yet."""

    run: Run
    report: Report
    entry: Entry


class Batch:
    """The entries of one task.

    Args:
        process: the connections of this process.
        row: the subscription.
        entries: ids and fields.
        task: id of the Celery task, for the dead letters.
        worker: node name of the worker.
        limit: seconds that one entry may take; none is begun later than that after the first.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        process: Process,
        row: Subscription,
        entries: Sequence[Entry],
        *,
        task: str,
        worker: str,
        limit: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        stream = row.stream(process.ledger.keys)
        self._process = process
        self._runs = [(Run(process, row, Delivery(stream, row.group, entry[0]), task, worker), entry) for entry in entries]
        self._worker = worker
        self._limit = limit
        self._clock = clock
        self._over: list[_Over] = []
        self._since = 0.0
        self._rest: list[Rest] = []

    def deliver(self) -> list[Rest]:
        """Run the entries to their ends, or as far as they go; return those that are to be run again, each by itself."""
        began = self._clock()
        try:
            ours = self._process.ledger.leases.begin_all([run.delivery for run, _ in self._runs], worker_consumer(self._worker))
        except CUT_OFF as error:
            self._keep(self._runs, error)
            return self._rest
        for run, entry in self._runs:
            if run.delivery.entry not in ours:
                continue
            with bound(entry=run.delivery.entry):
                try:
                    if self._clock() - began > self._limit:
                        self._again(entry, run.later(0.0, TimeoutError("those before it took long")))
                    else:
                        self._run(run, entry)
                except CUT_OFF as error:
                    self._keep([(run, entry)], error)
        self._settle()
        return self._rest

    def _run(self, run: Run, entry: Entry) -> None:
        found = read(run, entry[1])
        if found is None:
            return
        run, event = found
        with bound(event=event.id, camera=event.camera):
            report = handled(run, event)
        if not isinstance(report, Report):
            self._again(entry, report)
            return
        if not self._over:
            self._since = self._clock()
        self._over.append(_Over(run, report, entry))
        if self._clock() - self._since > WAIT_SECONDS:
            self._settle()

    def _settle(self) -> None:
        """Settle the runs that are over."""
        over, self._over = self._over, []
        if not over:
            return
        try:
            outcomes = self._process.ledger.settle_all([settlement_of(run, report) for run, report, _ in over])
        except MalformedEventError:
            self._settle_each(over)
        except CUT_OFF as error:
            self._keep([(run, entry) for run, _, entry in over], error)
        else:
            for (run, report, entry), outcome in zip(over, outcomes, strict=True):
                with bound(entry=run.delivery.entry, event=report.event.id, camera=report.event.camera):
                    self._again(entry, told(run, report, outcome))

    def _settle_each(self, over: Sequence[_Over]) -> None:
        """Settle runs one by one, since what came of one of them can't be published."""
        for run, report, entry in over:
            with bound(entry=run.delivery.entry, event=report.event.id, camera=report.event.camera):
                try:
                    self._again(entry, settle(run, report))
                except CUT_OFF as error:
                    self._keep([(run, entry)], error)

    def _keep(self, runs: Sequence[tuple[Run, Entry]], error: BaseException) -> None:
        for run, entry in runs:
            self._again(entry, kept(run, error))

    def _again(self, entry: Entry, again: Again | None) -> None:
        if again is not None:
            self._rest.append(Rest(entry, again))
