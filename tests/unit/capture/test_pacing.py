"""Which frames are taken, and when."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genesis.capture.pacing import ASSUMED_FPS, Pacer, Schedule, Thinner


@pytest.mark.parametrize(
    ("native", "wanted", "taken", "paced", "second_offset"),
    [
        (10, None, [0, 1, 2, 3, 4, 5, 6, 7, 8], True, 0.1),
        (10, 0, [0, 1, 2, 3, 4, 5, 6, 7, 8], False, 0.1),
        (30, 10, [0, 3, 6], True, 1 / 30),
        (25, 10, [0, 3, 5, 8], True, 0.04),
        (10, 20, [0, 1, 2, 3, 4, 5, 6, 7, 8], True, 0.1),
        (29.97, 29.97, [0, 1, 2, 3, 4, 5, 6, 7, 8], True, 1 / 29.97),
        (None, 5, [0, 1, 2, 3, 4, 5, 6, 7, 8], True, 0.2),
        (None, None, [0, 1, 2, 3, 4, 5, 6, 7, 8], True, 1 / ASSUMED_FPS),
        (None, 0, [0, 1, 2, 3, 4, 5, 6, 7, 8], False, 1 / ASSUMED_FPS),
    ],
)
def test_a_recording_is_played_as_the_table_says(native, wanted, taken, paced, second_offset):
    schedule = Schedule.of(native, wanted)

    assert [index for index in range(9) if schedule.takes(index)] == taken
    assert schedule.paced is paced
    assert schedule.offset(1) == pytest.approx(second_offset)


@given(native=st.floats(1, 240), wanted=st.floats(0.1, 240), seconds=st.integers(1, 60))
def test_a_recording_gives_the_wanted_number_of_frames_and_never_more_than_it_has(native, wanted, seconds):
    schedule = Schedule.of(native, wanted)
    length = int(native * seconds)

    taken = sum(schedule.takes(index) for index in range(length))

    assert taken == pytest.approx(length * min(1.0, wanted / native), abs=1.01)


def test_a_recording_waits_until_each_frame_is_due(clock, stop):
    pacer = Pacer(Schedule.of(10, None), clock)

    for index in range(4):
        pacer.wait(index, stop)

    assert clock.slept == pytest.approx([0.1, 0.1, 0.1])


def test_as_fast_as_it_goes_means_no_wait(clock, stop):
    pacer = Pacer(Schedule.of(10, 0), clock)

    for index in range(100):
        pacer.wait(index, stop)

    assert clock.slept == []


def test_a_little_delay_is_caught_up(clock, stop):
    pacer = Pacer(Schedule.of(10, None), clock)
    pacer.wait(0, stop)
    clock.advance(0.25)

    for index in (1, 2, 3):
        pacer.wait(index, stop)

    assert clock.slept == pytest.approx([0.05])


def test_a_long_delay_is_not_hurried_after(clock, stop):
    pacer = Pacer(Schedule.of(10, None), clock)
    pacer.wait(0, stop)
    clock.advance(60)

    for index in (1, 2, 3):
        pacer.wait(index, stop)

    assert clock.slept == pytest.approx([0.1, 0.1])


@pytest.mark.parametrize("wait", [0.0, 5.0])
def test_a_wait_tells_that_it_was_stopped(clock, stop, wait):
    pacer = Pacer(Schedule.of(0.1, None), clock)
    pacer.wait(0, stop)
    clock.at(2, stop.set)
    clock.advance(wait)

    stopped = pacer.wait(1, stop)

    assert stopped


@pytest.mark.parametrize(
    ("fps", "arrivals", "taken"),
    [
        (None, [0, 0.01, 0.02], [0, 0.01, 0.02]),
        (0, [0, 0.01, 0.02], [0, 0.01, 0.02]),
        (10, [0, 0.05, 0.1, 0.15, 0.2], [0, 0.1, 0.2]),
        (10, [0, 0.099, 0.201, 0.3, 0.399, 0.5], [0, 0.201, 0.3, 0.399, 0.5]),
        (10, [0, 5.0, 5.01, 5.02, 5.09, 5.1], [0, 5.0, 5.01, 5.1]),
    ],
)
def test_a_live_camera_is_thinned_as_the_table_says(fps, arrivals, taken):
    thinner = Thinner(fps)

    assert [now for now in arrivals if thinner.takes(now)] == taken


@given(fps=st.floats(0.5, 60), gaps=st.lists(st.floats(0, 3), min_size=1, max_size=200))
def test_a_live_camera_never_gives_more_than_its_limit(fps, gaps):
    thinner = Thinner(fps)
    now, taken = 0.0, 0

    for gap in gaps:
        now += gap
        taken += thinner.takes(now)

    assert taken <= now * fps + 2
