"""One camera: numbers, times, session, waiting, and dropping."""

from __future__ import annotations

import logging
from datetime import timedelta

import pytest

from genesis.capture.camera import Camera
from genesis.capture.feed import LAST_SECONDS
from genesis.capture.mailbox import Arrival, Lost, Recovered
from genesis.errors import BackpressureError, FrameCacheFullError, ModelError, ServerUnavailableError
from genesis.events import FrameCaptured, SessionEvent
from genesis.settings import Capture
from tests.cameras import ListReader, refusing

FULL = BackpressureError("genesis:frames", 1000, 1000)
AWAY = ServerUnavailableError("Redis at redis://h (redis.url) can't be reached")
CACHE = FrameCacheFullError(500, 1, 500)


def test_frames_are_numbered_from_0_within_a_session(recording, sink, play):
    report = play(recording([True] * 3), sink)

    session = report.session
    assert [event.number for event in sink.frames] == [0, 1, 2]
    assert [event.id for event in sink.frames] == [f"door-{session}-{number}" for number in range(3)]
    assert [event.frame_key for event in sink.frames] == [event.id for event in sink.frames]
    assert {(event.session, event.camera, event.width, event.height, event.live) for event in sink.frames} == {
        (session, "door", 6, 4, False)
    }
    assert all(event.traceparent for event in sink.frames)


def test_two_runs_have_different_sessions(recording, make_sink, play):
    reports = [play(recording([True]), make_sink()) for _ in range(2)]

    assert reports[0].session != reports[1].session


def test_a_recording_tells_its_start_and_end(recording, sink, play):
    source = recording([True, False, True])

    report = play(source, sink)

    started, ended = sink.sessions
    assert (started.kind, started.scope, started.frames, started.session) == ("started", "camera", 0, report.session)
    assert (ended.kind, ended.frames, ended.dropped, ended.reason) == ("ended", 2, {"corrupt": 1}, "end of the recording")
    assert ended.duration == pytest.approx(0.2)
    assert started.id != ended.id
    assert source.closed


def test_in_real_time_a_frame_has_the_time_of_its_capture(recording, sink, play, clock):
    began = clock.utc()

    play(recording([True] * 3, fps=2.0), sink)

    assert [(event.time - began).total_seconds() for event in sink.frames] == [0, 0.5, 1]


def test_as_fast_as_it_goes_a_frame_has_the_time_at_which_it_would_have_been_read(recording, sink, play, clock):
    began = clock.utc()

    play(recording([True, False, True], fps=2.0), sink, fps=0)

    assert [event.time - began for event in sink.frames] == [timedelta(0), timedelta(seconds=1)]
    assert sink.sessions[-1].time - began == timedelta(seconds=1.5)
    assert sink.sessions[-1].duration == 1.5
    assert clock.slept == []


def test_a_loop_goes_on_in_the_same_session_with_the_next_number(recording, sink, play):
    source = recording([True] * 4)

    report = play(source, sink, loop=True, max_frames=10)

    assert [event.number for event in sink.frames] == list(range(10))
    assert source.passes == 3
    assert sink.kinds == ["started", "ended"]
    assert report.ended == "as many frames as were wanted"


def test_a_loop_without_one_good_frame_ends(recording, sink, play):
    report = play(recording([False, False]), sink, loop=True)

    assert (report.frames, report.dropped, report.ended) == (0, {"corrupt": 2}, "end of the recording")


def test_frames_over_the_wanted_rate_are_left_out_and_are_no_drops(recording, sink, play, clock):
    report = play(recording([True] * 30, fps=30.0), sink, fps=10)

    assert (report.frames, report.thinned, report.dropped) == (10, 20, {})
    assert sum(clock.slept) == pytest.approx(27 / 30)


@pytest.mark.parametrize(("error", "waits"), [(FULL, 0.05), (CACHE, 0.05), (AWAY, 0.5)])
def test_a_recording_waits_for_room_and_loses_nothing(recording, make_sink, play, clock, caplog, error, waits):
    caplog.set_level(logging.INFO, "genesis.capture.feed")
    sink = make_sink(refusing(None, error, error, None, error))

    report = play(recording([True] * 5), sink, fps=0)

    assert [event.number for event in sink.frames] == [0, 1, 2, 3, 4]
    assert report.dropped == {}
    assert clock.slept == [waits] * 3
    assert caplog.messages == [
        f"camera 'door': waiting: {error}",
        f"camera 'door': no longer waiting (waited 3 times in {waits * 2:.1f} s)",
    ]


