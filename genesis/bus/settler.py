"""Runs that are over are settled while the next ones run: many in one step, by a thread of their process.

A worker's own thread waits for the ledger neither before a handler nor after it. That costs no promise: a run that is over and not
settled is one that never was, and its entry comes again; outputs take effect with the acknowledgement or not at all. It is group commit:
while the ledger takes one step (with `appendfsync always`, writes it to its disk), what ends meanwhile gathers for the next.

The same thread notes whose hands entries are in that were begun without asking (see `Leases.fresh`), where they take their time.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

from billiard.exceptions import SoftTimeLimitExceeded

from genesis.bus.delivery import Then, kept, settle, settlement_of, told
from genesis.bus.ledger import Delivery, Ledger, Outcome
from genesis.bus.runlog import Report
from genesis.bus.runs import Again, Run
from genesis.errors import GenesisError, MalformedEventError, ServerUnavailableError
from genesis.logs import bound

logger = logging.getLogger(__name__)

NOTE_SECONDS = 0.1  # for which a run need not be noted; no more than a share of what makes it fresh
STEP_SECONDS = 0.005  # between the beginnings of two steps: what ends meanwhile shares the second
MOST = 100  # runs that may wait to be settled, before those that end wait too
CUT_OFF = (ServerUnavailableError, SoftTimeLimitExceeded)
"""What ends a run for no fault of the handler's; a time limit that the handler met is its failure, and told before."""


class _Over(NamedTuple):
    """A run that is over, and what to do where its entry is to run again."""

    run: Run
    report: Report
    then: Then


class Settler:
    """Settles what a process has run. Its thread begins with its first run.

    Args:
        ledger: of the process.
        pause: waits for some seconds.
    """

    def __init__(self, ledger: Ledger, pause: Callable[[float], None] = time.sleep) -> None:
        self._ledger = ledger
        self._pause = pause
        self._queue: queue.SimpleQueue[_Over | threading.Event] = queue.SimpleQueue()
        self._running: dict[Delivery, str] = {}  # begun without asking, and by which consumer
        self._seen: frozenset[Delivery] = frozenset()
        self._noted: frozenset[Delivery] = frozenset()
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()

    def began(self, run: Run) -> None:
        """Take note of a run that did not ask for its entry."""
        self._running[run.delivery] = run.consumer
        if self._thread is None:
            self._start()

    def ended(self, delivery: Delivery) -> None:
        """Take note that it has ended, however it did."""
        self._running.pop(delivery, None)

    def settle(self, run: Run, report: Report, then: Then) -> None:
        """Settle a run that is over, soon; returns at once, unless too many wait for that already.

        Args:
            run: that is over.
            report: of it.
            then: called from another thread where the entry is to be run again.
        """
        if self._thread is None:
            self._start()
        self._queue.put(_Over(run, report, then))
        while self._queue.qsize() > MOST:
            self._pause(0.001)

    def flush(self, seconds: float) -> bool:
        """Wait until all is settled that was over by now; False if that took too long."""
        if self._thread is None:
            return True
        done = threading.Event()
        self._queue.put(done)
        return done.wait(seconds)

    def _start(self) -> None:
        with self._starting:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="settler", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        looked = time.monotonic()
        while True:
            some = self._some()
            began = time.monotonic()
            self._settle_some(some)
            if began - looked >= NOTE_SECONDS:
                looked = began
                try:
                    self._note()
                except Exception:  # as above
                    logger.exception("runs are not noted")
            if (left := began + STEP_SECONDS - time.monotonic()) > 0:
                self._pause(left)

    def _some(self) -> list[_Over | threading.Event]:
        """Wait for something to do, for no longer than until the next look; return all that is there."""
        found = []
        try:
            found.append(self._queue.get(timeout=NOTE_SECONDS))
            while len(found) < MOST:
                found.append(self._queue.get_nowait())
        except queue.Empty:
            pass
        return found

    def _settle_some(self, some: Sequence[_Over | threading.Event]) -> None:
        groups: defaultdict[tuple[str, str], list[_Over]] = defaultdict(list)
        for one in some:
            if isinstance(one, _Over):
                groups[one.run.delivery.stream, one.run.delivery.group].append(one)
        for overs in groups.values():
            try:
                self._settle(overs)
            except Exception:  # whatever it is, this thread must go on: without it the process would stand still
                logger.exception("%d entries of %s could not be settled, and stay pending", len(overs), overs[0].run.delivery.stream)
        for one in some:
            if isinstance(one, threading.Event):
                one.set()

    def _settle(self, overs: Sequence[_Over]) -> None:
        """Settle runs of one subscription."""
        try:
            outcomes = self._ledger.settle_all([settlement_of(run, report) for run, report, _ in overs])
        except MalformedEventError:  # what came of one of them can't be published
            for over in overs:
                self._finish(over, partial(settle, over.run, over.report))
            return
        except CUT_OFF as error:
            for over in overs:
                self._finish(over, partial(kept, over.run, error))
            return
        overs[0].run.process.release([frame for outcome in outcomes if isinstance(outcome, Outcome) for frame in outcome.freed])
        for over, outcome in zip(overs, outcomes, strict=True):
            if isinstance(outcome, Outcome):
                told(over.run, over.report, outcome)  # there is nothing to follow
            else:
                self._finish(over, partial(told, over.run, over.report, outcome))

    @staticmethod
    def _finish(over: _Over, how: Callable[[], Again | None]) -> None:
        run, event, delivery = over.run, over.report.event, over.run.delivery
        where = {"stream": run.row.event.STREAM, "group": delivery.group, "entry": delivery.entry, "task": run.task}
        with bound(**where, event=event.id, camera=event.camera):
            try:
                again = how()
            except CUT_OFF as error:
                again = kept(run, error)
            except Exception:
                logger.exception("what was to follow an entry's settlement has failed")
                return
            if again is not None:
                over.then(again)

    def _note(self) -> None:
        """Note the runs that were there at the last look already, once."""
        running = dict(self._running)
        now = frozenset(running)
        due, self._seen, self._noted = (now & self._seen) - self._noted, now, self._noted & now
        hands: defaultdict[str, list[Delivery]] = defaultdict(list)
        for delivery in due:
            hands[running[delivery]].append(delivery)
        for consumer, deliveries in hands.items():
            try:
                self._ledger.leases.note(consumer, deliveries)
            except GenesisError as error:
                logger.debug("runs are not noted yet: %s", error)
            else:
                self._noted |= frozenset(deliveries)
