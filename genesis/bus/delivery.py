"""The Celery task around a handler: run it, then settle, retry or bury its entry.

Everything happens in the task's own body. Celery's hooks (`on_failure`, `on_success`) do not run when
a child is killed, so nothing depends on them; what the body could not do stays pending on the ledger.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from billiard.exceptions import SoftTimeLimitExceeded
from celery import Task
from celery.exceptions import Reject

from genesis.bus.deadletters import letter
from genesis.bus.ledger import Delivery
from genesis.bus.runner import is_stale, run_handler
from genesis.context import Context, DeliveryInfo
from genesis.errors import BackpressureError, MalformedEventError, PermanentError, ServerUnavailableError
from genesis.events import Event, decode
from genesis.subscriptions import Retry, Subscription

if TYPE_CHECKING:
    from genesis.bus.process import Process

logger = logging.getLogger(__name__)

AWAY_SECONDS = 5.0  # how long to wait with an entry while the ledger is away


@dataclass(frozen=True, slots=True)
class Again:
    """The entry is not done: run it again after some seconds."""

    seconds: float
    error: BaseException


def deliver(process: Process, row: Subscription, delivery: Delivery, fields: dict[str, str], *, task: str, worker: str) -> Again | None:
    """Run one entry to its end, or as far as it goes.

    Args:
        process: the connections of this process.
        row: the subscription.
        delivery: the entry.
        fields: its fields.
        task: id of the Celery task, for the dead letter.
        worker: name of the worker, for the dead letter.

    Returns:
        When to run it again; None when it is settled, buried, or no longer ours.

    Raises:
        ServerUnavailableError: the ledger was away for longer than `redis.give_up_seconds`, or the frame cache is.
    """
    ledger = process.ledger
    try:
        event = decode(fields)
    except PermanentError as error:
        _bury(process, delivery, error.reason, error, task, worker)
        return None
    delivery = replace(delivery, frame=event.frame)
    if is_stale(row, event, process.settings):
        process.release(ledger.settle(delivery, outcome="stale").freed)
        return None
    started = time.monotonic()
    try:
        outputs = run_handler(row, event, _context(process, delivery))
    except BackpressureError as error:
        return Again(process.settings.delivery.backpressure_delay, error)
    except ServerUnavailableError:
        raise
    except PermanentError as error:
        _bury(process, delivery, error.reason, error, task, worker)
        return None
    except Exception as error:  # noqa: BLE001 - a handler may raise anything; whatever it is, the entry must not be lost
        return _failed(process, row, delivery, event, error, task, worker)
    busy_ms = int((time.monotonic() - started) * 1000)
    try:
        process.release(ledger.settle(delivery, outputs, busy_ms=busy_ms).freed)
    except BackpressureError as error:
        if sum(ledger.keys.stream_of(output) == error.stream for output in outputs) > error.limit:
            _bury(process, delivery, PermanentError.reason, error, task, worker)  # there will never be room for so many
            return None
        logger.info("%s waits with its result: %s", row.name, error)
        return Again(process.settings.delivery.backpressure_delay, error)
    except MalformedEventError as error:
        _bury(process, delivery, PermanentError.reason, error, task, worker)
    return None


def _context(process: Process, delivery: Delivery) -> Context:
    info = DeliveryInfo(delivery.stream, delivery.group, delivery.entry)
    return replace(process.context, cameras=process.cameras.at(delivery.entry), delivery=info)


def _failed(
    process: Process, row: Subscription, delivery: Delivery, event: Event, error: Exception, task: str, worker: str
) -> Again | None:
    policy = row.retry or Retry(process.settings.delivery.max_retries, process.settings.delivery.retry_delays)
    attempt = process.ledger.fail(delivery, policy.max_retries)
    if attempt == 0:
        return None
    if attempt <= policy.max_retries:
        wait = policy.delay(attempt)
        logger.warning(
            "%s failed on event %s of camera %s (run %d of %d), again in %g s: %s: %s",
            row.name, event.id, event.camera, attempt, policy.max_retries + 1, wait, type(error).__name__, error,
        )  # fmt: skip
        return Again(wait, error)
    reason = "time_limit" if isinstance(error, SoftTimeLimitExceeded) else "retries_exhausted"
    _bury(process, delivery, reason, error, task, worker)
    return None


def _bury(process: Process, delivery: Delivery, reason: str, error: BaseException, task: str, worker: str) -> None:
    outcome = process.ledger.bury(delivery, letter(delivery, reason, error, task=task, worker=worker))
    if outcome.done:
        logger.error(
            "buried entry %s of %s for %s (%s): %s: %s",
            delivery.entry,
            delivery.stream,
            delivery.group,
            reason,
            type(error).__name__,
            error,
        )
    process.release(outcome.freed)


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
        try:
            again = deliver(process, self.subscription, delivery, fields, task=request.id or "", worker=request.hostname or "")
        except (ServerUnavailableError, SoftTimeLimitExceeded) as error:
            # Not the handler's fault: the entry is still pending, and no attempt is used up.
            logger.warning("entry %s of %s could not be settled: %s", entry, delivery.stream, error)
            again = Again(AWAY_SECONDS, error)
        if again is None:
            return
        try:
            self.retry(exc=_plain(again.error), countdown=again.seconds)
        except Reject as error:
            logger.warning("entry %s of %s stays pending: its retry can't be put into the queue: %s", entry, delivery.stream, error.reason)


def _plain(error: BaseException) -> Exception:
    """Return an exception that any process can read back, for Celery's own messages."""
    return RuntimeError(f"{type(error).__name__}: {error}")


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
