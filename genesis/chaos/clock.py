"""A clock that jumps: this process's wall clock, moved by a number that lies in a file.

Nothing else of the process notices: time that only passes (`time.monotonic`, timeouts, sleeping) is left
alone, as it is when a machine's clock is set. It is patched inside the process, since the library that
does so from outside (libfaketime) breaks Python's `time.sleep`.
"""

from __future__ import annotations

import gc
import mmap
import os
import struct
import time
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any

VARIABLE = "CHAOS_CLOCK"
_SECONDS = struct.Struct("d")


def set_clock(file: Path, seconds: float) -> None:
    """Move the clock of the processes that look at a file; 0 puts it right."""
    with file.open("r+b") as opened:
        opened.write(_SECONDS.pack(seconds))


def make_clock(file: Path) -> None:
    """Make such a file, with a clock that is right."""
    file.write_bytes(_SECONDS.pack(0.0))


def install() -> None:
    """Let this process's clock follow the file that the environment names, if it names one."""
    named = os.environ.get(VARIABLE)
    if not named:
        return
    with Path(named).open("r+b") as opened:
        shared = mmap.mmap(opened.fileno(), _SECONDS.size)  # forked children look at the same page
    true_time, true_ns, true_now = time.time, time.time_ns, datetime.now

    def offset() -> float:
        (seconds,) = _SECONDS.unpack_from(shared)
        return float(seconds)

    def moved_time() -> float:
        return true_time() + offset()

    def moved_ns() -> int:
        return true_ns() + int(offset() * 1e9)

    def moved_now(cls: type[datetime], tz: tzinfo | None = None) -> datetime:
        del cls
        return true_now(tz) + timedelta(seconds=offset())

    time.time, time.time_ns = moved_time, moved_ns
    # A class written in C has no attributes that can be set; its dictionary can be had all the same. A subclass in its
    # place would be no datetime for those who ask for exactly that.
    (attributes,) = (found for found in gc.get_referents(datetime.__dict__) if isinstance(found, dict))
    attributes["now"] = classmethod(moved_now)
    _forget_cached_attributes(datetime)


def _forget_cached_attributes(cls: type[Any]) -> None:
    import ctypes  # noqa: PLC0415 - only where a clock is moved

    ctypes.pythonapi.PyType_Modified(ctypes.py_object(cls))
