"""Real footage through the event pipeline: nothing lost, found as the ground truth says, and the same as in sync mode."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.tracking.contestants import ours
from benchmarks.tracking.score import Labelled, score
from genesis.capture.inprocess import InProcess
from genesis.capture.modes import SyncSink
from genesis.capture.runner import run
from genesis.cli.agreement import agreement, by_frame, match
from genesis.cli.compare import play_directly
from genesis.cli.journal import events
from genesis.cli.play import Played, play
from genesis.events import Event, Keys, Person, PersonDetected, SessionEvent, ZoneEvent, encode
from genesis.settings import Camera, current
from genesis.vision.tracking import Rules
from genesis.vision.types import Detections
from tests.catalogue import builtin_subscriptions
from tests.truth import FPS, FRAMES, HEIGHT, LINES, WIDTH, ZONES, persons_of, visits_of
from tests.truth import agreement as zone_agreement


@pytest.fixture
def clip(shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the footage; every program uses the real network."""
    for package in ("ultralytics", "openvino"):
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"{package} is not installed")
    monkeypatch.setenv("GENESIS_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("GENESIS_DETECTION__WEIGHTS", str(shared / "models" / "yolo11n_int8_openvino_model"))
    watched = [{"name": "clip", "source": "clip", "zones": ZONES, "lines": LINES}]
    monkeypatch.setenv("GENESIS_CAMERAS", json.dumps(watched))
    current.cache_clear()
    return str(shared / "data" / "pets09_s2l1.avi")


@contextmanager
def played(clip: str, tmp_path: Path, max_frames: int | None = None) -> Iterator[tuple[Played, list[PersonDetected]]]:
    """Play a clip through an installation of its own with two detectors."""
    with (
        (tmp_path / "run.log").open("w") as log,
        play([clip], ["clip"], settings=current(), folder=tmp_path / "redis", log=log, detectors=2, fps=0, max_frames=max_frames) as done,
    ):
        yield done, [event for _, event in events(done.client, Keys("genesis"), PersonDetected)]


def told_of(done: Played) -> list[Event]:
    """Return the zone events and the presences of a run, in the order in which they were published, each stream for itself."""
    return [
        *(event for _, event in events(done.client, Keys("genesis"), ZoneEvent)),
        *(event for _, event in events(done.client, Keys("genesis"), SessionEvent) if event.scope == "person"),
    ]


def followed_directly(found: Sequence[PersonDetected], end: SessionEvent) -> list[Event]:
    """Return what sync mode's handlers tell of the same persons, frame by frame in their order."""
    told: dict[str, list[Event]] = {"zones": [], "sessions": []}
    pipeline = InProcess(current(), builtin_subscriptions(), lambda event, _: told.get(event.STREAM, []).append(event))
    for event in sorted(found, key=lambda event: event.number):
        pipeline.handle(event)
    pipeline.handle(end)
    assert not pipeline.failed
    return [event for events in told.values() for event in events if not isinstance(event, SessionEvent) or event.scope == "person"]


def tracking_of(found: Sequence[PersonDetected], truth: dict[int, list[Person]]) -> Any:
    """Return the figures of the tracker that follows these persons."""
    frames = [
        Detections(
            boxes=np.array([[p.box.x1, p.box.y1, p.box.x2, p.box.y2] for p in event.persons], np.float32).reshape(-1, 4),
            confidences=np.array([p.confidence for p in event.persons], np.float32),
        )
        for event in sorted(found, key=lambda event: event.number)
    ]
    true = {
        number: Labelled(
            np.array([int(str(p.track)) for p in persons], np.int64),
            np.array([[p.box.x1, p.box.y1, p.box.x2, p.box.y2] for p in persons], np.float64),
        )
        for number, persons in truth.items()
    }
    return score(true, ours(frames, FPS, (WIDTH, HEIGHT), Rules.of(current().tracking)).told)


def flickers(zones: Sequence[ZoneEvent]) -> list[tuple[str, str]]:
    """Return who has left a zone and was back before the grace was over, or came or left twice in a row."""
    last: dict[tuple[str, str], ZoneEvent] = {}
    found = []
    for event in zones:
        if event.kind not in {"entered", "exited"}:
            continue
        before = last.get((event.track, event.zone))
        expected = "entered" if before is None or before.kind == "exited" else "exited"
        back = before is not None and event.kind == "entered" and (event.time - before.time).total_seconds() <= 1.0
        if event.kind != expected or back:
            found.append((event.track, event.zone))
        last[event.track, event.zone] = event
    return found


def without_names(told: Sequence[Event]) -> list[tuple[Any, ...]]:
    """Return what was told without what differs from run to run: the session's name, and when the clip was played."""
    began = min(event.time.timestamp() for event in told)
    rows = []
    for event in told:
        at_ms = round((event.time.timestamp() - began) * 1000)
        if isinstance(event, ZoneEvent):
            track = event.track.rpartition("-")[2]
            rows.append((event.number, event.kind, event.zone, track, at_ms, event.dwell, event.occupancy, event.direction, event.box))
        elif isinstance(event, SessionEvent):
            track = event.session.rpartition("-")[2]
            rows.append((event.kind, track, at_ms, event.duration, event.frames, tuple(event.zones.items()), event.box))
    return rows


def test_every_frame_is_settled_by_both_groups_and_nine_of_ten_persons_are_found(clip: str, shared: Path, tmp_path: Path) -> None:
    truth = persons_of(shared)

    with played(clip, tmp_path) as (done, found):
        told = told_of(done)
        (end,) = [
            event for _, event in events(done.client, Keys("genesis"), SessionEvent) if event.scope == "camera" and event.kind == "ended"
        ]
        fates = {group.group: group.totals for stream in done.final.streams for group in stream.groups if stream.stream == "genesis:frames"}
        references = done.client.hlen("genesis:references")
    direct = play_directly(clip, current(), None)

    assert {group: totals["settled"] for group, totals in fates.items()} == {"frame-workers": FRAMES, "detection-workers": FRAMES}
    assert sorted(event.number for event in found) == list(range(FRAMES))
    hits = sum(len(match(event.persons, truth[event.number], 0.5)) for event in found)
    assert hits / sum(map(len, truth.values())) >= 0.90
    assert hits / sum(len(event.persons) for event in found) >= 0.90
    both = agreement(by_frame(direct, sessions=False), by_frame(found, sessions=False), iou=0.9)
    assert (both.frames, both.only_first, both.only_second) == (FRAMES, 0, 0)
    assert both.share >= 0.99
    assert references == 0
    assert done.final.cache.frames == 0
    # Two detectors give their frames in whatever order; what is concluded from them is as if one had given them in order.
    assert [encode(event) for event in told] == [encode(event) for event in followed_directly(found, end)]
    figures = tracking_of(found, truth)
    assert figures.mota >= 0.85
    assert figures.idf1 >= 0.86
    assert figures.switches <= 20
    zones, visits = [event for event in told if isinstance(event, ZoneEvent)], visits_of(truth)
    agreed, beside = zone_agreement(zones, visits, end.time.timestamp() - end.duration, within=1.0)
    assert agreed >= 0.95 * 2 * len(visits)
    assert beside <= 0.15 * 2 * len(visits)
    assert not flickers(zones)


def test_sync_and_event_mode_agree_to_the_digit_when_frames_are_kept_bit_exact(
    clip: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GENESIS_FRAME_CACHE__CODEC", "bgr")
    current.cache_clear()

    with played(clip, tmp_path, max_frames=120) as (done, found):
        told = told_of(done)
    seen: list[Event] = []
    sink = SyncSink(done.settings, lambda event, _: seen.append(event))
    run([Camera(name="clip", source=clip, fps=0)], done.settings, sink=sink, max_frames=120)

    direct = [event for event in seen if isinstance(event, PersonDetected) and not event.last]
    both = agreement(by_frame(direct, sessions=False), by_frame(found, sessions=False))
    assert both.identical == both.frames == 120
    assert both.persons_first > 500
    zones = [event for event in seen if isinstance(event, ZoneEvent)]
    presences = [event for event in seen if isinstance(event, SessionEvent) and event.scope == "person"]
    assert without_names(told) == without_names([*zones, *presences])
    assert {event.kind for event in zones} == {"entered", "exited", "loitering", "crossed"}
    assert len(presences) > 10
