"""What one of the bridges does now and then for other rooms: only while it is the janitor, and never in the janitor's way."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from genesis.errors import GenesisError

logger = logging.getLogger(__name__)

LOOK_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Chore:
    """One thing to do.

    Attributes:
        name: in the log.
        seconds: between two times.
        action: does it.
    """

    name: str
    seconds: float
    action: Callable[[], object]


class Chores:
    """Does what is due, one after the other.

    Args:
        chores: what there is to do.
        elected: tells whether it is ours to do.
        stopped: set when the process is asked to end.
    """

    def __init__(self, chores: Sequence[Chore], elected: Callable[[], bool], stopped: threading.Event) -> None:
        self._chores = chores
        self._elected = elected
        self._stopped = stopped
        self._due: dict[str, float] = {}
        self._failing: set[str] = set()

    def run(self) -> None:
        """Do what is due until `stopped`."""
        while not self._stopped.wait(LOOK_SECONDS):
            if self._elected():
                self.turn(time.monotonic())

    def turn(self, now: float) -> None:
        """Do what is due; of what fails only the first time is told, and it is tried again when it is due again.

        Args:
            now: monotonic seconds.
        """
        for chore in self._chores:
            if now < self._due.get(chore.name, now):
                continue
            self._due[chore.name] = now + chore.seconds
            try:
                chore.action()
            except GenesisError as error:
                if chore.name not in self._failing:
                    logger.warning("%s is not possible now, and tried again every %g s: %s", chore.name, chore.seconds, error)
                self._failing.add(chore.name)
            except Exception:
                logger.exception("%s failed, and is tried again in %g s", chore.name, chore.seconds)
                self._failing.add(chore.name)
            else:
                if chore.name in self._failing:
                    logger.info("%s is possible again", chore.name)
                self._failing.discard(chore.name)
