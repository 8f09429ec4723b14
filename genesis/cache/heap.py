"""Keeps freed memory for the next frame, instead of giving it back to the system and asking for it again.

The C library gives memory above a threshold back as soon as it is free, and each page of the next frame's is then made anew by the
kernel: a third of the time of a put and a get. It is the process's own memory that is kept: what the largest frame needs once
per thread that handles frames, `KEPT` at most.
"""

from __future__ import annotations

import functools
import os

KEPT = 64 * 1024 * 1024
"""Bytes that may lie free in a heap before some are given back."""
LARGEST = 32 * 1024 * 1024
"""Bytes up to which a block comes from the heap: the most that glibc permits, and more than a frame of 3840x2160 has."""

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # glibc's numbers, from malloc.h
_CHOSEN = ("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_")


@functools.cache
def keep_freed_memory() -> bool:
    """Tell the C library, once in a process; return whether it was told.

    It is left alone where it is not glibc, and where the operator has chosen thresholds in the environment.
    """
    if any(name in os.environ for name in _CHOSEN) or "glibc.malloc" in os.environ.get("GLIBC_TUNABLES", ""):
        return False
    import ctypes  # noqa: PLC0415 - not where frames are only counted and deleted

    try:
        mallopt = ctypes.CDLL(None).mallopt
        ctypes.CDLL(None).gnu_get_libc_version  # noqa: B018 - others have a mallopt with other numbers
    except (AttributeError, OSError, TypeError):
        return False
    return bool(mallopt(_TRIM_THRESHOLD, KEPT)) and bool(mallopt(_MMAP_THRESHOLD, LARGEST))
