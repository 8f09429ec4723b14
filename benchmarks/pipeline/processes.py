"""What processes cost: CPU seconds and memory, of a program and all that it has started, as Linux counts them."""

from __future__ import annotations

import os
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_STATE, _PARENT, _USER, _SYSTEM = 0, 1, 11, 12  # in /proc/PID/stat, counted from behind the name
_KIB = 1024


@dataclass(frozen=True)
class Memory:
    """Memory of one process, in bytes.

    Attributes:
        resident: all its pages that are in memory.
        own: the same, a page that several processes share counted in shares (PSS).
    """

    resident: int
    own: int


def cpu_seconds(*roots: int) -> float:
    """Return user and system time of these processes and of all below them; one that has ended counts until it is waited for."""
    below = _children()
    seconds, todo = 0.0, list(roots)
    while todo:
        pid = todo.pop()
        todo += below.get(pid, ())
        if (fields := _stat(pid)) is not None:
            seconds += (int(fields[_USER]) + int(fields[_SYSTEM])) / _TICKS
    return seconds


def children_of(pid: int) -> list[int]:
    """Return the processes that this one has started, oldest first."""
    return sorted(_children().get(pid, ()))


def has_ended(pid: int) -> bool:
    """Tell whether a process of ours has ended, without waiting for it."""
    fields = _stat(pid)
    return fields is None or fields[_STATE] == "Z"


def memory_of(pid: int) -> Memory | None:
    """Return the memory of one process; None if it is gone."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    sizes = {name: int(rest.split()[0]) * _KIB for name, _, rest in (line.partition(":") for line in lines) if rest.endswith("kB")}
    return Memory(sizes.get("Rss", 0), sizes.get("Pss", 0))


def _children() -> dict[int, list[int]]:
    found: defaultdict[int, list[int]] = defaultdict(list)
    for folder in Path("/proc").glob("[0-9]*"):
        if (fields := _stat(int(folder.name))) is not None:
            found[int(fields[_PARENT])].append(int(folder.name))
    return found


def _stat(pid: int) -> list[str] | None:
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    return text.rpartition(")")[2].split()
