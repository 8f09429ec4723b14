"""The built-in subscriptions are the catalogue that users know."""

from __future__ import annotations

import subprocess
import sys

from genesis.events import EVENT_TYPES, STREAMS, Keys
from genesis.subscriptions import load_subscriptions

CATALOGUE = {
    ("genesis:frames", "frame-workers", "ingestion"),
    ("genesis:frames", "detection-workers", "detection"),
    ("genesis:persons", "person-workers", "analytics"),
    ("genesis:persons", "face-workers", "recognition"),
    ("genesis:faces", "face-storage-workers", "storage"),
    ("genesis:zones", "zone-workers", "alerts"),
    ("genesis:zones", "analytics-workers", "analytics"),
    ("genesis:alerts", "alert-workers", "alerts"),
    ("genesis:alerts", "notification-workers", "notifications"),
    ("genesis:metrics", "metrics-workers", "metrics"),
    ("genesis:metrics", "storage-workers", "storage"),
    ("genesis:sessions", "session-workers", "sessions"),
    ("genesis:sessions", "storage-workers", "storage"),
}


def test_the_catalogue_has_seven_streams_and_thirteen_subscriptions() -> None:
    keys = Keys("genesis")

    declared = {(row.stream(keys), row.group, row.queue) for row in load_subscriptions() if row.handler.__module__.startswith("tasks.")}

    assert declared == CATALOGUE
    assert len(EVENT_TYPES) == len(STREAMS) == 7


def test_dead_letters_lie_beside_their_stream_and_a_prefix_in_braces_keeps_one_slot() -> None:
    keys = Keys("{genesis}")

    assert keys.dead_letters(keys.stream("frames")) == "{genesis}:frames:dlq"
    assert all(
        key.startswith("{genesis}:") for key in (keys.references, keys.counts, keys.cameras, keys.camera("door"), keys.figures("door"))
    )


def test_declaring_the_handlers_loads_no_engine() -> None:
    heavy = {"torch", "tensorflow", "ultralytics", "cv2", "celery", "deepface"}
    code = "import sys, tasks; print(*sys.modules)"

    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()

    assert heavy.isdisjoint(loaded)
