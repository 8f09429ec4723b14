"""One camera whose clock is set back: time stands still for a little, and a new session begins for more."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest

from genesis.capture.mailbox import Arrival
from genesis.errors import BackpressureError
from tests.cameras import refusing

FULL = BackpressureError("genesis:frames", 1000, 1000)


@pytest.fixture
def at(clock):
    """Return a function that makes a frame of so many seconds after the start."""
    began = clock.utc()
    return lambda seconds: Arrival(np.zeros((4, 6, 3), np.uint8), began + timedelta(seconds=seconds))


def test_a_clock_that_is_set_back_a_little_stands_still(at, sink, watch, clock):
    began = clock.utc()

    report = watch([at(1), at(2), at(1.0), at(1.9), at(2.1)], sink)

    assert [(event.time - began).total_seconds() for event in sink.frames] == [1, 2, 2, 2, 2.1]
    assert {event.session for event in (*sink.frames, *sink.sessions)} == {report.session}


def test_a_clock_that_jumps_back_ends_the_session_and_begins_another(at, make_sink, watch, clock):
    began = clock.utc()
    sink = make_sink(refusing(None, None, FULL))

    report = watch([at(5), at(6), at(7), at(-3594.0), at(-3593)], sink)

    first, ended, second, last = sink.sessions
    assert [event.kind for event in sink.sessions] == ["started", "ended", "started", "ended"]
    assert (ended.session, ended.reason) == (first.session, "the clock jumped back by 3601.0 s")
    assert ((ended.time - began).total_seconds(), ended.duration) == (7, 7)
    assert (ended.frames, ended.dropped, ended.next_number) == (2, {"backpressure": 1}, 2)
    assert (second.session, second.time, second.frames) == (last.session, sink.frames[2].time, 0)
    assert (last.frames, last.dropped, last.next_number) == (2, {}, 2)
    assert [(event.session, event.number, event.dropped) for event in sink.frames] == [
        (first.session, 0, {}), (first.session, 1, {}), (second.session, 0, {}), (second.session, 1, {}),
    ]  # fmt: skip
    assert (report.frames, report.dropped, report.session) == (4, {"backpressure": 1}, second.session)
    assert len({event.id for event in sink.sessions}) == 4


def test_a_clock_that_was_set_back_before_the_first_frame_begins_the_session_there(at, sink, watch):
    watch([at(-60)], sink)

    first, ended, second, _ = sink.sessions
    assert (first.time, ended.frames, second.time) == (ended.time, 0, sink.frames[0].time)


def test_a_jump_is_told_before_the_frame_that_shows_it(at, make_sink, watch):
    told = []

    watch([at(5), at(0)], make_sink(lambda event: told.append(getattr(event, "kind", "frame"))))

    assert told == ["started", "frame", "ended", "started", "frame", "ended"]


def test_an_end_is_not_told_of_a_time_before_the_last_frame(at, sink, watch):
    watch([at(5)], sink)

    assert sink.sessions[-1].time == sink.frames[-1].time


def test_a_recording_played_in_real_time_begins_a_new_session_too(recording, sink, play, clock):
    right = clock.utc
    clock.at(2.05, lambda: setattr(clock, "utc", lambda: right() - timedelta(hours=1)))

    report = play(recording([True] * 60, fps=10.0), sink)

    assert sink.kinds == ["started", "ended", "started", "ended"]
    assert [event.frames for event in sink.sessions] == [0, 21, 0, 39]
    assert report.frames == 60
