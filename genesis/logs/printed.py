"""What is printed, as lines of the log: takes the place of `sys.stdout` and `sys.stderr` in programs whose output is their log."""

from __future__ import annotations

import io
import logging
import threading
from collections.abc import Iterable

from genesis.logs.repeats import EACH

LONGEST = 8_000  # characters that are kept while the line does not end


class Printed(io.TextIOBase):
    """A text stream that logs each line when it ends; threads do not get into each other's lines.

    Args:
        logger: whose lines they become.
        level: of the lines.
    """

    def __init__(self, logger: logging.Logger, level: int) -> None:
        super().__init__()
        self._logger = logger
        self._level = level
        self._mine = threading.local()

    def write(self, text: str) -> int:
        """Take a text; what ends with it is logged."""
        if getattr(self._mine, "logging", False):
            return len(text)  # what writes the log prints
        *whole, rest = (getattr(self._mine, "begun", "") + text).split("\n")
        if len(rest) > LONGEST:
            whole, rest = [*whole, rest], ""
        self._mine.begun = rest
        self._mine.logging = True
        try:
            for line in whole:
                if line.strip():
                    self._logger.log(self._level, "%s", line.rstrip(), extra=EACH)
        finally:
            self._mine.logging = False
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:  # type: ignore[override] # bytes are no text
        """Take some texts."""
        for line in lines:
            self.write(line)

    def writable(self) -> bool:
        """Return True."""
        return True

    def isatty(self) -> bool:
        """Return False: nobody draws here."""
        return False
