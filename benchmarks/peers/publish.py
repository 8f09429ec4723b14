"""`python -m benchmarks.peers.publish MODULE FIRST COUNT RATE ...`: publish numbered events, the same for all contestants.

Each FIRST COUNT RATE is a phase: so many events from that number on, so many per second, or as fast as it goes (0). The pace does
not wait for anybody (an open loop).
"""

from __future__ import annotations

import importlib
import sys
import time
from typing import Any

PAGE = 100  # events that are handed over at once, where it goes as fast as it can
PAUSE = 0.5  # seconds between two phases


def publish(publisher: Any, first: int, count: int, rate: float) -> None:
    """Publish one phase."""
    if not rate:
        for start in range(first, first + count, PAGE):
            publisher.send(range(start, min(start + PAGE, first + count)), time.monotonic())
        return
    begin = time.monotonic()
    for index in range(count):
        while (wait := begin + index / rate - time.monotonic()) > 0:
            time.sleep(wait)
        publisher.send((first + index,), time.monotonic())


def main(module: str, *phases: str) -> None:
    """Publish all phases."""
    publisher = importlib.import_module(f"benchmarks.peers.{module}").Publisher()
    for start in range(0, len(phases), 3):
        if start:
            time.sleep(PAUSE)
        publish(publisher, int(phases[start]), int(phases[start + 1]), float(phases[start + 2]))
    publisher.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
