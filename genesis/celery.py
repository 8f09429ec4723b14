"""The Celery application: `celery -A genesis worker -Q detection`, `celery -A genesis flower`.

Its configuration is `celeryconfig.py`; its tasks are the subscriptions.
"""

from __future__ import annotations

import logging
import os
import sys
from typing import Any, NoReturn

from celery import Celery, signals

from genesis.bus.delivery import task_for
from genesis.errors import GenesisError, UsageError
from genesis.masking import MaskingFilter
from genesis.settings import current
from genesis.subscriptions import Registry, load_subscriptions

logger = logging.getLogger(__name__)

KILL_AFTER = 10.0  # seconds between asking a task to end and killing its child


def make_app() -> Celery:
    """Return the application with a task for every subscription.

    Raises:
        UsageError: the settings or a module of handlers can't be used.
    """
    settings = current()
    registry = load_subscriptions(settings.handlers)
    application = Celery("genesis")
    application.config_from_object("celeryconfig")
    for row in registry:
        soft = row.time_limit or settings.celery.time_limit_seconds
        task_for(application, row, soft_limit=soft, hard_limit=soft + KILL_AFTER)
    return application


def _end(error: GenesisError) -> NoReturn:
    sys.stderr.write(f"genesis: {error}\n")
    raise SystemExit(2)


try:
    app = make_app()
except UsageError as mistake:
    _end(mistake)


@signals.celeryd_init.connect
def _check_queues(options: dict[str, Any] | None = None, **_: Any) -> None:
    """Refuse a queue that no subscription uses, before the worker starts."""
    known = load_subscriptions().queues
    asked = (options or {}).get("queues") or ()
    names = asked.split(",") if isinstance(asked, str) else list(asked)
    unknown = [name for name in names if name not in known]
    if unknown:
        _end(UsageError(f"unknown queue {', '.join(map(repr, unknown))} (queues: {', '.join(known)})"))


@signals.after_setup_logger.connect
@signals.after_setup_task_logger.connect
def _mask_logs(logger: logging.Logger | None = None, **_: Any) -> None:
    for handler in (logger or logging.getLogger()).handlers:
        handler.addFilter(MaskingFilter())


@signals.celeryd_after_setup.connect
def _note_queues(instance: Any = None, **_: Any) -> None:
    global _consumed  # noqa: PLW0603 - the children are forked from here
    _consumed = tuple(instance.app.amqp.queues.consume_from)


_consumed: tuple[str, ...] = ()


@signals.worker_process_init.connect
def _preload(**_: Any) -> None:
    """Load the models of this child's queues before its first event."""
    preload(load_subscriptions(), _consumed)


def preload(registry: Registry, queues: tuple[str, ...]) -> None:
    """Call the `preload` of every subscription whose queue is served here, and say what was loaded.

    A model that can't be loaded now is tried again by the first event, whose failure is then retried
    and buried as any other.
    """
    from genesis.bus.process import this_process  # noqa: PLC0415 - connections belong to the child

    for row in registry:
        if row.preload is None or row.queue not in queues:
            continue
        try:
            logger.info("worker child %d, queue %s: loaded %s", os.getpid(), row.queue, row.preload(this_process().context))
        except GenesisError as error:
            logger.error("worker child %d, queue %s: %s", os.getpid(), row.queue, error)  # noqa: TRY400 - one line
