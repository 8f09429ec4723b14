"""What Prometheus is told."""

from __future__ import annotations

import shutil
import subprocess
import sys
from typing import Any

import msgspec
import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from genesis.errors import ServerUnavailableError
from genesis.monitoring.exporter import Further, StatusCollector
from genesis.monitoring.families import REASONS
from genesis.monitoring.looks import Look
from genesis.monitoring.servers import DatabaseFigures, Memory, RedisServerAt
from genesis.monitoring.status import CacheStatus, CameraFigures, CameraStatus, GroupStatus, ProgramStatus, Status, StreamStatus
from genesis.telemetry.catalogue import BUILD, HEALTHY, METRICS

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
    (
        ProgramStatus("worker", "w1@host", "host", 7, "0.6", 100.0, age=1.5, alive=True, queues=("detection", "storage")),
        ProgramStatus("worker", "w2@host", "host", 8, "0.6", 100.0, age=2.5, alive=True, queues=("detection",), ailing=("child 0",)),
        ProgramStatus("bridge", "b1", "host", 9, "0.6", 100.0, age=90.0, alive=False),
    ),
)
LEDGER = RedisServerAt("redis://ledger", "redis.url", ("ledger",))
VOLATILE = RedisServerAt("redis://volatile", "frame_cache.url", ("cache", "broker"))


def away(text: str = "it can't be reached") -> Any:
    raise ServerUnavailableError(text)


def further(**changes: Any) -> Further:
    """Return what is looked at beside the status; the changes are what is found, or functions that look for it."""
    found = {
        "waiting": {"detection": 3, "storage": 0, "alerts": 2},
        "ledger": Memory(1_000, 9_000),
        "volatile": Memory(2_000, None),
        "database": DatabaseFigures(8_000_000, {"Dlib": 40}),
        **changes,
    }
    look = {name: Look(name, value if callable(value) else lambda value=value: value, 5.0) for name, value in found.items()}
    return Further(
        ("alerts", "detection", "storage"), look["waiting"], {LEDGER: look["ledger"], VOLATILE: look["volatile"]}, look["database"], 1000
    )


def page(status: Status, beside: Further | None = None) -> str:
    registry = CollectorRegistry()
    registry.register(StatusCollector(lambda: status, beside))
    return generate_latest(registry).decode()


def scraped(status: Status, beside: Further | None = None) -> dict[tuple[Any, ...], float]:
    """Return every sample: its name and the values of its labels in the order of their names, and the value."""
    return {
        (s.name, *dict(sorted(s.labels.items())).values()): s.value
        for family in text_string_to_metric_families(page(status, beside))
        for s in family.samples
    }


def with_camera(**changes: Any) -> Status:
    return msgspec.structs.replace(STATUS, cameras=(msgspec.structs.replace(CAMERA, **changes),))


