"""The Celery task of a subscription.

Everything happens in the task's own body. Celery's hooks (`on_failure`, `on_success`) do not run when a child is killed, so nothing
depends on them.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import partial
from typing import Any

from celery import Task
from celery.exceptions import Reject

from genesis.bus.batches import Batch
from genesis.bus.deadletters import message
from genesis.bus.delivery import deliver, kept
from genesis.bus.dispatch import Entry, Try, described, task_id
from genesis.bus.ledger import Delivery
from genesis.bus.process import Process
from genesis.bus.runs import Again, Run
from genesis.bus.settler import CUT_OFF
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
            flat: the id of an entry in the stream, and its fields; again for each further one. At last, where nobody else can have
                them yet, when they were read from it, in milliseconds by the ledger's clock.
        """
        from genesis.bus.process import this_process  # noqa: PLC0415 - connections are made in the child

        process, row, request = this_process(), self.subscription, self.request
        read_ms = flat[-1] if len(flat) % 2 else 0
        # What an ordered subscription holds back goes from hand to hand: there, who has it is always asked.
        fresh = not request.retries and not row.keyed_by and process.ledger.leases.fresh(read_ms)
        task, worker = request.id or "", request.hostname or ""
        with bound(stream=row.event.STREAM, group=row.group, entry=flat[0], task=task):
            if len(flat) <= 3:  # noqa: PLR2004 - one entry
                delivery = Delivery(row.stream(process.ledger.keys), row.group, flat[0])
                self._deliver(Run(process, row, delivery, task, worker, bool(request.retries), fresh), flat[1])
                return
            entries: list[Entry] = list(zip(flat[::2], flat[1::2], strict=False))
            split_off = partial(self._split_off, process)
            Batch(process, row, entries, split_off, task=task, worker=worker, limit=self.soft_time_limit, fresh=fresh).deliver()

    def _deliver(self, run: Run, fields: dict[str, str]) -> None:
        request, delivery = self.request, run.delivery
        try:
            again = deliver(run, fields, partial(self._split_off, run.process, (delivery.entry, fields)))
        except CUT_OFF as error:
            again = kept(run, error)
        if again is None:
            return
        try:
            # Else Celery would show the fields: what happened, and to whom.
            shown = _shown(fields, again) or request.get("argsrepr")
            self.retry(exc=_plain(again.error), countdown=again.seconds, argsrepr=shown, kwargsrepr="{}")
        except Reject as error:
            _stays(delivery, error.reason)

    def _split_off(self, process: Process, entry_and_fields: Entry, again: Again) -> None:
        """Give an entry a task of its own, from whichever thread; from there it goes on as any other."""
        entry, fields = entry_and_fields
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
