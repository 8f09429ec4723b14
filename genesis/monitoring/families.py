"""What was found, as Prometheus' metrics; their names, labels and meanings are the catalogue's.

What is not known is left out: a value that stays, or a 0 in its place, would look like one that was measured.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeVar

from prometheus_client import Metric as Family
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from genesis.capture.drops import BACKPRESSURE, CACHE_FULL, CORRUPT, REDIS_UNAVAILABLE, STOPPED, SUPERSEDED
from genesis.monitoring.looks import Answer
from genesis.monitoring.queues import by_role, serving
from genesis.monitoring.servers import DatabaseFigures, Memory, RedisServerAt
from genesis.monitoring.status import CameraFigures, CameraStatus, Status
from genesis.telemetry import catalogue
from genesis.telemetry.catalogue import Metric

OLD_SECONDS = 60.0
"""A camera's figures are left out when they were told longer ago than this and than two windows."""

REASONS = (BACKPRESSURE, CACHE_FULL, REDIS_UNAVAILABLE, SUPERSEDED, CORRUPT, STOPPED)
"""Why frames are dropped: each is told from 0 on, else the first drop of its kind would be no increase."""

Labels = TypeVar("Labels", bound=tuple[str, ...])


def family(metric: Metric, values: Mapping[Labels, float | None]) -> Family:
    """Return a metric of the catalogue with these values, by those of its labels; None is left out."""
    kinds: dict[str, Callable[..., CounterMetricFamily | GaugeMetricFamily]] = {"counter": CounterMetricFamily, "gauge": GaugeMetricFamily}
    made = kinds[metric.kind](metric.name, metric.help, labels=metric.labels)
    for labels, value in values.items():
        if value is not None:
            made.add_metric(labels, value)
    return made


def of_streams(status: Status) -> Iterator[Family]:
    """Tell of the streams and their groups; of a group that is not there yet, that it has done nothing."""
    named = {stream.stream.removeprefix(f"{status.prefix}:"): stream for stream in status.streams}
    groups = {(name, group.group): group for name, stream in named.items() for group in stream.groups}
    there = {key: group for key, group in groups.items() if group.exists}
    yield family(catalogue.STREAM_LENGTH, {(name,): row.length for name, row in named.items()})
    yield family(catalogue.DEAD_LETTERS, {(name,): row.dead_letters for name, row in named.items()})
    yield family(catalogue.PENDING, {key: row.pending for key, row in there.items()})
    yield family(catalogue.LAG, {key: row.lag for key, row in there.items()})
    yield family(catalogue.OLDEST_PENDING, {key: row.oldest_pending or 0.0 for key, row in there.items()})
    totals = {(*key, outcome): count for key, row in groups.items() for outcome, count in row.totals.items()}
    yield family(catalogue.DELIVERIES, totals)


def of_programs(status: Status, queues: Sequence[str]) -> Iterator[Family]:
    """Tell of the programs, and how many workers serve each of these queues."""
    programs = status.programs
    yield family(catalogue.QUEUE_WORKERS, {(queue,): count for queue, count in serving(programs, queues).items()})
    yield family(catalogue.PROGRAMS, {(role,): count for role, count in by_role(programs).items()})
    yield family(catalogue.PROGRAM_SEEN, {(row.role, row.name): row.age for row in programs})
    yield family(catalogue.PROGRAM_HEALTHY, {(row.role, row.name): row.alive and not row.ailing for row in programs})


def of_cameras(status: Status) -> Iterator[Family]:
    """Tell of the cameras; of those that are looked at now, their figures too."""
    cameras = status.cameras
    dropped = {(c.camera, reason): count for c in cameras for reason, count in {**dict.fromkeys(REASONS, 0), **c.dropped}.items()}
    there = [c for c in cameras if c.state in {"live", "lost"}]  # whose session has ended is not missed by anybody
    yield family(catalogue.CAMERA_LIVE, {(c.camera,): c.state == "live" for c in there})
    yield family(catalogue.CAMERA_HEARD, {(c.camera,): c.age for c in there})
    yield family(catalogue.CAMERA_DROPPED, dropped)
    current = {c.camera: c.figures for c in cameras if c.figures is not None and _is_current(c, c.figures)}
    for metric, value in _FIGURES.items():
        yield family(metric, {(camera,): value(figures) for camera, figures in current.items()})
    occupancy = {(camera, zone): count for camera, figures in current.items() for zone, count in figures.occupancy.items()}
    dwell = {(camera, zone): seconds for camera, figures in current.items() for zone, seconds in figures.dwell.items()}
    yield family(catalogue.ZONE_OCCUPANCY, occupancy)
    yield family(catalogue.ZONE_DWELL, dwell)


def of_cache(status: Status) -> Iterator[Family]:
    """Tell of the frame cache; while it is away, only that it is."""
    cache, up = status.cache, not status.cache.error
    yield family(catalogue.CACHE_UP, {(): up})
    yield family(catalogue.CACHE_LIMIT, {(): cache.limit})
    yield family(catalogue.REFERENCES, {(): cache.references})
    if up:
        yield family(catalogue.CACHE_BYTES, {(): cache.bytes})
        yield family(catalogue.CACHE_FRAMES, {(): cache.frames})


def of_redis(servers: Mapping[RedisServerAt, Answer[Memory]]) -> Iterator[Family]:
    """Tell of each Redis server, under all of its names."""
    answers = {(name,): answer for server, answer in servers.items() for name in server.names}
    known = {labels: answer.value for labels, answer in answers.items() if answer.value is not None}
    yield family(catalogue.REDIS_UP, {labels: not answer.error for labels, answer in answers.items()})
    yield family(catalogue.REDIS_MEMORY, {labels: memory.used for labels, memory in known.items()})
    yield family(catalogue.REDIS_LIMIT, {labels: memory.limit for labels, memory in known.items()})


def of_database(answer: Answer[DatabaseFigures | None]) -> Iterator[Family]:
    """Tell of the database; nothing where there is none."""
    figures = answer.value
    if figures is not None or answer.error:
        yield family(catalogue.DATABASE_UP, {(): figures is not None})
    if figures is not None:
        yield family(catalogue.DATABASE_SIZE, {(): figures.size})
        yield family(catalogue.GALLERY, {(model,): count for model, count in figures.gallery.items()})


_FIGURES: dict[Metric, Callable[[CameraFigures], float | None]] = {
    catalogue.CAMERA_CAPTURED_RATE: lambda figures: figures.fps_captured,
    catalogue.CAMERA_PROCESSED_RATE: lambda figures: figures.fps_processed,
    catalogue.CAMERA_PERSONS: lambda figures: figures.persons,
    catalogue.CAMERA_MOST_PERSONS: lambda figures: figures.most_persons,
    catalogue.CAMERA_TRACKS: lambda figures: figures.tracks,
    catalogue.CAMERA_LATENCY_P50: lambda figures: figures.latency_p50,
    catalogue.CAMERA_LATENCY_P95: lambda figures: figures.latency_p95,
}


def _is_current(camera: CameraStatus, figures: CameraFigures) -> bool:
    return camera.state != "ended" and figures.age <= max(OLD_SECONDS, 2 * figures.window)