def test_everything_that_is_known_is_told() -> None:
    assert scraped(STATUS, further()) == {
        ("genesis_up",): 1,
        ("genesis_stream_length", "frames"): 1000,
        ("genesis_stream_dead_letters", "frames"): 2,
        ("genesis_group_pending", "detection-workers", "frames"): 4,
        ("genesis_group_lag", "detection-workers", "frames"): 7,
        ("genesis_group_oldest_pending_seconds", "detection-workers", "frames"): 1.5,
        ("genesis_deliveries_total", "detection-workers", "settled", "frames"): 100,
        ("genesis_deliveries_total", "detection-workers", "buried", "frames"): 1,
        ("genesis_deliveries_total", "frame-workers", "settled", "frames"): 0,
        ("genesis_queue_workers", "alerts"): 0,
        ("genesis_queue_workers", "detection"): 2,
        ("genesis_queue_workers", "storage"): 1,
        ("genesis_programs", "bridge"): 0,
        ("genesis_programs", "capture"): 0,
        ("genesis_programs", "worker"): 2,
        ("genesis_programs", "exporter"): 0,
        ("genesis_program_seen_seconds", "w1@host", "worker"): 1.5,
        ("genesis_program_seen_seconds", "w2@host", "worker"): 2.5,
        ("genesis_program_seen_seconds", "b1", "bridge"): 90,
        ("genesis_program_healthy", "w1@host", "worker"): 1,
        ("genesis_program_healthy", "w2@host", "worker"): 0,
        ("genesis_program_healthy", "b1", "bridge"): 0,
        ("genesis_camera_live", "door"): 1,
        ("genesis_camera_heard_seconds", "door"): 0.5,
        **{("genesis_camera_dropped_frames_total", "door", reason): 3 * (reason == "superseded") for reason in REASONS},
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
        ("genesis_backlog_limit",): 1000,
        ("genesis_queue_length", "alerts"): 2,
        ("genesis_queue_length", "detection"): 3,
        ("genesis_queue_length", "storage"): 0,
        ("genesis_redis_up", "ledger"): 1,
        ("genesis_redis_up", "cache"): 1,
        ("genesis_redis_up", "broker"): 1,
        ("genesis_redis_memory_bytes", "ledger"): 1_000,
        ("genesis_redis_memory_bytes", "cache"): 2_000,
        ("genesis_redis_memory_bytes", "broker"): 2_000,
        ("genesis_redis_memory_limit_bytes", "ledger"): 9_000,
        ("genesis_database_up",): 1,
        ("genesis_database_size_bytes",): 8_000_000,
        ("genesis_gallery_embeddings", "Dlib"): 40,
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


@pytest.mark.parametrize(("state", "live"), [("live", 1), ("lost", 0), ("ended", None), ("unknown", None)])
def test_a_camera_is_live_or_lost_or_not_missed(state: str, live: int | None) -> None:
    assert scraped(with_camera(state=state)).get(("genesis_camera_live", "door")) == live


def test_a_cache_that_is_away_is_told_and_not_as_an_empty_one() -> None:
    away = msgspec.structs.replace(STATUS, cache=CacheStatus(0, 500, 0, 12, "can't be reached"))

    told = scraped(away)

    assert told["genesis_frame_cache_up",] == 0
    assert ("genesis_frame_cache_bytes",) not in told


@pytest.mark.parametrize(
    ("changes", "told", "gone"),
    [
        ({"waiting": away}, {}, ["genesis_queue_length"]),
        ({"volatile": away}, {("genesis_redis_up", "broker"): 0, ("genesis_redis_up", "ledger"): 1}, []),
        ({"ledger": away, "volatile": away}, {("genesis_redis_up", "ledger"): 0}, ["genesis_redis_memory_bytes"]),
        ({"database": away}, {("genesis_database_up",): 0}, ["genesis_database_size_bytes", "genesis_gallery_embeddings"]),
        ({"database": None}, {}, ["genesis_database_up", "genesis_database_size_bytes", "genesis_gallery_embeddings"]),
    ],
)
def test_what_is_away_is_told_as_away_and_the_rest_all_the_same(
    changes: dict[str, Any], told: dict[tuple[str, ...], float], gone: list[str]
) -> None:
    found = scraped(STATUS, further(**changes))

    assert {key: found[key] for key in told} == told
    assert {key[0] for key in found}.isdisjoint(gone)
    assert found["genesis_up",] == 1


def test_while_the_ledger_is_away_the_others_are_told() -> None:
    registry = CollectorRegistry()
    registry.register(StatusCollector(away, further()))

    families = list(registry.collect())

    told = {(s.name, *s.labels.values()): s.value for family in families for s in family.samples}
    assert told["genesis_up",] == 0
    assert (told["genesis_redis_up", "cache"], told["genesis_queue_length", "detection"], told["genesis_database_up",]) == (1, 3, 1)
    assert not {name for name, *_ in told} & {"genesis_queue_workers", "genesis_programs", "genesis_group_lag", "genesis_camera_live"}


def test_each_trouble_is_said_once_and_so_is_its_end(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "genesis")
    troubles: list[str] = []

    def look() -> Status:
        return away(troubles[0]) if troubles else STATUS

    registry = CollectorRegistry()
    # The same server says the same whoever asks it.
    beside = further(ledger=lambda: look() and Memory(1, 2), database=lambda: away("no database") if troubles else None)
    registry.register(StatusCollector(look, beside))

    for now in ([], ["no Redis"], ["no Redis"], ["no Redis"], [], []):
        troubles[:] = now
        generate_latest(registry)

    assert caplog.messages == [
        "scrapes lack something: no Redis", "scrapes lack something: no database", "scrapes tell everything again",
    ]  # fmt: skip


def test_a_mistake_of_ours_fails_the_scrape_and_is_not_told_as_a_server_that_is_away() -> None:
    registry = CollectorRegistry()
    registry.register(StatusCollector(lambda: 1 // 0, further()))  # type: ignore[arg-type, return-value]

    with pytest.raises(ZeroDivisionError):
        generate_latest(registry)


def test_the_names_kinds_and_labels_are_the_catalogues_and_nothing_of_it_is_missing() -> None:
    figures = msgspec.structs.replace(FIGURES, latency_p95=0.4)
    status = msgspec.structs.replace(with_camera(figures=figures), time=1.0)
    families = list(StatusCollector(lambda: status, further()).collect())

    told = {(f.name + "_total" * (f.type == "counter"), f.type, f.documentation, frozenset(s.labels)) for f in families for s in f.samples}
    catalogue = {(m.name, m.kind, m.help, frozenset(m.labels)) for m in METRICS if "exporter" in m.told_by and m not in {BUILD, HEALTHY}}
    assert told == catalogue
    assert len({family.name for family in families}) == len(families)


@pytest.mark.skipif(shutil.which("promtool") is None, reason="no promtool here: apt-get install prometheus")
@pytest.mark.parametrize("beside", [further(), Further()])
def test_prometheus_own_checker_has_nothing_to_say_against_a_scrape(beside: Further) -> None:
    checked = subprocess.run(["promtool", "check", "metrics"], input=page(STATUS, beside), capture_output=True, text=True, check=False)

    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")


def test_help_loads_nothing_heavy() -> None:
    code = "import sys; sys.argv = ['m', '--help']\nimport genesis.monitoring.__main__ as m\ntry: m.main()\nfinally: print(*sys.modules)"

    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert "--port" in said
    assert {"redis", "prometheus_client", "numpy", "celery", "pydantic", "torch", "cv2"}.isdisjoint(said.splitlines()[-1].split())
