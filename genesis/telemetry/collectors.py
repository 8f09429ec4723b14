"""What is told beside the instruments: of every program, and of a worker's children."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector, disable_created_metrics
from prometheus_client import Metric as Family
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

import genesis
from genesis.telemetry import catalogue
from genesis.telemetry.catalogue import Metric
from genesis.telemetry.children import resident_bytes
from genesis.telemetry.health import Health


class Program(Collector):
    """Tells the release of a program, and how it is."""

    def __init__(self, health: Health) -> None:
        self._health = health

    def collect(self) -> Iterator[Family]:
        """Return both."""
        yield _gauge(catalogue.BUILD, {(genesis.__version__,): 1})
        yield _gauge(catalogue.HEALTHY, {(): float(not self._health.ailing())})


class Children(Collector):
    """Tells how many children a worker has, and how large they are.

    Args:
        children: returns the pid of each child by its place in the pool.
    """

    def __init__(self, children: Callable[[], Mapping[int, int]]) -> None:
        self._children = children

    def collect(self) -> Iterator[Family]:
        """Return both."""
        children = self._children()
        yield _gauge(catalogue.CHILDREN, {(): len(children)})
        sizes = {(str(place),): resident_bytes(pid) for place, pid in sorted(children.items())}
        yield _gauge(catalogue.CHILD_MEMORY, {place: size for place, size in sizes.items() if size is not None})


def registry_of(health: Health, collectors: Sequence[Collector] = ()) -> CollectorRegistry:
    """Return a registry that tells of this process, and of what the collectors find."""
    disable_created_metrics()  # type: ignore[no-untyped-call] # when a counter began is told by its falling
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    for collector in (Program(health), *collectors):
        registry.register(collector)
    return registry


def _gauge(metric: Metric, values: Mapping[tuple[str, ...], float]) -> Family:
    family = GaugeMetricFamily(metric.name, metric.help, labels=metric.labels)
    for labels, value in values.items():
        family.add_metric(labels, value)
    return family
