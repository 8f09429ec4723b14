"""Whatever happens, published and dropped frames add up to those that were read."""

from __future__ import annotations

import threading
from collections import Counter
from datetime import timedelta

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from genesis.capture.camera import Camera, Playback
from genesis.capture.mailbox import Arrival
from genesis.errors import BackpressureError, FrameCacheFullError, ServerUnavailableError
from genesis.settings import Capture
from tests.cameras import ListReader, refusing

FULL = BackpressureError("genesis:frames", 1000, 1000)
AWAY = ServerUnavailableError("Redis at redis://h (redis.url) can't be reached")
CACHE = FrameCacheFullError(500, 1, 500)


@given(
    frames=st.lists(st.booleans(), max_size=30),
    refusals=st.lists(st.sampled_from([None, FULL, AWAY, CACHE]), max_size=40),
    fps=st.sampled_from([None, 0, 3, 10, 50]),
    loop=st.booleans(),
    limit=st.none() | st.integers(1, 50),
    stop_at=st.floats(0, 8),
)
def test_every_frame_read_from_a_recording_is_accounted_for(make_clock, make_sink, recording, frames, refusals, fps, loop, limit, stop_at):
    clock, stop = make_clock(), threading.Event()
    sink, source = make_sink(refusing(*refusals)), recording(frames)
    if fps == 0 and loop and limit is None:
        limit = 100
    clock.at(stop_at, stop.set)

    report = Camera("door", source, sink, Capture(), Playback(fps, loop, limit), stop=stop, clock=clock).run()

    assert report.frames + report.thinned + sum(report.dropped.values()) == source.reads
    assert report.frames == len(sink.frames)
    assert set(report.dropped) <= {"corrupt", "stopped"}
    assert [event.number for event in sink.frames] == list(range(report.frames))
    times = [event.time for event in sink.frames]
    assert times == sorted(times)
    told: dict[str, int] = {}
    for _, reason, count in sink.drops:
        told[reason] = told.get(reason, 0) + count
    assert told == report.dropped
    assert sink.kinds == ["started", "ended"]
    assert sink.sessions[-1].frames == report.frames


@given(
    refusals=st.lists(st.sampled_from([None, FULL, AWAY, CACHE]), max_size=40),
    count=st.integers(0, 30),
    limit=st.none() | st.integers(1, 30),
)
def test_every_frame_read_from_a_camera_is_accounted_for(make_clock, make_sink, scripted, refusals, count, limit):
    clock, stop, sink = make_clock(), threading.Event(), make_sink(refusing(*refusals))
    arrivals = [Arrival(np.zeros((4, 6, 3), np.uint8), clock.utc()) for _ in range(count)]
    reader = ListReader(arrivals, stop, {"superseded": 3, "thinned": 2})

    report = Camera("door", scripted(), sink, Capture(), Playback(max_frames=limit), stop=stop, clock=clock, reader=reader).run()

    assert report.frames + report.thinned + sum(report.dropped.values()) == count + 5
    numbers = [event.number for event in sink.frames]
    assert numbers == sorted(set(numbers))
    assert reader.closed


@settings(max_examples=60)
@given(
    steps=st.lists(st.sampled_from([-100.0, -1.5, -1.0, -0.2, 0.0, 0.1, 0.1, 5.0]), max_size=25),
    refusals=st.lists(st.sampled_from([None, None, FULL, AWAY, CACHE]), max_size=40),
)
def test_sessions_add_up_to_the_camera_however_its_clock_jumps(make_clock, make_sink, scripted, steps, refusals):
    clock, stop, sink = make_clock(), threading.Event(), make_sink(refusing(*refusals))
    at, arrivals = clock.utc(), []
    for step in steps:
        at += timedelta(seconds=step)
        arrivals.append(Arrival(np.zeros((4, 6, 3), np.uint8), at))
    reader = ListReader(arrivals, stop, {"superseded": 3})

    report = Camera("door", scripted(), sink, Capture(), stop=stop, clock=clock, reader=reader).run()

    ended = [event for event in sink.sessions if event.kind == "ended"]
    assert sink.kinds == ["started", "ended"] * len(ended)
    assert sum(event.frames for event in ended) == report.frames == len(sink.frames)
    assert sum((Counter(event.dropped) for event in ended), Counter()) == report.dropped
    for started, end in zip(sink.sessions[::2], ended, strict=True):
        mine = [event for event in sink.frames if event.session == end.session]
        times = [event.time for event in mine]
        assert [started.time, *times, end.time] == sorted([started.time, *times, end.time])
        assert [event.number for event in mine] == sorted({event.number for event in mine})
        assert all(event.number < end.next_number for event in mine)
        told = sum((Counter(event.dropped) for event in mine), Counter())
        assert not told - Counter(end.dropped)
