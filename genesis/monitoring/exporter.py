"""What `genesis status` knows, as Prometheus reads it: looked up on the ledger at each scrape, nothing is kept here.

While the ledger is away a scrape says so (`genesis_up 0`) and nothing else. A camera's figures are left out once they are old, or
its session is over: a value that stays for ever would look like one that was measured.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from genesis.errors import GenesisError
from genesis.monitoring.status import CameraFigures, CameraStatus, Status, StreamStatus

logger = logging.getLogger(__name__)

OLD_SECONDS = 60.0
"""Figures are left out when they were told longer ago than this and than two windows."""

_CAMERA = ("camera",)
_ZONE = ("camera", "zone")
_GROUP = ("stream", "group")


class StatusCollector(Collector):
    """Asks for the figures and gives them to Prometheus.

    Args:
        look: reads them; raises a GenesisError while the ledger is away.
    """

    def __init__(self, look: Callable[[], Status]) -> None:
        self._look = look
        self._away = False

    def collect(self) -> Iterator[Metric]:
        """Return all metrics, read now."""
        try:
            status = self._look()
        except GenesisError as error:
            if not self._away:
                logger.warning("scrapes tell that Genesis is down: %s", error)
            self._away = True
            yield _gauge("genesis_up", "Whether the ledger could be read.", (), {(): 0})
            return
        self._away = False
        yield _gauge("genesis_up", "Whether the ledger could be read.", (), {(): 1})
        yield from _streams(status.streams, f"{status.prefix}:")
        yield from _cameras(status.cameras)
        yield from _figures({camera.camera: camera.figures for camera in status.cameras if camera.figures and _current(camera)})
        yield from _cache(status)


def _streams(streams: Sequence[StreamStatus], prefix: str) -> Iterator[Metric]:
    named = {stream.stream.removeprefix(prefix): stream for stream in streams}
    groups = {(name, group.group): group for name, stream in named.items() for group in stream.groups if group.exists}
    yield _gauge("genesis_stream_length", "Entries in the stream.", ("stream",), {(name,): row.length for name, row in named.items()})
    yield _gauge(
        "genesis_stream_dead_letters", "Entries in the stream's dead-letter queue.", ("stream",),
        {(name,): row.dead_letters for name, row in named.items()},
    )  # fmt: skip
    yield _gauge(
        "genesis_group_pending", "Entries taken by a worker and not settled.", _GROUP, {k: row.pending for k, row in groups.items()}
    )
    yield _gauge("genesis_group_lag", "Entries not yet taken.", _GROUP, {k: row.lag for k, row in groups.items()})
    yield _gauge(
        "genesis_group_oldest_pending_seconds", "Age of the oldest pending entry; 0 when nothing is pending.", _GROUP,
        {k: row.oldest_pending or 0.0 for k, row in groups.items()},
    )  # fmt: skip
    yield _counter(
        "genesis_deliveries", "Deliveries by what became of them.", (*_GROUP, "outcome"),
        {(*k, outcome): count for k, row in groups.items() for outcome, count in row.totals.items()},
    )  # fmt: skip


def _cameras(cameras: Sequence[CameraStatus]) -> Iterator[Metric]:
    yield _gauge("genesis_camera_live", "Whether the camera gives frames.", _CAMERA, {(c.camera,): int(c.state == "live") for c in cameras})
    yield _gauge("genesis_camera_heard_seconds", "Time since the camera was last heard of.", _CAMERA, {(c.camera,): c.age for c in cameras})
    yield _counter(
        "genesis_camera_dropped_frames", "Frames that were not published, by reason.", ("camera", "reason"),
        {(c.camera, reason): count for c in cameras for reason, count in c.dropped.items()},
    )  # fmt: skip


def _figures(cameras: Mapping[str, CameraFigures]) -> Iterator[Metric]:
    def of(name: str, text: str, value: Callable[[CameraFigures], float | None]) -> Metric:
        told = {(camera,): value(figures) for camera, figures in cameras.items()}
        return _gauge(f"genesis_camera_{name}", f"{text}, in the newest window.", _CAMERA, {k: v for k, v in told.items() if v is not None})

    yield of("captured_frames_per_second", "Frames published per second", lambda figures: figures.fps_captured)
    yield of("processed_frames_per_second", "Frames per second that reached the tracker", lambda figures: figures.fps_processed)
    yield of("persons", "Persons in a frame on average", lambda figures: figures.persons)
    yield of("most_persons", "Most persons in one frame", lambda figures: figures.most_persons)
    yield of("tracks", "Different persons", lambda figures: figures.tracks)
    yield of("latency_p50_seconds", "Median time from capture to tracker", lambda figures: figures.latency_p50)
    yield of("latency_p95_seconds", "Time from capture to tracker that 95 % of the frames stay below", lambda figures: figures.latency_p95)
    yield _gauge(
        "genesis_zone_occupancy", "Most persons at once in the zone, in the newest window.", _ZONE,
        {(camera, zone): count for camera, figures in cameras.items() for zone, count in figures.occupancy.items()},
    )  # fmt: skip
    yield _gauge(
        "genesis_zone_dwell_seconds", "Mean length of the visits that ended in the newest window.", _ZONE,
        {(camera, zone): seconds for camera, figures in cameras.items() for zone, seconds in figures.dwell.items()},
    )  # fmt: skip


def _cache(status: Status) -> Iterator[Metric]:
    cache = status.cache
    yield _gauge("genesis_frame_cache_up", "Whether the frame cache could be read.", (), {(): int(not cache.error)})
    yield _gauge("genesis_frame_cache_limit_bytes", "Most bytes that stored frames may take.", (), {(): cache.limit})
    yield _gauge("genesis_frame_references", "Frames that somebody still waits for.", (), {(): cache.references})
    if not cache.error:
        yield _gauge("genesis_frame_cache_bytes", "Bytes that stored frames take.", (), {(): cache.bytes})
        yield _gauge("genesis_frame_cache_frames", "Stored frames.", (), {(): cache.frames})


def _current(camera: CameraStatus) -> bool:
    return camera.state != "ended" and camera.figures is not None and camera.figures.age <= max(OLD_SECONDS, 2 * camera.figures.window)


def _gauge(name: str, text: str, labels: Sequence[str], values: Mapping[tuple[str, ...], float]) -> Metric:
    family = GaugeMetricFamily(name, text, labels=labels)
    for key, value in values.items():
        family.add_metric(key, value)
    return family


def _counter(name: str, text: str, labels: Sequence[str], values: Mapping[tuple[str, ...], float]) -> Metric:
    family = CounterMetricFamily(name, text, labels=labels)
    for key, value in values.items():
        family.add_metric(key, value)
    return family
