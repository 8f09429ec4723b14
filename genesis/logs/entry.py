"""One entry of the log, as plain text and without secrets; whatever was logged, making it never fails."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from typing import TypeAlias

import msgspec

from genesis.logs.context import NAMES, fields
from genesis.masking import mask

LONGEST_MESSAGE, LONGEST_FIELD, LONGEST_TRACEBACK = 8_000, 500, 16_000  # characters
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


def entry_of(record: logging.LogRecord, message: str | None = None, *, traceback: bool = True) -> Entry:
    """Return a record as an entry, with what is bound in this thread.

    Args:
        record: what was logged.
        message: what `rendered` returned for it.
        traceback: whether an exception's traceback is wanted.
    """
    text = rendered(record) if message is None else message
    return Entry(
        record.created,
        record.levelname,
        record.levelno,
        record.name,
        shortened(mask(text), LONGEST_MESSAGE),
        _fields_of(record),
        record.process or 0,
        record.processName if record.processName not in {None, "MainProcess"} else "",
        record.threadName if record.threadName not in {None, "MainThread"} else "",
        _failure_of(record, traceback=traceback) if record.exc_info or record.exc_text else None,
        shortened(mask(text_of(record.stack_info)), LONGEST_TRACEBACK) if record.stack_info else "",
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


def shortened(text: str, longest: int) -> str:
    """Return a text without its middle, if it is too long: what matters is at its beginning or its end."""
    if len(text) <= longest:
        return text
    half = longest // 2
    return f"{text[:half]} ... ({len(text) - 2 * half} characters) ... {text[-half:]}"


def _fields_of(record: logging.LogRecord) -> dict[str, Value]:
    found: dict[str, Value] = {name: _value(value) if name in _OURS else _masked(name, value) for name, value in fields().items()}
    # Given with the record itself (`extra=`): nearer than what is bound.
    given = record.__dict__
    for name in NAMES:
        if name in given:
            found[name] = _value(given[name])
    return found


def _masked(name: str, value: object) -> Value:
    # Anybody may bind anything: a secret is known by its name as well.
    pair = f"{name}=x"
    return _value(value) if mask(pair) == pair else "***"


def _value(value: object) -> Value:
    if value is None or type(value) is bool:
        return value
    if type(value) is int and abs(value) <= _EXACT:
        return value
    if type(value) is float and math.isfinite(value):
        return value
    return shortened(mask(text_of(value)), LONGEST_FIELD)


def _failure_of(record: logging.LogRecord, *, traceback: bool) -> Failure:
    error = record.exc_info[1] if record.exc_info else None
    kind = type(error).__name__ if error is not None else ""
    text = record.exc_text or ""
    if traceback and not text and record.exc_info:
        try:
            text = _tracebacks.formatException(record.exc_info)
        except Exception as trouble:  # noqa: BLE001 - it prints objects, which are anybody's code
            text = f"{kind} (its traceback can't be shown: {type(trouble).__name__})"
    message = shortened(mask(text_of(error)), LONGEST_MESSAGE) if error is not None else ""
    return Failure(kind, message, shortened(mask(text), LONGEST_TRACEBACK) if traceback else "")
