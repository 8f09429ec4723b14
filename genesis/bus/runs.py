"""One run of one delivery in a worker, and what becomes of it."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from billiard.exceptions import SoftTimeLimitExceeded

from genesis.bus.consumers import worker_consumer
from genesis.bus.deadletters import letter, one_line
from genesis.bus.runlog import Report
from genesis.bus.runner import is_stale, run_handler
from genesis.context import DeliveryInfo
from genesis.errors import BackpressureError, NotYetError, PermanentError, ServerUnavailableError
from genesis.events import Event
from genesis.subscriptions import Subscription

if TYPE_CHECKING:
    from genesis.bus.ledger import Delivery
    from genesis.bus.process import Process

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Again:
    """The entry is not done: run it again after some seconds.

    Attributes:
        seconds: until then.
        error: why.
        run: which run that is; 0: the same as before, since this one does not count.
    """

    seconds: float
    error: BaseException
    run: int = 0


@dataclass(frozen=True, slots=True)
class Run:
    """A run of a delivery.

    Attributes:
        process: the connections of this process.
        row: the subscription.
        delivery: the entry.
        task: id of the Celery task, for the dead letter.
        worker: node name of the worker.
        again: it follows a run that has asked for it.
        fresh: the entry can be in nobody else's hands (see `Leases.fresh`): the run does not ask for it.
        started: monotonic seconds.
    """

    process: Process
    row: Subscription
    delivery: Delivery
    task: str
    worker: str
    again: bool = False
    fresh: bool = False
    started: float = field(default_factory=time.monotonic)

    @property
    def consumer(self) -> str:
        """Whose hands the entry is in."""
        return worker_consumer(self.worker)

    def begin(self) -> bool:
        """Take the entry; False if it is settled, or somebody else runs it."""
        if self.fresh:
            self.process.settler.began(self)
            return True
        return self.process.ledger.leases.begin(self.delivery, self.consumer, again=self.again)

    def end(self) -> None:
        """Take note that the handler is done with the entry."""
        if self.fresh:
            self.process.settler.ended(self.delivery)

    def stale(self, event: Event) -> bool:
        """Tell whether a live camera's event is too old to be worth handling."""
        return is_stale(self.row, event, self.process.settings)

    def handle(self, event: Event, delivery: Delivery, state: dict[str, Any] | None = None) -> tuple[list[Event], float]:
        """Call the handler; return its events, and the milliseconds that it ran.

        Args:
            event: the entry's.
            delivery: the entry.
            state: of an ordered subscription; the handler may change it.
        """
        started = time.monotonic()
        info = DeliveryInfo(delivery.stream, delivery.group, delivery.entry)
        process = self.process
        context = replace(process.context, cameras=process.cameras.at(delivery.entry), delivery=info, state=state)
        outputs = run_handler(self.row, event, context)
        return outputs, (time.monotonic() - started) * 1000

    def report(
        self, event: Event, outcome: str, outputs: Sequence[Event] = (), busy_ms: float = 0, delivery: Delivery | None = None
    ) -> Report:
        """Return what is told of this run, or of one that is settled with it, once it has taken effect."""
        return Report(event, delivery or self.delivery, outcome, self.worker, self.row.task, outputs, busy_ms / 1000)

    def bury(self, reason: str, error: BaseException, event: Event | None = None) -> None:
        """Send the entry to the dead letters.

        Args:
            reason: see `genesis.bus.deadletters`.
            error: what was raised last.
            event: the entry's, if it has one.
        """
        delivery = self.delivery
        outcome = self.process.ledger.bury(delivery, letter(delivery, reason, error, task=self.task, worker=self.worker))
        if outcome.done:
            self.process.burials.told(delivery, reason, error)
            if event is not None:
                self._failure(event, "buried", error)
        self.process.release(outcome.freed)

    def unsuccessful(self, event: Event, error: Exception) -> Again | None:
        """Do what the handler's error asks for; return when the entry runs again, None if it does not.

        Raises:
            ServerUnavailableError: that is what the handler met.
        """
        if isinstance(error, ServerUnavailableError):
            raise error
        if isinstance(error, BackpressureError | NotYetError):
            self.report(event, "waiting").tell(None)
            return self.later(self.process.settings.delivery.backpressure_delay, error)
        if isinstance(error, PermanentError):
            self.bury(error.reason, error, event)
            return None
        return self.failed(event, error)

    def failed(self, event: Event, error: Exception) -> Again | None:
        """Note that the handler failed; return when it runs again, or bury the entry when it has failed too often."""
        if not self._ours():
            return None
        policy = self.row.policy(self.process.settings)
        attempt = self.process.ledger.leases.fail(self.delivery, self.consumer, policy.max_retries)
        if attempt == 0:
            return None
        if attempt <= policy.max_retries:
            wait = policy.delay(attempt)
            logger.warning(
                "%s failed on event %s of camera %s (run %d of %d), again in %g s: %s: %s",
                self.row.name, event.id, event.camera, attempt, policy.max_retries + 1, wait, type(error).__name__, one_line(error),
            )  # fmt: skip
            self._failure(event, "retried", error)
            return Again(wait, error, attempt + 1)
        self.bury("time_limit" if isinstance(error, SoftTimeLimitExceeded) else "retries_exhausted", error, event)
        return None

    def later(self, seconds: float, error: BaseException, *, patient: bool = True) -> Again | None:
        """Let the entry wait without counting a failure; None if it is no longer ours."""
        ours = self._ours(patient=patient) and self.process.ledger.leases.wait(self.delivery, self.consumer, patient=patient)
        return Again(seconds, error) if ours else None

    def _ours(self, *, patient: bool = True) -> bool:
        """Take an entry that was not asked for, before it is told that it is to run again; False if somebody else has it by now."""
        return not self.fresh or self.process.ledger.leases.begin(self.delivery, self.consumer, again=True, patient=patient)

    def _failure(self, event: Event, outcome: str, error: BaseException) -> None:
        report = replace(
            self.report(event, outcome), error=f"{type(error).__name__}: {one_line(error)}", seconds=time.monotonic() - self.started
        )
        self.process.ledger.remember(report.record())
        report.tell(self.process.spans)
