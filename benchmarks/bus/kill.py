"""Who loses work when a worker is killed: tried, with its default settings, not quoted."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from benchmarks.bus.contestants import Contestant
from benchmarks.bus.measure import FailedError, Stage

EVENTS = 1000
WORK = 0.005  # seconds that a handler takes
KILLED_AT = 0.3  # share of the events that were handled by then
_START = 60.0  # seconds that a worker may take to come that far
_POLL = 0.002  # seconds
_QUIET = 1.0  # seconds without an event: who was merely slow is not told from who stood still by less
_AT_ONCE = 6  # contestants that are tried side by side: they mostly wait


@dataclass(frozen=True)
class Loss:
    """What a kill did.

    Attributes:
        missing: events that were never handled to their end, in the time that was waited.
        twice: events that were handled to their end more than once.
        seconds: from the worker's new start until the last event was handled; NaN while some are missing.
    """

    missing: int
    twice: int
    seconds: float


def kill_one(contestant: Contestant, workers: int, patience: float, events: int = EVENTS) -> Loss:
    """Kill a contestant's worker with all its children in the middle of its work, start it again, and see what becomes of the events.

    Args:
        contestant: who.
        workers: how many it has, or children.
        patience: seconds after the new start.
        events: how many there are.

    Raises:
        FailedError: it did not come so far.
    """
    with Stage(contestant, events, work=WORK) as stage:
        stage.publish_all(events)
        stage.start(workers)
        deadline = time.monotonic() + _START
        while stage.ended() < events * KILLED_AT:
            if time.monotonic() > deadline:
                msg = f"{contestant.name}: {stage.ended()} of {events} events were handled before it was to be killed"
                raise FailedError(msg)
            time.sleep(_POLL)
        stage.kill_workers()
        stage.start(workers)
        again = time.monotonic()
        while stage.ended() < events and time.monotonic() < again + patience:
            time.sleep(_POLL)
        took = time.monotonic() - again
        time.sleep(_QUIET)
        ended = stage.places["ended"]
        missing = int(np.count_nonzero(ended == 0))
        return Loss(missing, int(np.count_nonzero(ended > 1)), float("nan") if missing else took)


def kill(contestants: Sequence[tuple[Contestant, int]], patience: float) -> list[Loss | None]:
    """Kill them all, some side by side; None for one that failed."""

    def tried(asked: tuple[Contestant, int]) -> Loss | None:
        try:
            return kill_one(*asked, patience)
        except FailedError as error:
            print(error)
            return None

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return list(pool.map(tried, contestants))
