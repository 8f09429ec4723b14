"""The figures of windows add up to those of the frames."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genesis.analytics.windows import MOST_RECENT, Frame, Window, closed, counted
from genesis.events import MetricsEvent, encode

START = 1_767_355_200_000  # 2026-01-02 12:00 UTC, where windows of 10 s and of a minute begin
TEN = 10_000


def frames(count: int, step_ms: int = 100, first_ms: int = START, **facts: object) -> list[Frame]:
    return [Frame(first_ms + index * step_ms, index, "s1", **facts) for index in range(count)]  # type: ignore[arg-type]


def told(shown: Sequence[Frame], window_ms: int = TEN, **ending: object) -> list[MetricsEvent]:
    """Return the events of a whole session, with the state going through JSON after every frame."""
    state, events = Window(), []
    for frame in shown:
        state, some = counted(state, frame, {}, (), window_ms, "door")
        state = Window.parse(json.loads(json.dumps(state.plain)))
        events += some
    return events + closed(state, "door", **ending)[1]  # type: ignore[arg-type]


def test_a_full_window_is_told_when_a_frame_of_the_next_one_comes() -> None:
    state = Window()
    for frame in frames(100, persons=2):
        state, events = counted(state, frame, {}, (), TEN, "door")
        assert events == []

    state, (event,) = counted(state, Frame(START + TEN, 100, "s1"), {}, (), TEN, "door")

    assert (event.camera, event.session, event.window) == ("door", "s1", 10.0)
    assert event.time == datetime(2026, 1, 2, 12, tzinfo=timezone.utc)
    assert (event.frames_captured, event.frames_processed, event.persons, event.most_persons) == (100, 100, 200, 2)
    assert (event.seconds, event.fps_captured, event.fps_processed) == (10.0, 10.0, 10.0)
    assert event.id == ""
    encode(msgspec.structs.replace(event, id="x", traceparent=""))


@pytest.mark.parametrize(
    ("shown", "seconds"),
    [
        pytest.param(frames(40), [4.0], id="the session ends in the window"),
        pytest.param(frames(40, first_ms=START + 6_000), [4.0], id="the session begins in the window"),
        pytest.param(frames(60, first_ms=START + 7_000), [3.0, 3.0], id="two parts of windows"),
        pytest.param(frames(1), [0.0], id="one frame says nothing"),
        pytest.param([*frames(10), Frame(START + 8_000, 10, "s1")], [1.1], id="the camera was away"),
        pytest.param([*frames(10), Frame(START + 8_000, 20, "s1")], [8.1], id="it was there, its frames did not come"),
        pytest.param([*frames(10), Frame(START + 8_000, 10, "s1", dropped={"x": 5})], [8.1], id="it was there, its frames were dropped"),
        pytest.param(frames(4, 8_000), [10.0, 10.0, 10.0], id="a slow camera"),
        pytest.param([*frames(10), Frame(START + 95_000, 10, "s1")], [1.0, 0.1], id="away for several windows"),
    ],
)  # fmt: skip
def test_the_seconds_are_those_in_which_the_camera_was_there(shown: list[Frame], seconds: list[float]) -> None:
    events = told(shown)

    assert [event.seconds for event in events] == pytest.approx(seconds)


def test_the_rate_of_a_part_of_a_window_is_that_of_its_frames() -> None:
    first, second = told(frames(60, first_ms=START + 7_000))

    assert (first.fps_captured, second.fps_captured) == (10.0, 10.0)


@pytest.mark.parametrize(
    ("facts", "captured"),
    [
        (Frame(START, 0, "s1"), 1),
        (Frame(START, 5, "s1"), 6),
        pytest.param(Frame(START, 5, "s1", dropped={"redis_unavailable": 2}), 4, id="their numbers were used, they were not published"),
        pytest.param(Frame(START, 1, "s1", dropped={"redis_unavailable": 20}), 1, id="others had no number"),
        pytest.param(Frame(START, 5, "s1", dropped={"backpressure": 2}), 6, id="these have no number"),
    ],
)
def test_frames_that_never_came_were_captured(facts: Frame, captured: int) -> None:
    (event,) = told([facts])

    assert (event.frames_captured, event.frames_processed) == (captured, 1)


def test_the_end_of_a_session_tells_what_no_frame_has_told() -> None:
    shown = [*frames(10), Frame(START + 1_000, 10, "s1", dropped={"backpressure": 2})]

    (event,) = told(shown, next_number=14, dropped={"backpressure": 5, "stopped": 1})

    assert (event.frames_captured, event.frames_processed) == (14, 11)
    assert event.dropped == {"backpressure": 5, "stopped": 1}


def test_a_frame_from_before_the_window_is_counted_in_it_as_late() -> None:
    shown = [*frames(2, first_ms=START + TEN), Frame(START + TEN - 500, 2, "s1", persons=3), Frame(START + TEN + 150, 3, "s1")]

    (event,) = told(shown)

    assert (event.frames_processed, event.late, event.persons, event.most_persons) == (4, 1, 3, 3)
    assert event.time == datetime(2026, 1, 2, 12, 0, 10, tzinfo=timezone.utc)


def test_a_track_counts_once_in_a_window_and_again_in_the_next() -> None:
    shown = [
        Frame(START + index * 1_000, index, "s1", tracks=("s1-1",) if index % 2 else ("s1-1", "s1-2", "another")) for index in range(20)
    ]

    assert [event.tracks for event in told(shown)] == [3, 3]


def test_tracks_that_have_left_long_ago_are_forgotten_those_in_view_are_not() -> None:
    shown = [Frame(START + index, index, "s1", tracks=("s1-0", f"s1-{index}")) for index in range(3 * MOST_RECENT)]
    state = Window()
    for frame in shown:
        state, _ = counted(state, frame, {}, (), TEN, "door")

    _, (event,) = closed(state, "door")

    assert event.tracks == 3 * MOST_RECENT
    assert state.open is not None
    assert len(state.open.recent) == MOST_RECENT


def test_zones_have_their_most_persons_and_their_visits() -> None:
    state = Window()
    shown = frames(4)
    given_ = [({"yard": 1, "gate": 0}, []), ({"yard": 3}, [("gate", 2.0)]), ({"yard": 2}, [("gate", 4.0), ("yard", 0.5)]), ({}, [])]
    for frame, (occupancy, visits) in zip(shown, given_, strict=True):
        state, _ = counted(state, frame, occupancy, visits, TEN, "door")

    _, (event,) = closed(state, "door", visits_ended=[("yard", 1.5)])

    assert event.occupancy == {"yard": 3, "gate": 0}
    assert event.visits == {"gate": 2, "yard": 2}
    assert event.dwell == {"gate": 3.0, "yard": 1.0}


def test_latencies_are_told_as_quantiles_and_not_at_all_for_a_recording() -> None:
    live = [Frame(START + index, index, "s1", latency_s=index / 100) for index in range(101)]

    (event,), (recorded,) = told(live), told(frames(3))

    assert event.latency_p50 == pytest.approx(0.5, rel=0.03)
    assert event.latency_p95 == pytest.approx(0.95, rel=0.03)
    assert (recorded.latency_p50, recorded.latency_p95) == (None, None)


def test_another_session_closes_the_window_of_the_one_before() -> None:
    events = told([*frames(3), Frame(START + 500, 0, "s2")])

    assert [(event.session, event.frames_captured) for event in events] == [("s1", 3), ("s2", 1)]


def test_a_session_goes_on_after_its_clock_has_jumped() -> None:
    state = Window()
    for frame in frames(3):
        state, _ = counted(state, frame, {}, (), TEN, "door")
    state, first = closed(state, "door")

    state, nothing = counted(state, Frame(START - 60_000, 3, "s1"), {}, (), TEN, "door")
    _, second = closed(state, "door")

    assert nothing == []
    assert [(event.frames_captured, event.late) for event in first + second] == [(3, 0), (1, 0)]


def test_nothing_counted_is_nothing_told() -> None:
    assert closed(Window(), "door") == (Window(), [])


def test_a_state_that_cannot_be_read_is_the_beginning() -> None:
    assert Window.parse({"session": 7}) == Window()


def test_the_state_is_small_and_does_not_grow_with_the_frames() -> None:
    state = Window()
    for frame in frames(5_000, tracks=tuple(f"s1-{n}" for n in range(20)), latency_s=0.2, dropped={"superseded": 1}):
        state, _ = counted(state, frame, {"yard": 3}, (), 3_600_000, "door")

    assert len(json.dumps(state.plain)) < 700


REASONS = st.dictionaries(st.sampled_from(["superseded", "corrupt"]), st.integers(1, 5), max_size=2)


@st.composite
def sessions(draw: st.DrawFn) -> list[Frame]:
    """Return the frames of a session: gaps, steps back, pauses."""
    at_ms, number, made = START, -1, []
    for _ in range(draw(st.integers(1, 25))):
        at_ms += draw(st.sampled_from([-1_200, -10, 0, 40, 100, 100, 100, 3_000, 27_000]))
        number += draw(st.sampled_from([1, 1, 1, 2, 9]))
        count = draw(st.integers(0, 3))
        tracks = tuple(f"s1-{draw(st.integers(1, 9))}" for _ in range(count))
        made.append(Frame(at_ms, number, "s1", count, tracks, draw(REASONS), draw(st.none() | st.floats(0, 9))))
    return made


VISITS = st.lists(st.tuples(st.sampled_from(["yard", "gate"]), st.integers(0, 9_000)), max_size=2)


@settings(max_examples=80)
@given(shown=sessions(), window_ms=st.sampled_from([50, 1_000, TEN, 60_000]), data=st.data())
def test_the_sums_over_the_windows_are_those_over_the_frames_whatever_the_window(
    shown: list[Frame], window_ms: int, data: st.DataObject
) -> None:
    visits = [data.draw(VISITS) for _ in shown]

    def play() -> list[MetricsEvent]:
        state, events = Window(), []
        for frame, ended in zip(shown, visits, strict=True):
            seconds = [(zone, ms / 1000) for zone, ms in ended]
            state, some = counted(Window.parse(json.loads(json.dumps(state.plain))), frame, {}, seconds, window_ms, "door")
            events += some
        return events + closed(state, "door")[1]

    events = play()

    assert sum(event.frames_processed for event in events) == len(shown)
    assert sum(event.frames_captured for event in events) == shown[-1].number + 1
    assert sum(event.persons for event in events) == sum(frame.persons for frame in shown)
    assert max(event.most_persons for event in events) == max(frame.persons for frame in shown)
    assert sum((Counter(event.dropped) for event in events), Counter()) == sum((Counter(frame.dropped) for frame in shown), Counter())
    assert sum((Counter(event.visits) for event in events), Counter()) == Counter(zone for ended in visits for zone, _ in ended)
    dwell = sum(event.dwell[zone] * count for event in events for zone, count in event.visits.items())
    assert dwell == pytest.approx(sum(ms for ended in visits for _, ms in ended) / 1000, abs=0.02)
    assert sum(event.tracks for event in events) >= len({name for frame in shown for name in frame.tracks})
    starts = [event.time for event in events]
    assert starts == sorted(set(starts))
    assert all(not (start - datetime(1970, 1, 1, tzinfo=timezone.utc)) % timedelta(milliseconds=window_ms) for start in starts)
    assert all(0 <= event.seconds <= event.window for event in events)
    assert play() == events


@settings(max_examples=50)
@given(steps=st.lists(st.integers(1, 400), min_size=2, max_size=60), window_ms=st.sampled_from([1_000, 3_000, TEN]))
def test_windows_cover_the_time_from_the_first_frame_to_where_the_next_would_come(steps: list[int], window_ms: int) -> None:
    at_ms, shown = START, []
    for number, step in enumerate(steps):
        shown.append(Frame(at_ms, number, "s1"))
        at_ms += step

    events = told(shown, window_ms)

    last = shown[-1].at_ms
    usual = min(steps[-3:-1])
    assert sum(event.seconds for event in events) == pytest.approx((min(last + usual, last - last % window_ms + window_ms) - START) / 1000)
