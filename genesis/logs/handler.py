"""Where the log of this process goes: one handler that attaches what is bound, counts repeats, masks secrets, and writes either form."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import weakref
from collections.abc import Callable, Iterator
from functools import partial
from logging.handlers import WatchedFileHandler
from typing import IO, Literal, TypeAlias

from genesis.logs.entry import Entry
from genesis.logs.forms import Form, as_json, line
from genesis.logs.repeats import Repeats

Format: TypeAlias = Literal["line", "json"]


class LogHandler(logging.Handler):
    """Writes entries.

    Attributes:
        repeats: what was said lately.
        form: line or json.

    Args:
        target: returns where they go at that moment; None: nowhere.
    """

    def __init__(self, target: Callable[[], IO[str] | None]) -> None:
        super().__init__()
        self.repeats = Repeats(0)
        self._target = target
        self.form: Format = "line"
        self._form: Form | None = None  # None: looked up when it is known whether it is a terminal
        self._program = self._node = ""
        _handlers.add(self)

    def shape(
        self, form: Format | None = None, program: str | None = None, node: str | None = None, repeats: Repeats | None = None
    ) -> None:
        """Change how it writes; None leaves that as it is.

        Args:
            form: line or json.
            program: whose log it is.
            node: name of the worker.
            repeats: what is not to be written again.
        """
        with self._locked():
            if repeats is not None:
                self._write_all(self.repeats.rest())
                self.repeats = repeats
            self.form, self._form = form or self.form, None
            self._program = self._program if program is None else program
            self._node = self._node if node is None else node

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record, or count it, and write what is due."""
        try:
            self._write_all(self.repeats.told(record))
        except Exception:  # noqa: BLE001 - a line of the log must never end what it tells of
            self.handleError(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """Say that a line is missing; what was logged is not shown, since it was not masked."""
        with contextlib.suppress(Exception):
            error = sys.exc_info()[1]
            text = f"a line of {record.name} could not be written: {type(error).__name__}"
            self._write_all([Entry(record.created, "ERROR", logging.ERROR, __name__, text, {}, os.getpid())])

    def tell_rest(self) -> None:
        """Write what was counted so far: a process that is about to end has no next line."""
        with self._locked():
            self._write_all(self.repeats.rest())

    def close(self) -> None:
        """Write what was counted, and end."""
        with contextlib.suppress(Exception):
            self.tell_rest()
        super().close()

    def _write_all(self, entries: list[Entry]) -> None:
        if not entries:
            return
        target = self._target()
        if target is None:
            return
        form = self._form or self._choose(target)
        for entry in entries:
            text = form(entry) + "\n"
            try:
                target.write(text)
            except UnicodeEncodeError:
                target.write(text.encode("ascii", "backslashreplace").decode())
            except (OSError, ValueError):
                return  # whoever read it is gone, and there is nobody else to tell
        with contextlib.suppress(OSError, ValueError):
            target.flush()

    def _choose(self, target: IO[str]) -> Form:
        if self.form == "json":
            self._form = partial(as_json, program=self._program, node=self._node)
            return self._form
        return partial(line, dim=_shows_colours(target))  # a redirected stderr may be a terminal, or not, the next time

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        self.acquire()
        try:
            yield
        finally:
            self.release()


class StderrHandler(LogHandler):
    """Writes to what `sys.stderr` is at that moment, so that a redirected stderr is followed."""

    def __init__(self) -> None:
        super().__init__(lambda: sys.stderr)


class LogFile:
    """A file that may be moved away and begun anew while it is written (logrotate).

    Args:
        path: of the file.
    """

    def __init__(self, path: str) -> None:
        self._file = WatchedFileHandler(path, encoding="utf-8", errors="backslashreplace")

    def __call__(self) -> IO[str] | None:
        """Return the file that has the name now."""
        self._file.reopenIfNeeded()
        return self._file.stream


_handlers: weakref.WeakSet[LogHandler] = weakref.WeakSet()


def tell_rest() -> None:
    """Write what this process has counted instead of writing it: before an end that does not go through `atexit`."""
    for handler in list(_handlers):
        handler.tell_rest()


def _forget() -> None:
    for handler in list(_handlers):
        handler.repeats.forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)


def _shows_colours(target: IO[str]) -> bool:
    if os.environ.get("NO_COLOR"):
        return False
    try:
        return target.isatty()
    except (AttributeError, OSError, ValueError):
        return False
