"""The Celery task around a handler: run it, then settle, retry or bury its entry.

Everything happens in the task's own body. Celery's hooks (`on_failure`, `on_success`) do not run when
a child is killed, so nothing depends on them; what the body could not do stays pending on the ledger,
and a bridge brings it back when its lease has run out.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any

from billiard.exceptions import SoftTimeLimitExceeded
from celery import Task
from celery.exceptions import Reject

from genesis.bus.deadletters import message
from genesis.bus.dispatch import Try, described
from genesis.bus.ledger import Delivery
from genesis.bus.ordered import deliver_in_order
from genesis.bus.process import Process
from genesis.bus.runlog import Report, records_of
from genesis.bus.runs import Again, Run
from genesis.errors import BackpressureError, GenesisError, MalformedEventError, PermanentError, ServerUnavailableError
from genesis.events import Event, decode
from genesis.logs import bound
from genesis.subscriptions import Subscription

logger = logging.getLogger(__name__)

AWAY_SECONDS = 5.0  # how long to wait with an entry while the ledger is away


def deliver(
    process: Process, row: Subscription, delivery: Delivery, fields: dict[str, str], *, task: str, worker: str, again: bool = False
) -> Again | None:
    """Run one entry to its end, or as far as it goes.

    Args:
        process: the connections of this process.
        row: the subscription.
        delivery: the entry.
        fields: its fields.
        task: id of the Celery task, for the dead letter.
        worker: node name of the worker.
        again: this run follows one that has asked for it.

    Returns:
        When to run it again; None when it is settled, buried, or not ours.

    Raises:
        ServerUnavailableError: the ledger was away for longer than `redis.give_up_seconds`, or the frame cache is.
    """
    run = Run(process, row, delivery, task, worker, again)
    if not run.begin():
        return None
    try:
        event = decode(fields)
    except PermanentError as error:
        run.bury(error.reason, error)
        return None
    run = replace(run, delivery=replace(delivery, frame=event.frame))
    with bound(event=event.id, camera=event.camera):
        return _in_order(run, event) if row.keyed_by else _at_once(run, event)


def _at_once(run: Run, event: Event) -> Again | None:
    process = run.process
    if run.stale(event):
        _settle(run, run.report(event, "stale"))
        return None
    try:
        outputs, busy_ms = run.handle(event, run.delivery)
    except Exception as error:  # noqa: BLE001 - a handler may raise anything; whatever it is, the entry must not be lost
        return run.unsuccessful(event, error)
    try:
        _settle(run, run.report(event, "settled", outputs, busy_ms))
    except BackpressureError as error:
        if sum(process.ledger.keys.stream_of(output) == error.stream for output in outputs) > error.limit:
            run.bury(PermanentError.reason, error, event)  # there will never be room for so many
            return None
        logger.info("%s waits with its result: %s", run.row.name, error)
        return run.later(process.settings.delivery.backpressure_delay, error)
    except MalformedEventError as error:
        run.bury(PermanentError.reason, error, event)
    return None


def _settle(run: Run, report: Report) -> None:
    process = run.process
    records = records_of([report], process.settings.tracing.keep)
    outcome = process.ledger.settle(
        run.delivery, report.outputs, outcome=report.outcome, busy_ms=int(report.seconds * 1000), records=records
    )
    if outcome.done:
        report.tell(process.spans)
    process.release(outcome.freed)


def _in_order(run: Run, event: Event) -> Again | None:
    try:
        return deliver_in_order(run, event)
    except BackpressureError as error:
        logger.info("%s waits with its result: %s", run.row.name, error)
        return run.later(run.process.settings.delivery.backpressure_delay, error)


class EventTask(Task):  # type: ignore[misc]
    """A Celery task that delivers entries of one subscription."""

    abstract = True
    ignore_result = True
    max_retries = None  # attempts are counted with the entry, not in the message
    subscription: Subscription

    def run(self, entry: str, fields: dict[str, str]) -> None:
        """Deliver one entry.

        Args:
            entry: its id in the stream.
            fields: its fields.
        """
        from genesis.bus.process import this_process  # noqa: PLC0415 - connections are made in the child

        process = this_process()
        delivery = Delivery(self.subscription.stream(process.ledger.keys), self.subscription.group, entry)
        request = self.request
        worker = request.hostname or ""
        with bound(stream=self.subscription.event.STREAM, group=delivery.group, entry=entry, task=request.id or ""):
            self._deliver(process, delivery, fields, worker)

    def _deliver(self, process: Process, delivery: Delivery, fields: dict[str, str], worker: str) -> None:
        request, entry = self.request, delivery.entry
        try:
            again = deliver(process, self.subscription, delivery, fields, task=request.id or "", worker=worker, again=bool(request.retries))
        except (ServerUnavailableError, SoftTimeLimitExceeded) as error:
            # Not the handler's fault: the entry is still pending, and no attempt is used up.
            logger.warning("entry %s of %s could not be settled: %s", entry, delivery.stream, error)
            again = _kept(Run(process, self.subscription, delivery, request.id or "", worker), error)
        if again is None:
            return
        try:
            # Else Celery would show the fields: what happened, and to whom.
            shown = described(fields, Try(again.run)) if again.run else request.get("argsrepr")
            self.retry(exc=_plain(again.error), countdown=again.seconds, argsrepr=shown, kwargsrepr="{}")
        except Reject as error:
            logger.warning("entry %s of %s stays pending: its retry can't be put into the queue: %s", entry, delivery.stream, error.reason)


def _kept(run: Run, error: BaseException) -> Again | None:
    """Let the entry wait; where even that can't be noted, its next run knows that this one is over."""
    try:
        return run.later(AWAY_SECONDS, error, patient=False)
    except GenesisError:
        return Again(AWAY_SECONDS, error)


def _plain(error: BaseException) -> Exception:
    """Return an exception that any process can read back, for Celery's own messages."""
    return RuntimeError(f"{type(error).__name__}: {message(error)}")


def task_for(app: Any, row: Subscription, hard_limit: float, soft_limit: float) -> Task:
    """Register a subscription's task with a Celery application.

    Args:
        app: the application.
        row: the subscription.
        hard_limit: seconds after which the child is killed.
        soft_limit: seconds after which the handler is interrupted.
    """
    attributes = {
        "name": row.task,
        "subscription": row,
        "soft_time_limit": soft_limit,
        "time_limit": hard_limit,
        "__doc__": row.handler.__doc__,
        "__module__": row.handler.__module__,
    }
    return app.register_task(type(f"{row.handler.__name__}_task", (EventTask,), attributes)())
