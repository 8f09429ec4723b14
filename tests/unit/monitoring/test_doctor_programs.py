"""What the doctor makes of the programs' signs of life, and of what waits in the streams."""

from __future__ import annotations

from typing import Any

import pytest

from genesis.monitoring.doctor.backlog import check_backlog
from genesis.monitoring.doctor.findings import Finding
from genesis.monitoring.doctor.programs import check_programs
from genesis.settings import Camera, EventDriven, Settings
from tests.looks import SERVED, group, look, program, staff, stream

EVENT = Settings(event_driven=EventDriven(enabled=True), cameras=(Camera(name="door", source="0"),))


def looked_at(settings: Settings = EVENT, **changes: Any) -> list[Finding]:
    return list(check_programs(look(**changes), settings, "1.2.0"))


def test_programs_that_are_all_there_are_counted() -> None:
    (row,) = looked_at()

    assert (row.level, row.found) == ("ok", "1 bridge, 1 capture, 1 worker give signs of life, and every queue is served")


@pytest.mark.parametrize(
    ("changes", "level", "found", "advice"),
    [
        ({"programs": ()}, "ok", "nothing runs, and nothing waits", ""),
        (
            {"programs": (), "streams": (stream("frames", group("g", "detection", lag=7)),)},
            "warning", "nothing runs, and 7 deliveries wait", "genesis up",
        ),
        (
            {"programs": tuple(program(role, age=60.0 + n) for n, role in enumerate(("worker", "bridge", "capture")))},
            "error", "nothing runs any more: the last sign of life, of worker worker-north-1, is 60 s old", "genesis up",
        ),
        ({"programs": staff(bridge=None)}, "error", "no bridge runs", "python -m genesis.bridge"),
        ({"programs": staff(bridge=program(age=60.0))}, "error", "no bridge runs", "python -m genesis.bridge"),
        (
            {"programs": staff(worker=program("worker", "w", queues=SERVED[:2]))},
            "warning", "no worker serves analytics, recognition (nothing waits yet)", "celery -A genesis worker -Q analytics,recognition",
        ),
        (
            {"programs": staff(worker=None), "streams": (stream("frames", group("g", "detection", lag=7, pending=1)),)},
            "error", "no worker serves detection (8 deliveries wait)", "celery -A genesis worker -Q detection",
        ),
        (
            {"programs": staff(worker=program("worker", "w", queues=SERVED, ailing=("children", "broker")))},
            "error", "worker w (pid 42 on north) has stopped going on: children, broker",
            "kill 42 on north, then celery -A genesis worker -Q",
        ),
        (
            {"programs": (*staff(), program("worker", "gpu@south", queues=("notifications",), age=70.0))},
            "warning", "worker gpu@south (pid 42 on north) gave no sign of life for 70 s", "celery -A genesis worker -Q notifications",
        ),
        (
            {"programs": (*staff(), program("capture", "south-9", host="south", pid=9, cameras=("door",)))},
            "warning", "camera door is read by north-7 on north and south-9 on south", "kill 9 on south",
        ),
        ({"programs": staff(capture=None)}, "warning", "no capture reads door", "python -m genesis.capture"),
        (
            {"programs": staff(bridge=program(version="1.1.0"))},
            "warning", "programs of other releases than this one (1.2.0): bridge bridge-north-1 1.1.0", "upgrade the older ones",
        ),
    ],
)  # fmt: skip
def test_who_is_missing_is_named_once_with_the_mend(changes: dict[str, Any], level: str, found: str, advice: str) -> None:
    (row,) = looked_at(**changes)

    assert row.level == level
    assert found in row.found
    assert advice in row.advice
    assert row.why or level == "ok"


def test_in_sync_mode_nobody_is_missed() -> None:
    (row,) = looked_at(Settings(), programs=())

    assert "sync mode needs no programs beside capture" in row.found


@pytest.mark.parametrize(
    ("changes", "check", "level", "found", "advice"),
    [
        ({"lag": 20}, "backlog", "ok", "20 deliveries wait, none of them for long", ""),
        ({"lag": 800}, "backlog", "warning", "has 800 unsettled entries of 1000", "celery -A genesis worker -Q detection"),
        ({"lag": 700, "pending": 300}, "backlog", "error", "has 1000 unsettled entries of 1000", "fewer frames"),
        ({"lag": 800, "queue": ""}, "backlog", "warning", "has 800 unsettled entries of 1000", "somebody who serves it"),
        (
            {"pending": 1, "oldest_pending": 151.0}, "pending", "warning", "has an entry that is pending for 151 s",
            "redis-cli -p 7000 XPENDING genesis:frames detection-workers - + 10",
        ),
    ],
)  # fmt: skip
def test_what_waits_too_long_is_named(changes: dict[str, Any], check: str, level: str, found: str, advice: str) -> None:
    queue = changes.pop("queue", "detection")
    status = look(streams=(stream("frames", group("detection-workers", queue, **changes)),))

    (row,) = check_backlog(status, Settings(), "redis-cli -p 7000")

    assert (row.check, row.level) == (check, level)
    assert found in row.found
    assert advice in row.advice


def test_dead_letters_are_a_warning_with_the_way_to_them() -> None:
    (row,) = check_backlog(look(streams=(stream("frames", dead_letters=2), stream("zones", dead_letters=1))), Settings())

    assert (row.level, row.found) == ("warning", "3 dead letters: frames 2, zones 1")
    assert "genesis dlq stats" in row.advice
