"""One entry of the log, as plain text and without secrets; whatever was logged, making it never fails."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from typing import TypeAlias

import msgspec

from genesis.logs.context import NAMES, raw_fields
from genesis.masking import mask, names_secret

LONGEST_MESSAGE, LONGEST_FIELD, LONGEST_TRACEBACK = 8_000, 500, 16_000  # characters
_REMARK = 50  # characters for what is said of those that are left out
_WINDOWS = 8  # times as much is looked at for secrets
_EXACT = 2**53  # above that a reader of JSON may round

Value: TypeAlias = str | int | float | bool | None

_OURS = frozenset(NAMES)
_tracebacks = logging.Formatter()


class Failure(msgspec.Struct, frozen=True):
    """The exception that a record carries."""

    type: str
    message: str
    traceback: str = ""


class Entry(msgspec.Struct, frozen=True):
    """A record as it is written.

    Attributes:
        time: seconds since 1970.
        level: its name.
        number: of the level.
        logger: whose.
        message: one text; it may have several lines.
        fields: what it is about.
        pid: of the process.
        process: name of a child process; empty in a program's own.
        thread: name of a thread; empty in the main thread.
        failure: the exception, if there is one.
        stack: where it was logged, if that was asked for.
        more: records like this one that were counted instead of written.
        span: seconds in which they came.
    """

    time: float
    level: str
    number: int
    logger: str
    message: str
    fields: Mapping[str, Value]
    pid: int
    process: str = ""
    thread: str = ""
    failure: Failure | None = None
    stack: str = ""
    more: int = 0
    span: float = 0.0


def entry_of(record: logging.LogRecord) -> Entry:
    """Return a record as an entry, with what is bound in this thread."""
    return Draft(record, rendered(record)).entry(_failure_of(record) if record.exc_info or record.exc_text else None)


class Draft:
    """What is needed of a record to make an entry of it later: cheap, and without its arguments, which may change or be large.

    Args:
        record: what was logged, in this thread and just now.
        message: what `rendered` returned for it.
    """

    __slots__ = ("_created", "_error", "_given", "_level", "_logger", "_message", "_number", "_pid", "_process", "_stack", "_thread")

    def __init__(self, record: logging.LogRecord, message: str) -> None:
        given = record.__dict__
        self._created, self._level, self._number, self._logger = record.created, record.levelname, record.levelno, record.name
        self._pid, self._process, self._thread = record.process, record.processName, record.threadName
        message = message.rstrip()
        self._message = message if len(message) <= LONGEST_MESSAGE else shown(message, LONGEST_MESSAGE)
        self._stack = record.stack_info
        # Given with the record itself (`extra=`): nearer than what is bound.
        extra = {name: given[name] for name in NAMES if name in given}
        self._given = {**raw_fields(), **extra} if extra else raw_fields()
        error = record.exc_info[1] if record.exc_info else None
        self._error = (type(error).__name__, shown(text_of(error), LONGEST_MESSAGE)) if error is not None else None

    def entry(self, failure: Failure | None = None, more: int = 0, span: float = 0.0) -> Entry:
        """Return the entry.

        Args:
            failure: the exception with its traceback; without one, that is left out.
            more: records like this one that were counted instead of written.
            span: seconds in which they came.
        """
        if failure is None and self._error is not None:
            failure = Failure(*self._error)
        return Entry(
            self._created,
            self._level,
            self._number,
            self._logger,
            shown(self._message, LONGEST_MESSAGE),
            {
                name: _value(value) if name in _OURS else _masked(name, value)
                for name, value in self._given.items()
                if value is not None and not (type(value) is str and not value)
            },
            self._pid or 0,
            self._process if self._process and self._process != "MainProcess" else "",
            self._thread if self._thread and self._thread != "MainThread" else "",
            failure,
            shown(text_of(self._stack), LONGEST_TRACEBACK) if self._stack else "",
            more,
            span,
        )


def rendered(record: logging.LogRecord) -> str:
    """Return the message with its arguments, or what can be said of it."""
    try:
        return record.getMessage()
    except Exception as error:  # noqa: BLE001 - arguments that do not fit, or objects that can't be printed
        return f"{text_of(record.msg)} (not all of it can be shown: {type(error).__name__})"


def text_of(value: object) -> str:
    """Return any object as text."""
    try:
        return str(value)
    except Exception as error:  # noqa: BLE001 - `__str__` is anybody's code
        return f"<{type(value).__name__} that can't be shown: {type(error).__name__}>"


def shown(text: str, longest: int) -> str:
    """Return a text without secrets, and without its middle if it is too long: what matters is at its beginning or its end."""
    left_out = len(text) - _WINDOWS * longest
    if left_out > 0:
        # What is cut here is so far from what is shown that half a secret can't get there.
        half = _WINDOWS * longest // 2
        text = text[:half] + text[-half:]
    text = mask(text)
    if len(text) <= longest:
        return text
    half = (longest - _REMARK) // 2
    return f"{text[:half]} ... ({len(text) - 2 * half + max(0, left_out)} characters) ... {text[-half:]}"


def _masked(name: str, value: object) -> Value:
    return "***" if names_secret(name) else _value(value)  # anybody may bind anything


def _value(value: object) -> Value:
    if value is None or type(value) is bool:
        return value
    if type(value) is int and abs(value) <= _EXACT:
        return value
    if type(value) is float and math.isfinite(value):
        return value
    return shown(text_of(value), LONGEST_FIELD)


def _failure_of(record: logging.LogRecord) -> Failure:
    error = record.exc_info[1] if record.exc_info else None
    kind = type(error).__name__ if error is not None else ""
    text = record.exc_text or ""
    if not text and record.exc_info:
        try:
            text = _tracebacks.formatException(record.exc_info)
        except Exception as trouble:  # noqa: BLE001 - it prints objects, which are anybody's code
            text = f"{kind} (its traceback can't be shown: {type(trouble).__name__})"
    message = shown(text_of(error), LONGEST_MESSAGE) if error is not None else ""
    return Failure(kind, message, shown(text, LONGEST_TRACEBACK))
