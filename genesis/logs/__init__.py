"""How every Genesis program logs: to stderr, for people or for machines, with what each line is about and without secrets.

A line: `20:15:07 WARNING live: camera 'door': lost: no frame for 10 s from rtsp://***@10.0.0.7/1`

Whatever is logged inside `with bound(camera=..., event=...)` has these fields, be it by a library. docs/logs.md tells the rest.
"""

from __future__ import annotations

import logging
import sys
import threading
from types import TracebackType
from typing import TYPE_CHECKING, Any, TextIO

from genesis.logs.context import bind, bound, fields, raw_fields
from genesis.logs.handler import Format, LogHandler, StderrHandler, tell_rest
from genesis.logs.repeats import EACH, Repeats
from genesis.masking import mask

if TYPE_CHECKING:
    from genesis.settings import Settings

__all__ = ["EACH", "OURS", "StderrHandler", "bind", "bound", "complain", "configure", "configure_from", "fields", "raw_fields", "tell_rest"]

OURS = ("genesis", "tasks")


def configure(
    level: str | int = "INFO",
    *,
    quiet: bool = False,
    form: Format | None = None,
    role: str | None = None,
    repeat_seconds: float | None = None,
    handler: LogHandler | None = None,
) -> LogHandler:
    """Send the log of this process to stderr; calling it again only changes what is given.

    Args:
        level: least severity of our own messages; libraries are heard from INFO on at most.
        quiet: nothing below WARNING.
        form: line or json.
        role: of this program, for json.
        repeat_seconds: in which the same warning is counted instead of written; 0: never.
        handler: takes the place of the one that writes to stderr.

    Returns:
        The handler that writes.
    """
    least = _number(level)
    if quiet:
        least = max(least, logging.WARNING)
    root = logging.getLogger()
    there = next((one for one in root.handlers if isinstance(one, LogHandler)), None)
    if there is not None and handler is not None and there is not handler:
        root.removeHandler(there)
        there.close()
        there = None
    if there is None:
        there = handler or StderrHandler()
        root.addHandler(there)
    there.shape(form, role, repeats=None if repeat_seconds is None else Repeats(repeat_seconds))
    root.setLevel(max(least, logging.INFO))
    for name in OURS:
        logging.getLogger(name).setLevel(least)
    return there


def configure_from(settings: Settings, *, role: str, quiet: bool = False) -> None:
    """Log as the settings say, and log what would otherwise be printed: warnings of Python, and errors that nobody caught.

    Args:
        settings: of this installation.
        role: of this program: capture, bridge, exporter, ...
        quiet: nothing below WARNING.
    """
    log = settings.log
    configure(log.level, quiet=quiet, form=log.format, role=role, repeat_seconds=log.repeat_seconds)
    logging.captureWarnings(capture=True)
    # Not in the place of somebody else's.
    if sys.excepthook is sys.__excepthook__:
        sys.excepthook = _ended
    if threading.excepthook is threading.__excepthook__:
        threading.excepthook = _thread_ended


def complain(error: Exception, to: TextIO | None = None) -> None:
    """Say why this program ends: `genesis: ...` for people, or an entry like any other where machines read.

    Args:
        error: its message is one line.
        to: where people read it; None: stderr.
    """
    handler = next((one for one in logging.getLogger().handlers if isinstance(one, LogHandler)), None)
    if handler is not None and handler.form == "json":
        logging.getLogger("genesis").error("%s", error, extra=EACH)
    else:
        print(f"genesis: {mask(str(error))}", file=to or sys.stderr, flush=True)


def _ended(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, traceback)
        return
    logging.getLogger("genesis").critical("ended by an error that nobody expected", exc_info=(kind, error, traceback))


def _thread_ended(told: threading.ExceptHookArgs) -> None:
    if told.exc_value is not None and not issubclass(told.exc_type, SystemExit):
        name = told.thread.name if told.thread is not None else "a thread"
        logging.getLogger("genesis").error(
            "thread %s ended by an error that nobody expected", name, exc_info=(told.exc_type, told.exc_value, told.exc_traceback)
        )


def _number(level: str | int) -> int:
    value: Any = logging.getLevelName(level) if isinstance(level, str) else level
    if not isinstance(value, int):
        msg = f"log level {level!r}: expected DEBUG, INFO, WARNING or ERROR"
        raise ValueError(msg)  # noqa: TRY004 - the text is wrong, not its type
    return value
