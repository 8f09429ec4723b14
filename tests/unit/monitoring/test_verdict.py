"""How an installation is, in one word, and why."""

from __future__ import annotations

from typing import Any

import pytest

from genesis.monitoring.status import CacheStatus
from genesis.monitoring.verdict import judge
from genesis.settings import Settings
from tests.looks import SERVED, camera, group, look, program, staff, stream


def frames(**changes: Any) -> tuple[Any, ...]:
    return (stream("frames", group("detection-workers", "detection", **changes)),)


def test_an_installation_that_is_well_has_no_reasons() -> None:
    verdict = judge(look(), Settings())

    assert (verdict.word, verdict.reasons) == ("healthy", ())


@pytest.mark.parametrize("programs", [(), (program("exporter"),)], ids=["nobody", "an exporter alone"])
def test_where_nothing_runs_and_nothing_waits_it_is_idle(programs: Any) -> None:
    assert judge(look(programs=programs), Settings()).word == "idle"


@pytest.mark.parametrize(
    ("changes", "word", "reason"),
    [
        ({"programs": staff(bridge=None)}, "trouble", "no bridge runs"),
        ({"programs": staff(bridge=program(age=40.0))}, "trouble", "no bridge runs"),
        ({"programs": staff(bridge=program(ailing=("sweep",)))}, "trouble", "bridge bridge-north-1 has stopped going on: sweep"),
        ({"programs": staff(worker=program("worker", "w", queues=SERVED[1:]))}, "attention", "no worker for queue ingestion"),
        ({"programs": staff(worker=None)}, "attention", "no worker for queues analytics, detection, ingestion, recognition"),
        ({"programs": staff(worker=None), "streams": frames(lag=1)}, "trouble", "no worker for queue detection: 1 entry waits"),
        ({"programs": (), "streams": frames(lag=5)}, "trouble", "nothing runs, and 5 deliveries wait"),
        ({"programs": (program(age=50.0), program("worker", "w", age=40.0))}, "trouble", "nothing runs any more, for 40 s"),
        ({"cameras": (camera(state="lost"),)}, "trouble", "camera door is lost"),
        ({"cameras": (camera(age=45.0),)}, "trouble", "camera door was not heard of for 45 s"),
        ({"streams": frames(pending=100, lag=900)}, "trouble", "frames/detection-workers is full: 1000 of 1000 unsettled"),
        ({"streams": frames(lag=800)}, "attention", "frames/detection-workers is nearly full: 800 of 1000 unsettled"),
        ({"streams": frames(pending=1, oldest_pending=200.0)}, "attention", "frames/detection-workers: an entry is pending for 200 s"),
        ({"streams": frames(exists=False)}, "attention", "group frames/detection-workers is missing"),
        ({"streams": (stream("zones", dead_letters=1),)}, "attention", "1 dead letter (zones 1)"),
        ({"cache": CacheStatus(480, 500, 9, 9)}, "attention", "frame cache 96% full"),
        ({"cache": CacheStatus(0, 500, 0, 0, "can't be reached")}, "trouble", "frame cache: can't be reached"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(changes: dict[str, Any], word: str, reason: str) -> None:
    verdict = judge(look(**changes), Settings())

    assert (verdict.word, [row.text for row in verdict.reasons if row.text == reason]) == (word, [reason])


@pytest.mark.parametrize(
    "changes",
    [
        {"cameras": (camera(state="ended", age=900.0),)},
        {"cameras": (camera("left", age=90_000.0),)},
        {"programs": (*staff(), program("worker", "old@north", queues=("detection",), age=60.0))},
        {"programs": (*staff(), program("capture", "north-6", cameras=("door",), age=60.0))},
        {"programs": (*staff(), program("bridge", "bridge-south-1", age=60.0))},
    ],
    ids=["a session that ended", "a camera of last week", "a worker that was replaced", "a capture that was", "a bridge that was"],
)
def test_what_is_over_or_replaced_troubles_nobody(changes: dict[str, Any]) -> None:
    assert judge(look(**changes), Settings()).word == "healthy"


def test_one_whose_work_nobody_else_does_is_missed() -> None:
    lost = program("worker", "gpu@south", queues=("detection", "notifications"), age=60.0)

    verdict = judge(look(programs=(*staff(), lost)), Settings())

    assert [row.text for row in verdict.reasons] == ["worker gpu@south gave no sign of life for 60 s"]


def test_the_gravest_reasons_come_first() -> None:
    verdict = judge(look(streams=(stream("zones", dead_letters=3),), cameras=(camera(state="lost"),)), Settings())

    assert [row.grave for row in verdict.reasons] == [True, False]


def test_an_installation_that_fell_silent_is_one_reason_and_not_twelve() -> None:
    silent = tuple(program(role, f"{role}-{number}", age=90.0) for role in ("bridge", "capture", "worker") for number in range(4))

    assert len(judge(look(programs=silent, cameras=()), Settings()).reasons) == 1
