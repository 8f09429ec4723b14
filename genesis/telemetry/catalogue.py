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
_CAMERA = ("camera",)
_ZONE = ("camera", "zone")
_PROGRAM = ("role", "program")
_ALL: tuple[Teller, ...] = ("exporter", "bridge", "capture", "worker")

# What a worker does.
RUNS = Metric(
    "genesis_runs_total", "counter", ("worker",),
    "Runs of deliveries by what became of them.", (*_GROUP, "outcome"),
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
BACKLOG_LIMIT = Metric(
    "genesis_backlog_limit", "gauge", ("exporter",),
    "Pending and lag of a stream's slowest group at which publishing is refused; absent where that is switched off.",
)  # fmt: skip
PENDING = Metric("genesis_group_pending", "gauge", ("exporter",), "Entries taken and not settled.", _GROUP)
LAG = Metric("genesis_group_lag", "gauge", ("exporter",), "Entries not yet taken.", _GROUP)
OLDEST_PENDING = Metric(
    "genesis_group_oldest_pending_seconds", "gauge", ("exporter",), "Age of the oldest pending entry; 0 when nothing is pending.", _GROUP
)
DELIVERIES = Metric(
    "genesis_deliveries_total", "counter", ("exporter",), "Deliveries by what became of them, since the ledger began.",
    (*_GROUP, "outcome"),
)  # fmt: skip

# What the programs' signs of life tell, likewise.
QUEUE_WORKERS = Metric(
    "genesis_queue_workers", "gauge", ("exporter",), "Workers that serve the queue and gave a recent sign of life.", ("queue",)
)
PROGRAMS = Metric("genesis_programs", "gauge", ("exporter",), "Programs that gave a recent sign of life.", ("role",))
PROGRAM_SEEN = Metric(
    "genesis_program_seen_seconds", "gauge", ("exporter",), "Time since the program's last sign of life; it is forgotten after an hour.",
    _PROGRAM,
)  # fmt: skip
PROGRAM_HEALTHY = Metric(
    "genesis_program_healthy", "gauge", ("exporter",),
    "Whether the program gave a recent sign of life, and all of its parts went on then.", _PROGRAM,
)  # fmt: skip

# What is known of the cameras, likewise. Figures of a window that is long over are left out.
CAMERA_LIVE = Metric(
    "genesis_camera_live", "gauge", ("exporter",), "Whether the camera gives frames; absent once its session is over.", _CAMERA
)
CAMERA_HEARD = Metric("genesis_camera_heard_seconds", "gauge", ("exporter",), "Time since the camera was last heard of.", _CAMERA)
CAMERA_DROPPED = Metric(
    "genesis_camera_dropped_frames_total", "counter", ("exporter",), "Frames that were not published, by reason, since the ledger began.",
    ("camera", "reason"),
)  # fmt: skip
CAMERA_CAPTURED_RATE = Metric(
    "genesis_camera_captured_frames_per_second", "gauge", ("exporter",), "Frames published per second, in the newest window.", _CAMERA
)
CAMERA_PROCESSED_RATE = Metric(
    "genesis_camera_processed_frames_per_second", "gauge", ("exporter",),
    "Frames per second that reached the tracker, in the newest window.", _CAMERA,
)  # fmt: skip
CAMERA_PERSONS = Metric("genesis_camera_persons", "gauge", ("exporter",), "Persons in a frame on average, in the newest window.", _CAMERA)
CAMERA_MOST_PERSONS = Metric(
    "genesis_camera_most_persons", "gauge", ("exporter",), "Most persons in one frame, in the newest window.", _CAMERA
)
CAMERA_TRACKS = Metric("genesis_camera_tracks", "gauge", ("exporter",), "Different persons, in the newest window.", _CAMERA)
CAMERA_LATENCY_P50 = Metric(
    "genesis_camera_latency_p50_seconds", "gauge", ("exporter",), "Median time from capture to tracker, in the newest window.", _CAMERA
)
CAMERA_LATENCY_P95 = Metric(
    "genesis_camera_latency_p95_seconds", "gauge", ("exporter",),
    "Time from capture to tracker that 95 % of the frames stay below, in the newest window.", _CAMERA,
)  # fmt: skip
ZONE_OCCUPANCY = Metric("genesis_zone_occupancy", "gauge", ("exporter",), "Most persons at once in the zone, in the newest window.", _ZONE)
ZONE_DWELL = Metric(
    "genesis_zone_dwell_seconds", "gauge", ("exporter",), "Mean length of the visits that ended in the newest window.", _ZONE
)

# What the frame cache, the broker, the servers and the database tell, likewise.
CACHE_UP = Metric("genesis_frame_cache_up", "gauge", ("exporter",), "Whether the frame cache could be read.")
CACHE_BYTES = Metric("genesis_frame_cache_bytes", "gauge", ("exporter",), "Bytes that stored frames take.")
CACHE_LIMIT = Metric("genesis_frame_cache_limit_bytes", "gauge", ("exporter",), "Most bytes that stored frames may take.")
CACHE_FRAMES = Metric("genesis_frame_cache_frames", "gauge", ("exporter",), "Stored frames.")
REFERENCES = Metric("genesis_frame_references", "gauge", ("exporter",), "Frames that somebody still waits for.")
QUEUE_LENGTH = Metric(
    "genesis_queue_length", "gauge", ("exporter",), "Tasks that wait in the queue; absent where the broker is no Redis.", ("queue",)
)
REDIS_UP = Metric("genesis_redis_up", "gauge", ("exporter",), "Whether the server answers.", ("server",))
REDIS_MEMORY = Metric("genesis_redis_memory_bytes", "gauge", ("exporter",), "Memory that the server uses.", ("server",))
REDIS_LIMIT = Metric(
    "genesis_redis_memory_limit_bytes", "gauge", ("exporter",), "Memory that it may use (its maxmemory, else that of its machine).",
    ("server",),
)  # fmt: skip
DATABASE_UP = Metric("genesis_database_up", "gauge", ("exporter",), "Whether the database answers; absent where nothing is stored.")
DATABASE_SIZE = Metric("genesis_database_size_bytes", "gauge", ("exporter",), "Size of the database on disk.")
GALLERY = Metric("genesis_gallery_embeddings", "gauge", ("exporter",), "Faces of the gallery, of known and unknown people.", ("model",))

# Every program.
BUILD = Metric("genesis_build_info", "gauge", _ALL, "Always 1; the release is a label.", ("version",))
HEALTHY = Metric("genesis_healthy", "gauge", _ALL, "Whether all parts of the program go on.")

METRICS: tuple[Metric, ...] = tuple(value for value in list(globals().values()) if isinstance(value, Metric))
"""All of them, in the order above."""

LABELS = {
    "camera": "name of a camera",
    "child": "place in its worker's pool, from 0: a child that is replaced leaves it to the next",
    "group": "consumer group of the stream; stream and group together are a subscription",
    "model": "name of the model that made the embeddings",
    "outcome": "what became of it: `settled`, `stale`, `late`, `filtered`, `retried`, `buried`; of a run also `waiting` or `held`, of a "
    "delivery also `skipped`, `replayed` or `lost`",
    "program": "its name within its role: a bridge's consumer, a worker's node, a capture's host and process, an exporter's host and port",
    "queue": "Celery queue of a subscription",
    "reason": "why frames were dropped: `backpressure`, `cache_full`, `redis_unavailable`, `superseded`, `corrupt`, `stopped`",
    "role": "`bridge`, `capture`, `worker` or `exporter`",
    "server": "`ledger`, `cache` or `broker`; one server may be all three",
    "stream": "short name of a stream, such as `frames`",
    "version": "release of Genesis",
    "zone": "name of a zone of the camera",
}
"""Every label, and what its values are."""
