"""The Celery task of a subscription.

Everything happens in the task's own body. Celery's hooks (`on_failure`, `on_success`) do not run when a child is killed, so nothing
depends on them.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from billiard.exceptions import SoftTimeLimitExceeded
from celery import Task
from celery.exceptions import Reject

from genesis.bus.batches import Batch, Rest
from genesis.bus.deadletters import message
from genesis.bus.delivery import deliver, kept
from genesis.bus.dispatch import Entry, Try, described, task_id
from genesis.bus.ledger import Delivery
from genesis.bus.process import Process
from genesis.bus.runs import Again, Run
from genesis.errors import ServerUnavailableError
from genesis.logs import bound
from genesis.subscriptions import Subscription

logger = logging.getLogger(__name__)


class EventTask(Task):  # type: ignore[misc]
    """A Celery task that delivers entries of one subscription."""

    abstract = True
    ignore_result = True
    max_retries = None  # attempts are counted with the entry, not in the message
    subscription: Subscription

    def run(self, *flat: Any) -> None:
        """Deliver entries.

        Args:
            flat: the id of an entry in the stream, and its fields; again for each further one.
        """
        from genesis.bus.process import this_process  # noqa: PLC0415 - connections are made in the child

        process, row, request = this_process(), self.subscription, self.request
        entries: list[Entry] = list(zip(flat[::2], flat[1::2], strict=True))
        with bound(stream=row.event.STREAM, group=row.group, entry=entries[0][0], task=request.id or ""):
            if len(entries) == 1:
                self._deliver(process, *entries[0])
                return
            batch = Batch(process, row, entries, task=request.id or "", worker=request.hostname or "", limit=self.soft_time_limit)
            for rest in batch.deliver():
                self._split_off(process, rest)

    def _deliver(self, process: Process, entry: str, fields: dict[str, str]) -> None:
        request, row = self.request, self.subscription
        delivery = Delivery(row.stream(process.ledger.keys), row.group, entry)
        task, worker = request.id or "", request.hostname or ""
        try:
            again = deliver(process, row, delivery, fields, task=task, worker=worker, again=bool(request.retries))
        except (ServerUnavailableError, SoftTimeLimitExceeded) as error:
            again = kept(Run(process, row, delivery, task, worker), error)
        if again is None:
            return
        try:
            # Else Celery would show the fields: what happened, and to whom.
            shown = _shown(fields, again) or request.get("argsrepr")
            self.retry(exc=_plain(again.error), countdown=again.seconds, argsrepr=shown, kwargsrepr="{}")
        except Reject as error:
            _stays(delivery, error.reason)

    def _split_off(self, process: Process, rest: Rest) -> None:
        """Give an entry of several a task of its own; from there it goes on as any other."""
        (entry, fields), again = rest
        delivery = Delivery(self.subscription.stream(process.ledger.keys), self.subscription.group, entry)
        own = task_id(delivery.stream, delivery.group, entry)
        try:
            self.apply_async(
                args=(entry, fields),
                task_id=own,
                root_id=own,
                queue=self.subscription.queue,
                argsrepr=_shown(fields, again) or described(fields),
                kwargsrepr="{}",
                countdown=again.seconds or None,
                retries=1,  # its run follows one that has ended, though that may not have been noted
            )
        except Exception as error:  # noqa: BLE001 - the others must not suffer
            _stays(delivery, error)


def _shown(fields: Mapping[str, str], again: Again) -> str:
    return described(fields, Try(again.run)) if again.run else ""


def _stays(delivery: Delivery, error: object) -> None:
    logger.warning("entry %s of %s stays pending: its retry can't be put into the queue: %s", delivery.entry, delivery.stream, error)


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
