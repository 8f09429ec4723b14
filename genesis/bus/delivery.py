"""One entry in a worker: run its handler, then settle, retry or bury it.

What could not be done stays pending on the ledger, and a bridge brings it back when its lease has run out.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TypeAlias

from genesis.bus.ledger import Outcome, Settlement
from genesis.bus.ordered import deliver_in_order
from genesis.bus.runlog import Report, records_of
from genesis.bus.runs import Again, Run
from genesis.errors import BackpressureError, GenesisError, MalformedEventError, PermanentError
from genesis.events import Event, decode
from genesis.logs import bound

logger = logging.getLogger(__name__)

Then: TypeAlias = Callable[[Again], object]

AWAY_SECONDS = 5.0  # how long to wait with an entry while the ledger is away


def deliver(run: Run, fields: Mapping[str, str], then: Then | None = None) -> Again | None:
    """Run one entry to its end, or as far as it goes.

    Args:
        run: of the entry; not begun.
        fields: of the entry.
        then: settle it soon, together with others, and where it is to run again after that, call this from another thread; None
            settles it at once.

    Returns:
        When to run it again; None when it is settled, buried, or not ours.

    Raises:
        ServerUnavailableError: the ledger was away for longer than `redis.give_up_seconds`, or the frame cache is.
    """
    if not run.begin():
        return None
    try:
        return carry_on(run, fields, then)
    finally:
        run.end()


def carry_on(run: Run, fields: Mapping[str, str], then: Then | None) -> Again | None:
    """Do what `deliver` does, with a run that was begun."""
    found = read(run, fields)
    if found is None:
        return None
    run, event = found
    with bound(event=event.id, camera=event.camera):
        report = handled(run, event)
        if not isinstance(report, Report):
            return report
        if then is None:
            return settle(run, report)
        run.process.settler.settle(run, report, then)
        return None


def read(run: Run, fields: Mapping[str, str]) -> tuple[Run, Event] | None:
    """Return a run that was begun, knowing its frame, and its event; None if that can't be read, so that it was buried."""
    try:
        event = decode(fields)
    except PermanentError as error:
        run.bury(error.reason, error)
        return None
    return (replace(run, delivery=replace(run.delivery, frame=event.frame)) if event.frame else run), event


def handled(run: Run, event: Event) -> Report | Again | None:
    """Call the handler, unless the event is stale.

    Returns:
        What is to be settled; or what `deliver` returns, where that is done or need not be.

    Raises:
        ServerUnavailableError: a server that the handler needs is away.
    """
    if run.row.keyed_by:
        return _in_order(run, event)
    if run.stale(event):
        return run.report(event, "stale")
    try:
        outputs, busy_ms = run.handle(event, run.delivery)
    except Exception as error:  # noqa: BLE001 - a handler may raise anything; whatever it is, the entry must not be lost
        return run.unsuccessful(event, error)
    return run.report(event, "settled", outputs, busy_ms)


def settlement_of(run: Run, report: Report) -> Settlement:
    """Return what the ledger is to do for a run that is over."""
    records = records_of([report], run.process.settings.tracing.keep)
    return Settlement([(run.delivery, report.outcome)], report.outputs, int(report.seconds * 1000), records=records)


def settle(run: Run, report: Report) -> Again | None:
    """Settle a run that is over; return what `deliver` returns.

    Raises:
        ServerUnavailableError: the ledger was away for longer than `redis.give_up_seconds`.
    """
    try:
        (outcome,) = run.process.ledger.settle_all([settlement_of(run, report)])
    except MalformedEventError as error:
        run.bury(PermanentError.reason, error, report.event)
        return None
    if isinstance(outcome, Outcome):
        run.process.release(outcome.freed)
    return told(run, report, outcome)


def told(run: Run, report: Report, outcome: Outcome | BackpressureError) -> Again | None:
    """Tell how the settlement of a run has ended; return what `deliver` returns. Its frames are not released here."""
    process = run.process
    if isinstance(outcome, BackpressureError):
        if sum(process.ledger.keys.stream_of(output) == outcome.stream for output in report.outputs) > outcome.limit:
            run.bury(PermanentError.reason, outcome, report.event)  # there will never be room for so many
            return None
        return _waits(run, outcome)
    if outcome.done:
        report.tell(process.spans)
    return None


def kept(run: Run, error: BaseException) -> Again | None:
    """Let an entry wait whose run a server's absence has cut off; where even that can't be noted, its next run knows that this one is over.

    It is not the handler's fault: no attempt is used up.
    """
    delivery = run.delivery
    logger.warning("entry %s of %s could not be settled: %s", delivery.entry, delivery.stream, error)
    try:
        return run.later(AWAY_SECONDS, error, patient=False)
    except GenesisError:
        return Again(AWAY_SECONDS, error)


def _in_order(run: Run, event: Event) -> Again | None:
    try:
        return deliver_in_order(run, event)
    except BackpressureError as error:
        return _waits(run, error)


def _waits(run: Run, error: BackpressureError) -> Again | None:
    logger.info("%s waits with its result: %s", run.row.name, error)
    return run.later(run.process.settings.delivery.backpressure_delay, error)