def test_a_refused_frame_is_offered_again_unchanged(recording, make_sink, play):
    offered = []

    def refuse(event) -> None:
        offered.append(event)
        if len(offered) in (2, 3):
            raise FULL

    play(recording([True]), make_sink(refuse))

    assert offered[1] == offered[2] == offered[3]


def test_a_live_camera_drops_by_reason_and_goes_on(arrival, make_sink, watch, clock, caplog):
    sink = make_sink(refusing(FULL, CACHE, None, FULL))

    report = watch([arrival] * 5, sink)

    assert report.dropped == {"backpressure": 2, "cache_full": 1}
    assert [event.number for event in sink.frames] == [0, 1]
    assert all(event.live for event in sink.frames)
    assert clock.slept == []
    assert [record.levelname for record in caplog.records if "dropping" in record.message] == ["WARNING"]
    assert sorted(sink.drops) == [("door", "backpressure", 1), ("door", "backpressure", 1), ("door", "cache_full", 1)]


def test_a_number_whose_publishing_is_unsure_names_no_other_frame(arrival, make_sink, watch):
    sink = make_sink(refusing(None, AWAY, None))

    report = watch([arrival] * 3, sink)

    assert report.dropped == {"redis_unavailable": 1}
    assert [event.number for event in sink.frames] == [0, 2]


def test_while_redis_is_away_drops_are_kept_and_told_afterwards(arrival, make_sink, watch, clock):
    told_while_away = []

    def later() -> Arrival:
        clock.advance(3)
        told_while_away.append(list(sink.drops))
        return arrival()

    sink = make_sink(refusing(AWAY, AWAY, AWAY))

    watch([arrival, later, later, later], sink)

    assert told_while_away == [[], [], []]
    assert sink.drops == [("door", "redis_unavailable", 3)]


def test_frames_that_came_during_a_vain_wait_for_redis_are_counted_under_it(arrival, make_sink, watch, scripted, clock, stop):
    reader = ListReader([arrival, arrival, arrival], stop)

    def refuse(event) -> None:
        if isinstance(event, FrameCaptured):
            reader.counted = {"superseded": 20}
            if not reader.waiting:
                return
            raise AWAY

    report = Camera("door", scripted(), make_sink(refuse), Capture(), stop=stop, clock=clock, reader=reader).run()

    assert (report.frames, report.dropped) == (1, {"redis_unavailable": 42, "superseded": 20})


def test_loss_and_recovery_are_told_in_the_same_session(arrival, sink, watch, clock):
    lost = Lost(clock.utc(), "no frame for 10 s from rtsp://***@10.0.0.7/1")
    back = Recovered(clock.utc() + timedelta(seconds=12.5), 12.5)

    report = watch([arrival, lost, back, arrival], sink)

    assert sink.kinds == ["started", "lost", "recovered", "ended"]
    assert {event.session for event in (*sink.sessions, *sink.frames)} == {report.session}
    assert sink.sessions[1].reason == lost.reason
    assert (sink.sessions[2].duration, sink.sessions[2].time, sink.sessions[2].frames) == (12.5, back.time, 1)
    assert len({event.id for event in sink.sessions}) == 4


def test_what_the_reader_counted_is_counted_here(arrival, sink, watch):
    report = watch([arrival], sink, counts={"superseded": 7, "corrupt": 1, "thinned": 30})

    assert report.dropped == {"corrupt": 1, "superseded": 7}
    assert report.thinned == 30


def test_a_frame_that_was_read_when_the_camera_stopped_is_counted(arrival, sink, watch, stop):
    def stopping() -> None:
        stop.set()

    report = watch([arrival, stopping, arrival(), Lost(arrival().time, "gone")], sink)

    assert report.frames == 1
    assert report.dropped == {"stopped": 1}


def test_a_live_camera_ends_after_enough_frames(arrival, sink, watch):
    report = watch([arrival] * 9, sink, max_frames=4)

    assert report.frames == 4
    assert report.ended == "as many frames as were wanted"
    assert report.dropped == {"stopped": 5}


def test_session_events_wait_for_the_server_and_keep_their_order(arrival, make_sink, watch, clock):
    until = clock.now + 2

    def refuse(event) -> None:
        if clock.now < until:
            raise AWAY

    def later() -> Arrival:
        clock.advance(1)
        return arrival()

    sink = make_sink(refuse)

    report = watch([later, Lost(clock.utc(), "gone"), Recovered(clock.utc(), 1.0), later, later], sink)

    assert sink.kinds == ["started", "lost", "recovered", "ended"]
    assert report.dropped == {"redis_unavailable": 1}


def test_a_full_session_stream_does_not_hold_up_the_frames(arrival, make_sink, watch):
    def refuse(event) -> None:
        if isinstance(event, SessionEvent):
            raise FULL

    sink = make_sink(refuse)

    report = watch([arrival] * 3, sink)

    assert report.frames == 3
    assert sink.sessions == []


