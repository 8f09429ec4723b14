"""Every metric of Genesis: name, kind, labels, who tells it and what it means; `docs/metrics.md` is made from it.

Names follow the conventions of Prometheus: base units, `_total` for counters. Labels are bounded by the installation:
streams (seven), groups, queues, cameras, zones, reasons; never an event or a person.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["counter", "gauge", "histogram"]
Teller = Literal["exporter", "bridge", "capture", "worker"]

QUICK = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
"""Upper bounds in seconds of what should take milliseconds."""
PATIENT = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0, 7200.0)
"""Upper bounds in seconds of what may lie waiting for hours."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric.

    Attributes:
        name: as Prometheus knows it; a counter's ends with `_total`.
        kind: counter, gauge or histogram.
        told_by: the programs that tell it.
        help: one sentence, with the unit.
        labels: their names.
        buckets: upper bounds of a histogram.
    """

    name: str
    kind: Kind
    told_by: tuple[Teller, ...]
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()


_GROUP = ("stream", "group")

# What a worker does.
RUNS = Metric(
    "genesis_runs_total", "counter", ("worker",),
    "Runs of deliveries by what became of them: settled, stale, retried, waiting, buried, held, late.", (*_GROUP, "outcome"),
)  # fmt: skip
RUN_SECONDS = Metric("genesis_run_seconds", "histogram", ("worker",), "Time that handlers ran.", _GROUP, QUICK)
EVENT_AGE = Metric(
    "genesis_event_age_seconds", "histogram", ("worker",), "Time from the capture of a frame until an event that came of it was settled.",
    _GROUP, PATIENT,
)  # fmt: skip
PUBLISHED = Metric("genesis_events_published_total", "counter", ("capture", "worker"), "Events that were published.", ("stream", "camera"))
SEARCH_SECONDS = Metric("genesis_search_seconds", "histogram", ("worker",), "Time that looking for a face in the gallery took.", (), QUICK)
CHILDREN = Metric("genesis_worker_children", "gauge", ("worker",), "Children of the worker that run tasks.")
CHILD_MEMORY = Metric(
    "genesis_worker_child_memory_bytes", "gauge", ("worker",), "Resident memory of each child, by its place in the pool.", ("child",)
)

# What a bridge does.
DISPATCHED = Metric("genesis_bridge_dispatched_total", "counter", ("bridge",), "Entries that were put into Celery's queues.", _GROUP)
REDELIVERED = Metric(
    "genesis_bridge_redelivered_total",
    "counter",
    ("bridge",),
    "Entries that were put there again, since whoever had them was gone.",
    _GROUP,
)
IN_FLIGHT = Metric("genesis_bridge_in_flight_entries", "gauge", ("bridge",), "Entries on their way to a worker.", _GROUP)
WINDOW = Metric("genesis_bridge_window_entries", "gauge", ("bridge",), "Most entries that may be on their way to a worker.", _GROUP)

# What capture does.
CAPTURED = Metric("genesis_capture_frames_total", "counter", ("capture",), "Frames that were read and taken.", ("camera",))
DROPPED = Metric("genesis_capture_dropped_frames_total", "counter", ("capture",), "Frames that were not published.", ("camera", "reason"))
PUBLISH_SECONDS = Metric(
    "genesis_capture_publish_seconds", "histogram", ("capture",), "Time that storing and publishing a frame took.", ("camera",), QUICK
)

# What the ledger tells, through the exporter.
UP = Metric("genesis_up", "gauge", ("exporter",), "Whether the ledger could be read.")
STREAM_LENGTH = Metric("genesis_stream_length", "gauge", ("exporter",), "Entries in the stream.", ("stream",))
DEAD_LETTERS = Metric("genesis_stream_dead_letters", "gauge", ("exporter",), "Entries in the stream's dead-letter queue.", ("stream",))
PENDING = Metric("genesis_group_pending", "gauge", ("exporter",), "Entries taken and not settled.", _GROUP)
LAG = Metric("genesis_group_lag", "gauge", ("exporter",), "Entries not yet taken.", _GROUP)
OLDEST_PENDING = Metric(
    "genesis_group_oldest_pending_seconds", "gauge", ("exporter",), "Age of the oldest pending entry; 0 when nothing is pending.", _GROUP
)
DELIVERIES = Metric("genesis_deliveries_total", "counter", ("exporter",), "Deliveries by what became of them.", (*_GROUP, "outcome"))
QUEUE_LENGTH = Metric("genesis_queue_length", "gauge", ("exporter",), "Tasks that wait in the queue.", ("queue",))
QUEUE_WORKERS = Metric(
    "genesis_queue_workers", "gauge", ("exporter",), "Workers that serve the queue and gave a recent sign of life.", ("queue",)
)
PROGRAMS = Metric("genesis_programs", "gauge", ("exporter",), "Programs that gave a recent sign of life.", ("role",))
PROGRAM_SEEN = Metric(
    "genesis_program_seen_seconds", "gauge", ("exporter",), "Time since the program's last sign of life; it is forgotten after an hour.",
    ("role", "program"),
)  # fmt: skip
PROGRAM_HEALTHY = Metric(
    "genesis_program_healthy",
    "gauge",
    ("exporter",),
    "Whether all parts of the program went on at its last sign of life.",
    ("role", "program"),
)
REDIS_UP = Metric("genesis_redis_up", "gauge", ("exporter",), "Whether the server answers.", ("server",))
REDIS_MEMORY = Metric("genesis_redis_memory_bytes", "gauge", ("exporter",), "Memory that the server uses.", ("server",))
REDIS_LIMIT = Metric(
    "genesis_redis_memory_limit_bytes",
    "gauge",
    ("exporter",),
    "Memory that it may use (its maxmemory, else that of its machine).",
    ("server",),
)
DATABASE_UP = Metric("genesis_database_up", "gauge", ("exporter",), "Whether the database answers; absent where nothing is stored.")
DATABASE_SIZE = Metric("genesis_database_size_bytes", "gauge", ("exporter",), "Size of the database on disk.")
GALLERY = Metric("genesis_gallery_embeddings", "gauge", ("exporter",), "Faces of the gallery.", ("model",))

# Every program.
BUILD = Metric(
    "genesis_build_info", "gauge", ("exporter", "bridge", "capture", "worker"), "Always 1; the release is a label.", ("version",)
)
HEALTHY = Metric("genesis_healthy", "gauge", ("exporter", "bridge", "capture", "worker"), "Whether all parts of the program go on.")
