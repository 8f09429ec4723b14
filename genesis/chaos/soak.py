"""A long quiet run: memory and keys must stay where they are."""

from __future__ import annotations

import contextlib
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import redis

from genesis.chaos.processes import children
from genesis.chaos.site import BRIDGES, SERVERS, WORKERS, Site, Wishes

SAMPLE_SECONDS = 5.0
WARM_SHARE = 0.25
"""Share of a run at its beginning that is not judged: caches fill, allocators take what they need."""
MEMORY_SHARE, MEMORY_MB = 0.03, 2.0
"""What the last quarter may be above the first judged one: an allocator's breathing, not growth."""
KEYS = 50
_MB = 1e6


class Series(msgspec.Struct, frozen=True):
    """One figure over time.

    Attributes:
        name: of the process or server, and of the figure.
        unit: MB or keys.
        times: seconds since the beginning.
        values: at these times.
    """

    name: str
    unit: str
    times: list[float]
    values: list[float]

    @property
    def judged(self) -> list[tuple[float, float]]:
        """Times and values without the beginning."""
        warm = self.times[-1] * WARM_SHARE if self.times else 0.0
        return [(at, value) for at, value in zip(self.times, self.values, strict=True) if at >= warm]

    @property
    def slope(self) -> float:
        """Growth per hour, by least squares over what is judged."""
        points = self.judged
        if len(points) < 2:  # noqa: PLR2004
            return 0.0
        times, values = zip(*points, strict=True)
        return statistics.linear_regression(times, values).slope * 3600

    @property
    def flat(self) -> bool:
        """Whether the last third of what is judged is not above the first third by more than noise."""
        values = [value for _, value in self.judged]
        third = max(1, len(values) // 3)
        first, last = statistics.median(values[:third]), statistics.median(values[-third:])
        allowed = max(first * MEMORY_SHARE, MEMORY_MB) if self.unit == "MB" else KEYS
        return last - first <= allowed


def soak(seconds: float, wishes: Wishes, folder: Path, say: Callable[[str], None]) -> list[Series]:
    """Publish at a steady rate and measure.

    Args:
        seconds: how long.
        wishes: how the system is set up.
        folder: for its files; empty.
        say: tells a person how far it is.

    Raises:
        GenesisError: the system could not be started.
    """
    found: dict[tuple[str, str], Series] = {}
    site = Site(folder, wishes)
    try:
        site.start()
        site.start_publisher()
        begun = time.monotonic()
        said = begun
        while (now := time.monotonic()) < begun + seconds:
            for name, unit, value in _figures(site):
                series = found.setdefault((name, unit), Series(name, unit, [], []))
                series.times.append(round(now - begun, 1))
                series.values.append(round(value, 2))
            if now - said >= seconds / 10:
                said = now
                memory = sum(series.values[-1] for series in found.values() if series.unit == "MB")
                say(f"{now - begun:7.1f} s  {memory:.1f} MB in all")
            time.sleep(SAMPLE_SECONDS)
    finally:
        site.close()
    return list(found.values())


def _figures(site: Site) -> list[tuple[str, str, float]]:
    """Measure everything once."""
    figures = []
    for name in (*BRIDGES, *WORKERS):
        pid = site.keeper.pid(name)
        if pid is None:
            continue
        figures.append((name, "MB", resident_mb(pid)))
        if name in WORKERS:
            figures += [(f"{name} child {index}", "MB", resident_mb(child)) for index, child in enumerate(children(pid), 1)]
    for server in SERVERS:
        with contextlib.suppress(redis.RedisError):
            figures.append((server, "keys", float(_keys(site.client(server)))))
    return figures


def _keys(client: redis.Redis) -> int:
    keyspace: Any = client.info("keyspace")
    return sum(int(each["keys"]) for each in keyspace.values())


def resident_mb(pid: int) -> float:
    """Return the resident memory of a process in MB (1,000,000 bytes); 0 for one that is gone."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines():
            if line.startswith("Rss:"):
                return int(line.split()[1]) * 1024 / _MB
    return 0.0


def table(found: Sequence[Series]) -> Any:
    """Return the figures as something that rich can print."""
    from rich import box  # noqa: PLC0415 - --help stays quick
    from rich.table import Table  # noqa: PLC0415

    made = Table(box=box.SIMPLE_HEAD, header_style="bold", padding=(0, 1, 0, 0))
    for head in ("", "unit", "first", "least", "median", "most", "last", "growth per hour", "flat"):
        made.add_column(head, justify="left" if head in {"", "unit"} else "right")
    for series in found:
        values = [value for _, value in series.judged]
        figures = (values[0], min(values), statistics.median(values), max(values), values[-1])
        made.add_row(
            series.name, series.unit, *(f"{value:.1f}" for value in figures), f"{series.slope:+.1f}", "yes" if series.flat else "NO",
            style="" if series.flat else "red",
        )  # fmt: skip
    return made
