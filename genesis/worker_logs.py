"""How Celery's programs log: as all of Genesis' do, instead of in Celery's own ways.

Celery's options stay what they are: `-l` is the level, `-f` the file; what a task prints becomes a line of the log.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import sys
import time
from functools import partial
from typing import TYPE_CHECKING, Any

from billiard.exceptions import TimeLimitExceeded, WorkerLostError
from celery import signals
from celery.utils.log import get_multiprocessing_logger, mlevel

from genesis.bus.broker import BrokerLines
from genesis.bus.dispatch import deliveries_of
from genesis.logs import configure, raw_fields, tell_rest
from genesis.logs.entry import Entry
from genesis.logs.forms import Form, as_json, line
from genesis.logs.handler import LogFile, LogHandler
from genesis.logs.printed import Printed
from genesis.settings import current

if TYPE_CHECKING:
    from celery.apps.worker import Worker

TWO_LINES_A_TASK = ("celery.worker.strategy", "celery.app.trace")
_TASK = re.compile(r"[^:]+:[^:]+:[^:]+:\d+-\d+(?:,\d+-\d+)*")
LOST = (TimeLimitExceeded, WorkerLostError)

_node = ""
_form: Form | None = None


class TaskLines(logging.Filter):
    """Adds to Celery's own lines which task they are about: they are logged outside of it."""

    def __init__(self) -> None:
        super().__init__()
        self.failed = ""  # the task whose failure was signalled last

    def filter(self, record: logging.LogRecord) -> bool:
        """Add task, stream, group and entry to a record of Celery's, where they can be told; never drops one."""
        if not record.name.startswith("celery.") or "task" in raw_fields():
            return True
        lost = isinstance(record.args, tuple) and any(isinstance(argument, LOST) for argument in record.args)
        if lost:
            record.exc_info = record.exc_text = None  # Celery raised it itself, and the message says all
        task = self._task_of(record, lost=lost)
        if task and (deliveries := deliveries_of(task)):
            first, entries = deliveries[0], ",".join(delivery.entry for delivery in deliveries)
            record.__dict__.update(task=task, stream=first.stream.rpartition(":")[2], group=first.group, entry=entries)
        return True

    def _task_of(self, record: logging.LogRecord, *, lost: bool) -> str:
        data = record.__dict__.get("data")
        if isinstance(data, dict) and isinstance(data.get("id"), str):
            return str(data["id"])
        if lost:
            return self.failed
        arguments = record.args if isinstance(record.args, tuple) else ()
        return next((one for one in arguments if isinstance(one, str) and _TASK.fullmatch(one)), "")


_task_lines = TaskLines()


def take_over() -> None:
    """Have Celery leave the log to us."""
    signals.celeryd_init.connect(_note_name)
    signals.setup_logging.connect(set_up)
    signals.celeryd_after_setup.connect(_redirect)
    signals.task_failure.connect(_note_failure)
    signals.worker_process_shutdown.connect(_tell_rest)


def _note_name(sender: str = "", instance: Worker | None = None, options: dict[str, Any] | None = None, **_: Any) -> None:
    """Remember the worker's name, and log what it says before Celery sets up its log; where machines read, leave out its picture."""
    global _node  # noqa: PLW0603 - one per process is the point
    from celery.apps import worker as module  # noqa: PLC0415 - in a worker it is there already

    _node = sender
    module.safe_say = _say
    set_up(mlevel((options or {}).get("loglevel")) or logging.WARNING)
    logging.captureWarnings(capture=True)
    if instance is not None and current().log.format == "json":
        instance.quiet = True


def set_up(loglevel: int = logging.INFO, logfile: str | None = None, **_: Any) -> None:
    """Log as the settings say, in place of Celery's own logging.

    Args:
        loglevel: of `-l`.
        logfile: of `-f`; None: stderr.
    """
    global _form  # noqa: PLW0603 - likewise
    log = current().log
    # Not sys.stderr: Celery turns that into lines of this log.
    handler = LogHandler(LogFile(logfile) if logfile else lambda: sys.__stderr__)
    handler.addFilter(BrokerLines())
    handler.addFilter(_task_lines)
    configure(loglevel, form=log.format, role="worker", repeat_seconds=log.repeat_seconds, handler=handler).shape(node=_node)
    _form = partial(as_json, program="worker", node=_node) if log.format == "json" else line
    logging.getLogger("celery").setLevel(loglevel)
    for name in TWO_LINES_A_TASK:
        logging.getLogger(name).setLevel(logging.NOTSET if loglevel <= logging.DEBUG else logging.WARNING)
    pool = get_multiprocessing_logger()
    pool.propagate = True
    pool.setLevel(logging.ERROR)


def _redirect(instance: Worker | None = None, **_: Any) -> None:
    """Turn what is printed into lines of the log, as Celery does where it sets up the log itself."""
    if instance is not None and instance.redirect_stdouts:
        printed = Printed(logging.getLogger("genesis.printed"), mlevel(instance.redirect_stdouts_level))
        sys.stdout = sys.stderr = printed


def _note_failure(task_id: str = "", **_: Any) -> None:
    _task_lines.failed = task_id


def _tell_rest(**_: Any) -> None:
    """Write what a child has counted: it ends without what Python does at an exit."""
    tell_rest()


def _say(text: str, _: object = None) -> None:
    """Say that the worker ends: in place of Celery's own line, and like it from a signal's handler, where nothing may be locked."""
    form, descriptor = _form, sys.__stderr__
    if form is None or descriptor is None:
        return
    entry = Entry(time.time(), "INFO", logging.INFO, "celery.apps.worker", text.strip(), {}, os.getpid())
    with contextlib.suppress(OSError, ValueError):
        os.write(descriptor.fileno(), f"{form(entry)}\n".encode(errors="backslashreplace"))