def test_a_stopped_recording_ends_its_session_and_counts_the_frame_in_hand(recording, make_sink, play, clock, stop):
    sink = make_sink(refusing(None, *[FULL] * 1000))
    clock.at(3, stop.set)

    report = play(recording([True] * 5), sink)

    assert report.ended == "stopped"
    assert (report.frames, report.dropped) == (1, {"stopped": 1})
    assert sink.kinds == ["started", "ended"]


def test_a_stop_during_the_wait_for_the_next_frame_is_heeded(recording, sink, play, clock, stop):
    clock.at(0.25, stop.set)

    report = play(recording([True] * 100), sink)

    assert (report.frames, report.dropped) == (3, {"stopped": 1})


def test_a_stopped_camera_does_not_wait_for_a_server_for_ever(recording, make_sink, play, clock, stop, caplog):
    def refuse(event) -> None:
        raise AWAY

    clock.at(10, stop.set)

    report = play(recording([True] * 5), make_sink(refuse))

    assert report.ended == "stopped"
    assert clock.now == pytest.approx(110 + LAST_SECONDS, abs=0.6)
    assert "could not be told" in caplog.text


@pytest.mark.parametrize(
    ("error", "misused", "text"),
    [
        (ModelError("weights 'x.pt': not a model"), True, "weights 'x.pt': not a model"),
        (RuntimeError("at rtsp://a:b@h/1"), False, "at rtsp://***@h/1"),
    ],
)
def test_a_failing_sink_is_reported_and_the_session_ends(recording, make_sink, play, error, misused, text):
    source, sink = recording([True] * 5), make_sink(refusing(None, error))

    report = play(source, sink)

    assert (report.frames, report.error, report.misused) == (1, text, misused)
    assert sink.sessions[-1].reason == f"failed: {text}"
    assert source.closed


def test_a_sink_that_fails_for_good_does_not_hide_the_report(recording, make_sink, play):
    def refuse(event) -> None:
        message = "broken"
        raise RuntimeError(message)

    report = play(recording([True]), make_sink(refuse))

    assert report.error == "broken"


def test_the_report_says_everything(recording, sink, play):
    report = play(recording([True] * 11, fps=10.0), sink)

    assert report.as_dict() == {
        "camera": "door",
        "source": "a list",
        "session": report.session,
        "frames": 11,
        "dropped": {},
        "thinned": 0,
        "seconds": 1.0,
        "ended": "end of the recording",
        "error": None,
        "misused": False,
        "fps": 11.0,
    }


def test_a_frame_tells_what_was_dropped_since_the_one_before(arrival, make_sink, watch):
    sink = make_sink(refusing(None, FULL, CACHE, FULL, None, None, AWAY))

    report = watch([arrival] * 7, sink, counts={"superseded": 4, "thinned": 9})

    assert [event.dropped for event in sink.frames] == [{"superseded": 4}, {"backpressure": 2, "cache_full": 1}, {}]
    assert report.dropped == {"backpressure": 2, "cache_full": 1, "redis_unavailable": 1, "superseded": 4}


def test_a_recording_tells_its_broken_frames_with_the_next_good_one(recording, sink, play):
    play(recording([True, False, False, True]), sink)

    assert [event.dropped for event in sink.frames] == [{}, {"corrupt": 2}]


def test_a_session_tells_the_number_of_its_next_frame_and_whether_it_is_live(arrival, recording, make_sink, watch, play, stop):
    live, played = make_sink(refusing(None, AWAY, None, FULL)), make_sink()

    play(recording([True] * 3), played)
    watch([arrival, Lost(arrival().time, "gone"), arrival, arrival, arrival], live)

    assert [(event.kind, event.next_number, event.live) for event in live.sessions] == [
        ("started", 0, True), ("lost", 1, True), ("ended", 3, True),
    ]  # fmt: skip
    assert [(event.kind, event.next_number, event.live) for event in played.sessions] == [("started", 0, False), ("ended", 3, False)]


@pytest.mark.parametrize("loop", [False, True])
def test_read_ahead_a_recording_tells_the_same(recording, make_sink, play, loop):
    told = []
    for ahead in (False, True):
        sink = make_sink()
        source = recording([True, False, True, True])
        report = play(source, sink, fps=0, loop=loop, max_frames=7 if loop else None, ahead=ahead)
        told.append(([(event.number, event.time - sink.sessions[0].time) for event in sink.frames], report.dropped, report.ended))
        assert source.closed

    assert told[0] == told[1]
    assert len(told[1][0]) == (7 if loop else 3)
