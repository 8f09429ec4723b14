"""The children of a prefork worker: which of them go on, how large they are, and where they count.

Each child beats, from a thread of its own, in memory that it shares with the main process: one that was stopped, or holds Python's lock
for good, is seen there. A child that is gone is the pool's business, and soon replaced.
"""

from __future__ import annotations

import contextlib
import fcntl
import mmap
import os
import resource
import shutil
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO

FOLDER = Path("run", "metrics")  # below the data folder
BEAT_SECONDS = 2.0
LIMIT_SECONDS = 8.0  # without a beat: three were missed
MOST_WORKERS = 1000  # with one data folder, on one machine
MOST_CHILDREN = 4096  # of a worker; memory that no child uses is not taken
_FIELDS = 2  # of a place: the child's pid, and when it last beat


class Beats:
    """The beats of a worker's children; made before they are forked.

    Args:
        clock: monotonic seconds, the same for all processes of the machine.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._shared = memoryview(mmap.mmap(-1, MOST_CHILDREN * _FIELDS * 8)).cast("d")
        self._clock = clock
        self._known: dict[int, float] = {}
        self._lock = threading.Lock()

    def beat(self, place: int) -> None:
        """Tell that this process, the child at a place, goes on."""
        pid, beat = place * _FIELDS, place * _FIELDS + 1
        self._shared[beat] = self._clock()
        self._shared[pid] = os.getpid()

    def begin(self, place: int) -> None:
        """Beat for this process, the child at a place, as long as it lives."""
        if place >= MOST_CHILDREN:
            return

        def go_on() -> None:
            while True:
                self.beat(place)
                time.sleep(BEAT_SECONDS)

        self.beat(place)
        threading.Thread(target=go_on, name="beats", daemon=True).start()

    def ailing(self, children: Mapping[int, int]) -> list[str]:
        """Return which children have not beaten for `LIMIT_SECONDS`.

        Args:
            children: the pid of each child by its place in the pool.
        """
        now = self._clock()
        with self._lock:
            # A child that has not beaten yet is given its time, too.
            self._known = {pid: self._known.get(pid, now) for pid in children.values()}
            last = {place: self._last(place, pid) or self._known[pid] for place, pid in children.items() if place < MOST_CHILDREN}
        return [f"child {place} (pid {children[place]})" for place, beat in sorted(last.items()) if now - beat > LIMIT_SECONDS]

    def _last(self, place: int, pid: int) -> float:
        at = place * _FIELDS
        return self._shared[at + 1] if self._shared[at] == pid else 0.0


def resident_bytes(pid: int) -> int | None:
    """Return the memory that a process has in use; None where that can't be told, or the process is gone."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        return int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]) * resource.getpagesize()
    return None


def take_folder(data_dir: Path) -> tuple[Path, IO[str]]:
    """Return an empty folder for the files in which a worker's children count; it is ours until the returned file is closed or we die.

    Raises:
        OSError: it can't be made.
    """
    parent = data_dir / FOLDER
    parent.mkdir(parents=True, exist_ok=True)
    for number in range(1, MOST_WORKERS + 1):
        slot = os.fdopen(os.open(parent / f"worker-{number}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600), "w")
        try:
            fcntl.flock(slot, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            slot.close()
            continue
        folder = parent / f"worker-{number}"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(exist_ok=True)
        return folder, slot
    msg = f"{MOST_WORKERS} workers count in {parent} already"
    raise OSError(msg)
