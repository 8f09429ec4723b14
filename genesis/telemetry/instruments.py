"""Counting, from anywhere in a program, what the catalogue names; nothing is kept until the program has said `begin`.

In a prefork worker each child writes into a file of its own place in the pool, which the next child in that place goes on with: the
sums never fall, and there are no more files than places. The worker's main process adds them up when it is asked.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

    from genesis.telemetry.catalogue import Metric

FOLDER_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
KINDS = ("counter", "histogram")  # that children may count: a gauge's values of several children can't be added up
FILE_BYTES = 1 << 18  # of each kind and child: more than all labels of a large installation take


class Instruments:
    """The instruments of this process, made when they are first used. Thread-safe.

    Args:
        registry: that they are told by; None where they are written into files.
    """

    def __init__(self, registry: CollectorRegistry | None) -> None:
        self.registry = registry
        self._families: dict[str, Any] = {}
        self._made: dict[tuple[str, tuple[str, ...]], Any] = {}
        self._lock = threading.Lock()

    def of(self, metric: Metric, labels: tuple[str, ...]) -> Any:
        """Return the instrument of a metric for these values of its labels."""
        found = self._made.get((metric.name, labels))
        return self._make(metric, labels) if found is None else found

    def _make(self, metric: Metric, labels: tuple[str, ...]) -> Any:
        import prometheus_client  # noqa: PLC0415 - where nothing is counted it is not needed

        with self._lock:
            family = self._families.get(metric.name)
            if family is None:
                further: dict[str, Any] = {"buckets": metric.buckets} if metric.buckets else {}
                kind: Callable[..., Any] = getattr(prometheus_client, metric.kind.capitalize())
                family = kind(metric.name, metric.help, metric.labels, registry=self.registry, **further)
                self._families[metric.name] = family
            made = self._made[metric.name, labels] = family.labels(*labels) if labels else family
        return made


_instruments: Instruments | None = None


def begin(registry: CollectorRegistry) -> None:
    """Count from now on, for a registry of this process."""
    global _instruments  # noqa: PLW0603 - one per process is the point
    from prometheus_client import values  # noqa: PLC0415

    values.ValueClass = values.MutexValue  # whatever the environment says
    _instruments = Instruments(registry)


def begin_child(place: int, folder: Path) -> None:
    """Count from now on, in a worker child, into files.

    Args:
        place: of this child in its pool.
        folder: where the files of this worker lie.

    Raises:
        OSError: there is no room for the files.
    """
    global _instruments  # noqa: PLW0603 - one per process is the point
    for kind in KINDS:
        # They are mapped into memory: on a full disk the first touch of a page that has no room would kill the child.
        with (folder / f"{kind}_{place}.db").open("a+b") as file:
            os.posix_fallocate(file.fileno(), 0, FILE_BYTES)
    os.environ[FOLDER_VARIABLE] = str(folder)
    from prometheus_client import values  # noqa: PLC0415

    values.ValueClass = values.MultiProcessValue(lambda: place)  # type: ignore[no-untyped-call] # chosen when that module is imported
    _instruments = Instruments(None)


def end() -> None:
    """Count no more."""
    global _instruments  # noqa: PLW0603 - one per process is the point
    _instruments = None


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
