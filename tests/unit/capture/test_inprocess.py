"""Sync mode runs the same handlers, one inside the other, and outlives their failures."""

from __future__ import annotations

import logging
from datetime import timedelta

import numpy as np
import pytest

from genesis.capture.inprocess import InProcess, MemoryCameras
from genesis.context import Context
from genesis.errors import FrameMissingError, ModelError, PermanentError
from genesis.events import AlertEvent, Event, FrameCaptured, MetricsEvent, PersonDetected, completed
from genesis.settings import Settings
from genesis.subscriptions import Registry, Subscription
from tests.events_of_tests import NOON, frame, persons

PICTURE = np.full((48, 64, 3), 7, np.uint8)


def pipeline(*rows: Subscription, seen: list[Event] | None = None) -> InProcess:
    registry = Registry()
    for row in rows:
        registry.add(row)
    return InProcess(Settings(), registry, lambda event, _frames: None if seen is None else seen.append(event))


def detecting(event: FrameCaptured, context: Context) -> list[PersonDetected]:
    assert context.frames.get(event.frame_key)[0, 0, 0] == 7
    return [persons(event.number, 2)]


def alerting(event: PersonDetected, _: Context) -> list[AlertEvent]:
    return [AlertEvent.about(event, rule="crowd")]


def nothing(_event: Event, _context: Context) -> None:
    return None


def test_what_comes_of_an_event_is_handled_before_the_next_group() -> None:
    seen: list[Event] = []
    order: list[str] = []

    def last(event: FrameCaptured, _: Context) -> None:
        order.append(f"last {event.number} after {len(seen)} events")

    line = pipeline(
        Subscription(FrameCaptured, "detection", "q", detecting),
        Subscription(FrameCaptured, "last", "q", last),
        Subscription(PersonDetected, "alerts", "q", alerting),
        seen=seen,
    )

    line.frame(frame(1), PICTURE)

    assert [type(event) for event in seen] == [FrameCaptured, PersonDetected, AlertEvent]
    assert order == ["last 1 after 3 events"]
    assert line.events == {"frames": 1, "persons": 1, "alerts": 1}


def test_outputs_have_the_ids_that_event_mode_gives_them() -> None:
    from genesis.bus.runner import run_handler

    seen: list[Event] = []
    row = Subscription(PersonDetected, "alerts", "q", alerting)
    cause = completed(persons(3))

    pipeline(row, seen=seen).handle(cause)

    assert seen[1:] == run_handler(row, cause, Context(Settings(), None, None))  # type: ignore[arg-type]


def test_a_frame_is_there_only_while_it_is_handled() -> None:
    line = pipeline(Subscription(FrameCaptured, "detection", "q", detecting))

    line.frame(frame(1), PICTURE)

    with pytest.raises(FrameMissingError):
        line.frames.get("frame-1")


def test_a_filter_keeps_events_away() -> None:
    ran: list[Event] = []
    row = Subscription(PersonDetected, "g", "q", lambda event, _: ran.append(event), when=lambda event: len(event.persons) > 1)

    line = pipeline(row)
    for count in (0, 1, 2, 3):
        line.handle(persons(count, count))

    assert [len(event.persons) for event in ran] == [2, 3]  # type: ignore[attr-defined]


@pytest.mark.parametrize(("error", "runs"), [(ValueError("again"), 4), (PermanentError("never"), 1)])
def test_a_failure_is_tried_again_counted_and_told_and_the_rest_goes_on(
    error: Exception, runs: int, caplog: pytest.LogCaptureFixture
) -> None:
    tried: list[Event] = []

    def failing(event: Event, _: Context) -> None:
        tried.append(event)
        raise error

    line = pipeline(Subscription(PersonDetected, "failing", "q", failing), Subscription(PersonDetected, "other", "q", nothing))
    with caplog.at_level(logging.ERROR):
        for number in range(5):
            line.handle(persons(number))

    assert len(tried) == runs * 5
    assert line.settled == {"other": 5}
    assert sum(line.failed.values()) == 5
    assert len(caplog.records) == 4  # three in full, and that further ones are only counted


def test_settings_that_can_not_work_end_it() -> None:
    def unusable(_event: Event, _context: Context) -> None:
        raise ModelError("no model")

    with pytest.raises(ModelError):
        pipeline(Subscription(PersonDetected, "g", "q", unusable)).handle(persons())


def test_an_output_that_event_mode_would_refuse_is_a_failure_here_too() -> None:
    def careless(event: FrameCaptured, _: Context) -> list[Event]:
        return [AlertEvent.about(event, rule="r"), persons(event.number, width=np.int64(64))]

    seen: list[Event] = []
    line = pipeline(Subscription(FrameCaptured, "careless", "q", careless), seen=seen)

    line.frame(frame(1), PICTURE)

    assert [type(event) for event in seen] == [FrameCaptured]
    assert sum(line.failed.values()) == 1


def test_the_newest_figures_of_a_session_are_kept_and_those_of_a_new_one() -> None:
    cameras = MemoryCameras()
    later, earlier, other = (
        MetricsEvent(camera="door", time=NOON + timedelta(seconds=second), window=10.0, session=session)
        for session, second in (("a", 50), ("a", 40), ("b", 0))
    )

    cameras.measured(later)
    cameras.measured(earlier)
    kept = cameras.figures["door"]
    cameras.measured(other)

    assert (kept, cameras.figures["door"]) == (later, other)
