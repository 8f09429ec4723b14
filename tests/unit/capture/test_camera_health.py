"""A camera that hangs is told from one that is lost, waits for room, or is merely slow; and what it takes and drops is counted."""

from __future__ import annotations

import threading

import pytest
from prometheus_client import CollectorRegistry

from genesis.capture.camera import Camera, Playback
from genesis.capture.mailbox import Lost
from genesis.errors import BackpressureError, ServerUnavailableError
from genesis.settings import Capture
from genesis.telemetry import instruments
from genesis.telemetry.health import Health
from tests.cameras import ListReader, refusing

LIMIT = 10.0


@pytest.fixture
def health(clock) -> Health:
    return Health(clock.monotonic)


@pytest.fixture
def ailing(health, clock) -> list[tuple[str, ...]]:
    """Return what ailed at any moment in which somebody slept."""
    seen: list[tuple[str, ...]] = []
    advance = clock.advance

    def looked(seconds: float) -> None:
        # Just before the sleeper wakes.
        clock.now += seconds
        seen.append(health.ailing())
        clock.now -= seconds
        advance(seconds)

    clock.advance = looked
    return seen


@pytest.fixture
def camera(health, clock, stop):
    def made(source, sink, reader=None, **playback) -> Camera:
        heart = health.heart("camera door", LIMIT)
        return Camera("door", source, sink, Capture(), Playback(**playback), stop=stop, clock=clock, reader=reader, heart=heart)

    return made


def test_a_recording_that_waits_for_its_next_frame_does_not_ail(camera, recording, sink, ailing) -> None:
    camera(recording([True] * 4, fps=0.01), sink).run()

    assert ailing == [()] * 3


@pytest.mark.parametrize("refusal", [BackpressureError("genesis:frames", 1000, 1000), ServerUnavailableError("away")])
def test_a_recording_that_waits_for_the_pipeline_does_not_ail(camera, recording, make_sink, ailing, refusal) -> None:
    camera(recording([True]), make_sink(refusing(*[refusal] * 400))).run()

    assert len(ailing) == 400
    assert set(ailing) == {()}


def test_a_live_camera_that_is_lost_does_not_ail(camera, scripted, sink, clock, stop, health) -> None:
    ailing = []

    def nothing_comes() -> None:
        clock.advance(LIMIT - 1)
        ailing.append(health.ailing())

    reader = ListReader([Lost(clock.utc(), "gone"), *[nothing_comes] * 20], stop)

    camera(scripted(), sink, reader).run()

    assert ailing == [()] * 20


def test_a_camera_whose_recording_hangs_ails(camera, recording, sink, clock, health) -> None:
    source = recording([True])
    ailing = []

    def hangs():
        clock.advance(LIMIT + 1)
        ailing.append(health.ailing())

    source.read = hangs

    camera(source, sink).run()

    assert ailing == [("camera door",)]


def test_a_camera_that_has_ended_is_not_missed(camera, recording, sink, clock, health) -> None:
    camera(recording([True]), sink).run()

    clock.advance(1000)

    assert health.ailing() == ()


def test_what_a_camera_takes_and_drops_is_counted(camera, recording, make_sink) -> None:
    registry = CollectorRegistry()
    instruments.begin(registry)
    try:
        camera(recording([True, False, True, True]), make_sink()).run()
    finally:
        instruments.end()

    dropped = {
        sample.labels["reason"]: sample.value
        for family in registry.collect()
        for sample in family.samples
        if sample.name == "genesis_capture_dropped_frames_total"
    }
    assert registry.get_sample_value("genesis_capture_frames_total", {"camera": "door"}) == 3
    assert dropped == {"backpressure": 0, "cache_full": 0, "redis_unavailable": 0, "superseded": 0, "corrupt": 1, "stopped": 0}


def test_a_camera_of_which_nobody_asks_how_it_is_runs_as_well(recording, sink) -> None:
    assert Camera("door", recording([True]), sink, Capture(), stop=threading.Event()).run().frames == 1
