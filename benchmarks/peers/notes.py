"""What a handler does in all contestants alike: note the time at its event's place in a file that is mapped into memory.

That takes a microsecond, needs no server, survives `kill -9`, and whoever has the same file mapped sees it at once.
"""

from __future__ import annotations

import mmap
import os
import struct
import time
from pathlib import Path

NOTES, WORK = "BENCHMARK_NOTES", "BENCHMARK_WORK"
URL, BROKER, WORKER = "BENCHMARK_REDIS", "BENCHMARK_BROKER", "BENCHMARK_WORKER"
BATCH, LINGER = "BENCHMARK_BATCH", "BENCHMARK_LINGER"
QUEUE = "benchmark"

PLACE = struct.Struct("<ddII")
"""Of one event: when it was published and when its handler began (monotonic seconds, the same clock in all processes of a
machine; of the first run), how often it began, how often it ended."""


def make(path: Path, events: int) -> None:
    """Make the file for so many events."""
    path.write_bytes(bytes(PLACE.size * events))


def opened(path: str | Path) -> mmap.mmap:
    """Map a file of notes."""
    with Path(path).open("r+b") as file:
        return mmap.mmap(file.fileno(), 0)


_work = float(os.environ.get(WORK, "0"))
_notes = opened(os.environ[NOTES]) if NOTES in os.environ else None


def handle(number: int, sent: float) -> None:
    """Be the handler of an event: nothing, or so much work.

    Args:
        number: of the event.
        sent: when it was published, in monotonic seconds.
    """
    now = time.monotonic()
    assert _notes is not None
    place = number * PLACE.size
    _, first, begun, ended = PLACE.unpack_from(_notes, place)
    if not _work:
        PLACE.pack_into(_notes, place, sent, first or now, begun + 1, ended + 1)
        return
    PLACE.pack_into(_notes, place, sent, first or now, begun + 1, ended)
    time.sleep(_work)  # also where handlers are coroutines: it stands for a detector, which awaits nothing
    _, _, begun, ended = PLACE.unpack_from(_notes, place)
    PLACE.pack_into(_notes, place, sent, first or now, begun, ended + 1)
