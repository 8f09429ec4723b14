"""Looks that are waited for no longer than one cares to: a server that accepts a connection and then says nothing holds nobody up.

Each is made in a thread of its own. One that is still under way when the next is due is not begun a second time, so threads never pile up;
being daemons, they do not hold up the end of the program either.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from genesis.errors import GenesisError

Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class Answer(Generic[Found]):
    """What a look has found; None with an `error` where it found nothing because of that."""

    value: Found | None
    error: str = ""


class Look(Generic[Found]):
    """Something to look at again and again, for any number of threads.

    Args:
        what: is looked at.
        ask: looks; raises a GenesisError where it can't be done now.
        seconds: how long the answer is waited for.
    """

    def __init__(self, what: str, ask: Callable[[], Found], seconds: float) -> None:
        self._what = what
        self._ask = ask
        self._seconds = seconds
        self._lock = threading.Lock()
        self._under_way: _Asked[Found] | None = None

    def begin(self) -> Callable[[], Answer[Found]]:
        """Begin to look, unless a look is under way; return a function that waits for the answer.

        What `ask` raises beside a GenesisError is raised by that function.
        """
        with self._lock:
            if self._under_way is None or self._under_way.done.is_set():
                self._under_way = _Asked(self._ask, self._what)
            asked = self._under_way
        until = time.monotonic() + self._seconds
        return lambda: self._waited_for(asked, until)

    def _waited_for(self, asked: _Asked[Found], until: float) -> Answer[Found]:
        if asked.done.wait(max(0.0, until - time.monotonic())):
            return asked.answer()
        return Answer(None, f"{self._what}: no answer within {self._seconds:g} s")


class _Asked(Generic[Found]):
    """One look, in its thread."""

    def __init__(self, ask: Callable[[], Found], what: str) -> None:
        self.done = threading.Event()
        self._ask = ask
        self._found: Found | None = None
        self._error: BaseException | None = None
        threading.Thread(target=self._run, name=f"look at {what}", daemon=True).start()

    def answer(self) -> Answer[Found]:
        """Return what was found; only when it is done."""
        if self._error is None:
            return Answer(self._found)
        if isinstance(self._error, GenesisError):
            return Answer(None, str(self._error))
        raise self._error

    def _run(self) -> None:
        try:
            self._found = self._ask()
        except BaseException as error:  # noqa: BLE001 - told to the one who waits
            self._error = error
        finally:
            self.done.set()
