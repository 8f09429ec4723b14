"""What Prometheus is told."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import Any

import msgspec
import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from genesis.errors import ServerUnavailableError
from genesis.monitoring.exporter import StatusCollector
from genesis.monitoring.status import CacheStatus, CameraFigures, CameraStatus, GroupStatus, Status, StreamStatus

FIGURES = CameraFigures(
    time="2026-01-02T12:00:00+00:00", window=10.0, age=3.0, fps_captured=10.0, fps_processed=9.5, persons=2.25, most_persons=4, tracks=5,
    occupancy={"yard": 2, "gate": 0}, dwell={"yard": 7.5}, latency_p50=0.2, latency_p95=None,
)  # fmt: skip
CAMERA = CameraStatus("door", "live", "s1", 120, 10.0, "door-s1-119", 0.5, {"superseded": 3}, FIGURES)
GROUP = GroupStatus(
    "detection-workers", "detection", exists=True, pending=4, lag=7, oldest_pending=1.5, totals={"settled": 100, "buried": 1}
)
MISSING = GroupStatus("frame-workers", "ingestion", exists=False, pending=0, lag=0, oldest_pending=None, totals={"settled": 0})
STATUS = Status(
    "genesis",
    (StreamStatus("genesis:frames", exists=True, length=1000, dead_letters=2, groups=(GROUP, MISSING)),),
    (CAMERA,),
    CacheStatus(bytes=5_000_000, limit=500_000_000, frames=11, references=12),
)


def scraped(status: Status) -> dict[tuple[Any, ...], float]:
    """Return every sample: its name and the values of its labels in the order of their names, and the value."""
    registry = CollectorRegistry()
    registry.register(StatusCollector(lambda: status))
    text = generate_latest(registry).decode()
    return {
        (s.name, *dict(sorted(s.labels.items())).values()): s.value
        for family in text_string_to_metric_families(text)
        for s in family.samples
    }


def with_camera(**changes: Any) -> Status:
    return msgspec.structs.replace(STATUS, cameras=(msgspec.structs.replace(CAMERA, **changes),))


def test_everything_that_is_known_is_told() -> None:
    assert scraped(STATUS) == {
        ("genesis_up",): 1,
        ("genesis_stream_length", "frames"): 1000,
        ("genesis_stream_dead_letters", "frames"): 2,
        ("genesis_group_pending", "detection-workers", "frames"): 4,
        ("genesis_group_lag", "detection-workers", "frames"): 7,
        ("genesis_group_oldest_pending_seconds", "detection-workers", "frames"): 1.5,
        ("genesis_deliveries_total", "detection-workers", "settled", "frames"): 100,
        ("genesis_deliveries_total", "detection-workers", "buried", "frames"): 1,
        ("genesis_camera_live", "door"): 1,
        ("genesis_camera_heard_seconds", "door"): 0.5,
        ("genesis_camera_dropped_frames_total", "door", "superseded"): 3,
        ("genesis_camera_captured_frames_per_second", "door"): 10,
        ("genesis_camera_processed_frames_per_second", "door"): 9.5,
        ("genesis_camera_persons", "door"): 2.25,
        ("genesis_camera_most_persons", "door"): 4,
        ("genesis_camera_tracks", "door"): 5,
        ("genesis_camera_latency_p50_seconds", "door"): 0.2,
        ("genesis_zone_occupancy", "door", "yard"): 2,
        ("genesis_zone_occupancy", "door", "gate"): 0,
        ("genesis_zone_dwell_seconds", "door", "yard"): 7.5,
        ("genesis_frame_cache_up",): 1,
        ("genesis_frame_cache_limit_bytes",): 500_000_000,
        ("genesis_frame_references",): 12,
        ("genesis_frame_cache_bytes",): 5_000_000,
        ("genesis_frame_cache_frames",): 11,
    }


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({}, True),
        ({"state": "lost"}, True),
        ({"state": "ended"}, False),
        ({"figures": None}, False),
        ({"figures": msgspec.structs.replace(FIGURES, age=61.0)}, False),
        ({"figures": msgspec.structs.replace(FIGURES, age=61.0, window=60.0)}, True),
    ],
)
def test_figures_that_are_not_of_now_are_left_out(changes: dict[str, Any], told: bool) -> None:
    names = {key[0] for key in scraped(with_camera(**changes))}

    assert ("genesis_camera_persons" in names, "genesis_zone_occupancy" in names) == (told, told)
    assert "genesis_camera_dropped_frames_total" in names


@pytest.mark.parametrize(("state", "live"), [("live", 1), ("lost", 0), ("ended", 0), ("unknown", 0)])
def test_a_camera_is_live_or_not(state: str, live: int) -> None:
    assert scraped(with_camera(state=state))["genesis_camera_live", "door"] == live


def test_a_cache_that_is_away_is_told_and_not_as_an_empty_one() -> None:
    away = msgspec.structs.replace(STATUS, cache=CacheStatus(0, 500, 0, 12, "can't be reached"))

    told = scraped(away)

    assert told["genesis_frame_cache_up",] == 0
    assert ("genesis_frame_cache_bytes",) not in told


def test_a_ledger_that_is_away_is_told_and_said_once(caplog: pytest.LogCaptureFixture) -> None:
    def look() -> Status:
        raise ServerUnavailableError("Redis can't be reached")

    registry = CollectorRegistry()
    registry.register(StatusCollector(look))

    texts = [generate_latest(registry).decode() for _ in range(3)]

    assert {line for text in texts for line in text.splitlines() if not line.startswith("#")} == {"genesis_up 0.0"}
    assert caplog.messages == ["scrapes tell that Genesis is down: Redis can't be reached"]


def test_names_and_labels_keep_to_the_conventions() -> None:
    families = list(StatusCollector(lambda: STATUS).collect())

    assert all(re.fullmatch(r"genesis_[a-z0-9_]+", family.name) for family in families)
    assert all(family.documentation.endswith(".") for family in families)
    assert len({family.name for family in families}) == len(families)
    labels = {name for family in families for sample in family.samples for name in sample.labels}
    assert labels <= {"camera", "zone", "stream", "group", "reason", "outcome"}
    assert all(sample.name.endswith("_total") == (family.type == "counter") for family in families for sample in family.samples)


def test_help_loads_nothing_heavy() -> None:
    code = "import sys; sys.argv = ['m', '--help']\nimport genesis.monitoring.__main__ as m\ntry: m.main()\nfinally: print(*sys.modules)"

    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert "--port" in said
    assert {"redis", "prometheus_client", "numpy", "celery", "pydantic", "torch", "cv2"}.isdisjoint(said.splitlines()[-1].split())
