"""Counting, from anywhere in a program, what the catalogue names; nothing is kept until the program has said `begin`.

In a prefork worker each child writes into a file of its own place in the pool, which the next child in that place goes on with: the
sums never fall, and there are no more files than places. The worker's main process adds them up when it is asked.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

    from genesis.telemetry.catalogue import Metric

FOLDER_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"


class Instruments:
    """The instruments of this process, made when they are first used.

    Args:
        registry: that they are told by; None where they are written into files.
    """

    def __init__(self, registry: CollectorRegistry | None) -> None:
        self.registry = registry
        self._made: dict[str, Any] = {}

    def of(self, metric: Metric, labels: tuple[str, ...]) -> Any:
        """Return the instrument of a metric for these values of its labels."""
        made = self._made.get(metric.name)
        if made is None:
            import prometheus_client  # noqa: PLC0415 - where nothing is counted it is not needed

            further: dict[str, Any] = {"buckets": metric.buckets} if metric.buckets else {}
            kind: Callable[..., Any] = getattr(prometheus_client, metric.kind.capitalize())
            made = self._made[metric.name] = kind(metric.name, metric.help, metric.labels, registry=self.registry, **further)
        return made.labels(*labels) if labels else made


_instruments: Instruments | None = None


def begin(registry: CollectorRegistry) -> None:
    """Count from now on, for a registry of this process."""
    global _instruments  # noqa: PLW0603 - one per process is the point
    _instruments = Instruments(registry)


def begin_child(place: int, folder: Path) -> None:
    """Count from now on, in a worker child, into files.

    Args:
        place: of this child in its pool.
        folder: where the files of this worker lie.
    """
    global _instruments  # noqa: PLW0603 - one per process is the point
    os.environ[FOLDER_VARIABLE] = str(folder)
    from prometheus_client import values  # noqa: PLC0415

    values.ValueClass = values.MultiProcessValue(lambda: place)  # type: ignore[no-untyped-call] # chosen when that module is imported
    _instruments = Instruments(None)


def count(metric: Metric, *labels: str, by: float = 1) -> None:
    """Add to a counter."""
    if _instruments is not None:
        _instruments.of(metric, labels).inc(by)


def observe(metric: Metric, seconds: float, *labels: str) -> None:
    """Note a value in a histogram."""
    if _instruments is not None:
        _instruments.of(metric, labels).observe(seconds)


def put(metric: Metric, value: float, *labels: str) -> None:
    """Set a gauge."""
    if _instruments is not None:
        _instruments.of(metric, labels).set(value)
