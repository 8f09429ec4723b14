"""How every Genesis program logs: one tidy line on stderr, with credentials masked.

A line: `20:15:07 WARNING live: camera 'door': lost: no frame for 10 s from rtsp://***@10.0.0.7/1`
"""

from __future__ import annotations

import logging
import sys
from types import TracebackType
from typing import TYPE_CHECKING, Any, TextIO, TypeAlias

from genesis.masking import MaskingFilter, mask

LINE = "%(asctime)s %(levelname)s %(short)s: %(message)s"
CLOCK = "%H:%M:%S"
OURS = ("genesis", "tasks")

_ExcInfo: TypeAlias = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]

if TYPE_CHECKING:
    _StreamHandler = logging.StreamHandler[TextIO]
else:
    _StreamHandler = logging.StreamHandler  # Python 3.10's can't be subscripted when it runs


class TidyFormatter(logging.Formatter):
    """Time, level, the last part of the logger's name, message; a traceback is masked like the message."""

    def __init__(self) -> None:
        super().__init__(LINE, CLOCK)

    def format(self, record: logging.LogRecord) -> str:
        """Return the finished line (or lines, with a traceback)."""
        record.short = record.name.rpartition(".")[2]
        return super().format(record)

    def formatException(self, ei: _ExcInfo) -> str:  # noqa: N802 - logging's name
        """Return the traceback with credentials masked."""
        return mask(super().formatException(ei))


class StderrHandler(_StreamHandler):
    """Writes to what `sys.stderr` is at that moment, so that a redirected stderr is followed."""

    def __init__(self) -> None:
        super().__init__(sys.stderr)
        self.setFormatter(TidyFormatter())
        self.addFilter(MaskingFilter())

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record."""
        self.stream = sys.stderr
        super().emit(record)


def configure(level: str | int = "INFO", *, quiet: bool = False) -> None:
    """Send the log of this process to stderr; calling it again only changes the level.

    Args:
        level: least severity of our own messages; libraries are heard from INFO on at most.
        quiet: nothing below WARNING.
    """
    least = _number(level)
    if quiet:
        least = max(least, logging.WARNING)
    root = logging.getLogger()
    if not any(isinstance(handler, StderrHandler) for handler in root.handlers):
        root.addHandler(StderrHandler())
    root.setLevel(max(least, logging.INFO))
    for name in OURS:
        logging.getLogger(name).setLevel(least)


def _number(level: str | int) -> int:
    value: Any = logging.getLevelName(level) if isinstance(level, str) else level
    if not isinstance(value, int):
        msg = f"log level {level!r}: expected DEBUG, INFO, WARNING or ERROR"
        raise ValueError(msg)  # noqa: TRY004 - the text is wrong, not its type
    return value
