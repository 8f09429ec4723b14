"""Tell everybody who is to be told of an alert and has not been yet, and say who could not be.

All are tried side by side, so that one who is slow delays nobody else, and each has its own time. A call that takes longer is no
longer waited for; should it succeed after all, that is noted too, and a retry does not repeat it.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as TookTooLong
from contextvars import copy_context
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from genesis.errors import GenesisError, PermanentError, RetryableError, UsageError
from genesis.events import AlertEvent
from genesis.masking import mask
from genesis.notify.channels import CHANNELS
from genesis.notify.notice import Notice
from genesis.notify.push import load, without
from genesis.settings import SEVERITIES, Notifier, Settings, Severity

if TYPE_CHECKING:
    from genesis.context import SentBoard

GRACE_SECONDS = 0.5  # an error that says why comes at the very end of a notifier's time

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one try.

    Attributes:
        name: of the notifier.
        error: why it was not told; None: it was.
    """

    name: str
    error: GenesisError | None = None

    @property
    def line(self) -> str:
        """Name and error in one line without secrets."""
        return f"{self.name}: {mask(str(self.error)) if self.error else 'ok'}"


def deliver(event: AlertEvent, settings: Settings, sent: SentBoard, snapshot: Callable[[str], Path | None]) -> None:
    """Tell of an alert, once to each notifier whatever number of runs it takes.

    Args:
        event: the alert, or what became known of it later.
        settings: of the installation; `alerts` has the notifiers.
        sent: who was told before; a success is noted at once.
        snapshot: returns the file of a picture by its SHA-256, or where it would be.

    Raises:
        RetryableError: somebody could not be told for now; the message has the name of each, and why.
        PermanentError: the others were told, and somebody refuses, or can never be told.
    """
    known = {notifier.name: notifier for notifier in settings.alerts.notifiers}
    outcomes = [
        Outcome(name, PermanentError(f"there is no such notifier (alerts.notifiers: {', '.join(known) or 'none'})"))
        for name in event.notify
        if name not in known
    ]
    concerned = told_of(event.severity, event.notify, settings.alerts.notifiers)
    before = sent.sent(event.id) if concerned else frozenset()
    if missing := [notifier for notifier in concerned if notifier.name not in before]:
        notice = Notice(event, _picture(event, snapshot), time_zone=settings.alerts.time_zone)
        outcomes += tell(notice, missing, lambda name: sent.note(event.id, name))
    failed = [outcome for outcome in outcomes if outcome.error is not None]
    if not failed:
        return
    line = f"alert {event.id}: not told: {'; '.join(outcome.line for outcome in failed)}"
    if all(isinstance(outcome.error, PermanentError) for outcome in failed):
        raise PermanentError(line)
    raise RetryableError(line)


def told_of(severity: Severity, names: Sequence[str], notifiers: Sequence[Notifier]) -> list[Notifier]:
    """Return who is told of alerts of a severity: those who are named, or all if nobody is, as far as it is severe enough for them."""
    rank = SEVERITIES.index(severity)
    return [one for one in notifiers if (not names or one.name in names) and rank >= SEVERITIES.index(one.severity)]


def tell(notice: Notice, notifiers: Sequence[Notifier], told: Callable[[str], None] | None = None) -> list[Outcome]:
    """Try some notifiers side by side; return what became of each, in their order.

    Args:
        notice: what is said.
        notifiers: to whom.
        told: called with a notifier's name after it was told, by one thread at a time.
    """
    lock = threading.Lock()

    def note(name: str) -> None:
        if told is not None:
            with lock:
                told(name)

    tries = [(notifier, time.monotonic(), _begun(notice, notifier, note)) for notifier in notifiers]
    return [_outcome(notifier, begun, running) for notifier, begun, running in tries]


def load_channels(settings: Settings) -> str:
    """Import what the notifiers need; return who they are, for the log."""
    notifiers = settings.alerts.notifiers
    if any(notifier.kind == "apprise" for notifier in notifiers):
        try:
            load()
        except PermanentError as error:
            logger.warning("nobody is told through Apprise: %s", error)
    return ", ".join(f"{notifier.name} ({notifier.kind})" for notifier in notifiers) or "nobody is told of alerts"


def _begun(notice: Notice, notifier: Notifier, told: Callable[[str], None]) -> Future[None]:
    # Threads of their own, not of a pool: those that hang would take the others' places there, and a process's end would wait for them.
    future: Future[None] = Future()
    said = notice if notifier.snapshots else replace(notice, picture=None)

    def work() -> None:
        try:
            CHANNELS[notifier.kind](notifier, said)
            _note(told, notifier.name)
        except BaseException as error:  # noqa: BLE001 - whatever it is, the one who waits is given it
            future.set_exception(error)
        else:
            future.set_result(None)

    threading.Thread(target=copy_context().run, args=(work,), name=f"tell-{notifier.name}", daemon=True).start()
    return future


def _note(told: Callable[[str], None], name: str) -> None:
    try:
        told(name)
    except Exception as error:
        msg = f"told, but that could not be noted: {type(error).__name__}: {error}"
        raise RetryableError(msg) from error


def _outcome(notifier: Notifier, begun: float, running: Future[None]) -> Outcome:
    left = begun + notifier.timeout_seconds + GRACE_SECONDS - time.monotonic()
    try:
        error = running.exception(max(0.0, left))
    except TookTooLong:
        return Outcome(notifier.name, RetryableError(f"no answer within {notifier.timeout_seconds:g} s"))
    if error is None or isinstance(error, RetryableError | PermanentError):
        return Outcome(notifier.name, error)
    return Outcome(notifier.name, RetryableError(without(notifier.url, f"{type(error).__name__}: {error}")))


def _picture(event: AlertEvent, snapshot: Callable[[str], Path | None]) -> Path | None:
    if not event.snapshot:
        return None
    try:
        path = snapshot(event.snapshot)
    except UsageError as error:
        logger.warning("alert %s goes out without its picture: %s", event.id, error)
        return None
    if path is None or not path.is_file():
        logger.warning("alert %s goes out without its picture: %s is not there", event.id, event.snapshot)
        return None
    return path
