"""Real footage through the event pipeline: nothing lost, found as the ground truth says, and the same as in sync mode."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.tracking.contestants import ours
from benchmarks.tracking.score import Labelled, score
from genesis.cache.codec import decode as decode_frame
from genesis.cache.codec import encode as encode_frame
from genesis.capture.modes import SyncSink
from genesis.capture.runner import run
from genesis.cli.agreement import agreement, by_frame, match
from genesis.cli.journal import events
from genesis.cli.play import Played, play
from genesis.events import Event, FrameCaptured, Keys, Person, PersonDetected, SessionEvent, ZoneEvent, decode
from genesis.settings import Camera, current
from genesis.vision.tracking import Rules
from genesis.vision.types import Detections
from tests.processes import PATIENCE, program
from tests.truth import FPS, FRAMES, HEIGHT, LINES, WIDTH, ZONES, persons_of, visits_of
from tests.truth import agreement as zone_agreement


@dataclass(frozen=True)
class Runs:
    """The same footage, played three times.

    Attributes:
        done: through the event pipeline with two detectors, at its end.
        found: the persons there.
        told: the zone events and presences there, each stream for itself.
        end: of the camera's session there.
        references: frames that were still referred to when it was over.
        kept: the persons in sync mode, of frames as the cache gives them back.
        told_directly: the zone events and presences in sync mode, of the same frames.
        raw: the persons in sync mode, of the frames as they are, by number.
    """

    done: Played
    found: list[PersonDetected]
    told: list[Event]
    end: SessionEvent
    references: int
    kept: list[PersonDetected]
    told_directly: list[Event]
    raw: list[PersonDetected]


class KeptFrames(SyncSink):
    """Sync mode that is given each frame as the frame cache would give it back."""

    def frame(self, event: FrameCaptured, image: Any) -> None:
        """Handle a frame that has been in the cache."""
        super().frame(event, decode_frame(encode_frame(image, current().frame_cache.codec)))


@pytest.fixture(scope="module")
def runs(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Runs:
    """Play the footage; every program uses the real network."""
    for package in ("ultralytics", "openvino", "motmetrics"):
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"{package} is not installed")
    folder, clip = tmp_path_factory.mktemp("footage"), str(shared / "data" / "pets09_s2l1.avi")
    env = {
        "GENESIS_DATA_DIR": str(folder / "data"),
        "GENESIS_DETECTION__WEIGHTS": str(shared / "models" / "yolo11n_int8_openvino_model"),
        "GENESIS_CAMERAS": json.dumps([{"name": "clip", "source": clip, "zones": ZONES, "lines": LINES}]),
        "GENESIS_STORAGE__DSN": "none",
        "GENESIS_BRIDGE__BLOCK_SECONDS": "0.2",  # so that it ends soon
        "GENESIS_RECOGNITION__ENGINE": "none",
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in env.items():
            patch.setenv(name, value)
        current.cache_clear()
        with (
            (folder / "run.log").open("w") as log,
            play([clip], ["clip"], settings=current(), folder=folder / "redis", log=log, detectors=2, fps=0) as done,
        ):
            found = [event for _, event in events(done.client, Keys("genesis"), PersonDetected)]
            told, references = told_of(done), done.client.hlen("genesis:references")
            sessions = [event for _, event in events(done.client, Keys("genesis"), SessionEvent) if event.scope == "camera"]
        current.cache_clear()
        # One detector uses one core: both at once.
        argv = [sys.executable, "-m", "genesis.capture", "--mode", "sync", "--fps", "0", "--events", str(folder / "raw.jsonl"), "--quiet"]
        with program(argv, folder / "raw.log") as raw:
            seen: list[Event] = []
            run([Camera(name="clip", source=clip, fps=0)], current(), sink=KeptFrames(current(), lambda event, _: seen.append(event)))
            assert raw.wait(PATIENCE) == 0, (folder / "raw.log").read_text()
        lines = [decode(json.loads(line)) for line in (folder / "raw.jsonl").read_text().splitlines()]
    current.cache_clear()
    presences = [event for event in seen if isinstance(event, SessionEvent) and event.scope == "person"]
    return Runs(
        done, found, told, sessions[-1], references, persons_in(seen),
        [*(event for event in seen if isinstance(event, ZoneEvent)), *presences], persons_in(lines),
    )  # fmt: skip


def persons_in(events: Sequence[Event]) -> list[PersonDetected]:
    """Return what was found in the frames."""
    return [event for event in events if isinstance(event, PersonDetected) and not event.last]


def told_of(done: Played) -> list[Event]:
    """Return the zone events and the presences of a run, in the order in which they were published, each stream for itself."""
    return [
        *(event for _, event in events(done.client, Keys("genesis"), ZoneEvent)),
        *(event for _, event in events(done.client, Keys("genesis"), SessionEvent) if event.scope == "person"),
    ]


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


def test_every_frame_is_settled_by_both_groups_and_nine_of_ten_persons_are_found(runs: Runs, shared: Path) -> None:
    truth, final = persons_of(shared), runs.done.final

    fates = {group.group: group.totals for stream in final.streams for group in stream.groups if stream.stream == "genesis:frames"}
    assert {group: totals["settled"] for group, totals in fates.items()} == {"frame-workers": FRAMES, "detection-workers": FRAMES}
    assert sorted(event.number for event in runs.found) == list(range(FRAMES))
    hits = sum(len(match(event.persons, truth[event.number], 0.5)) for event in runs.found)
    assert hits / sum(map(len, truth.values())) >= 0.90
    assert hits / sum(len(event.persons) for event in runs.found) >= 0.90
    assert runs.references == 0
    assert final.cache.frames == 0


def test_frames_as_the_cache_keeps_them_show_the_same_persons(runs: Runs) -> None:
    both = agreement(by_frame(runs.raw, sessions=False), by_frame(runs.found, sessions=False), iou=0.9)

    assert (both.frames, both.only_first, both.only_second) == (FRAMES, 0, 0)
    assert both.share >= 0.99


def test_sync_and_event_mode_agree_to_the_digit_on_the_same_frames(runs: Runs) -> None:
    both = agreement(by_frame(runs.kept, sessions=False), by_frame(runs.found, sessions=False))

    assert both.identical == both.frames == FRAMES
    assert both.persons_first > 4000
    # Two detectors give their frames in whatever order; what is concluded from them is as if one had given them in order.
    assert without_names(runs.told) == without_names(runs.told_directly)
    assert {event.kind for event in runs.told if isinstance(event, ZoneEvent)} == {"entered", "exited", "loitering", "crossed"}
    assert len([event for event in runs.told if isinstance(event, SessionEvent)]) > 30


def test_persons_are_followed_as_well_as_the_best_peer_follows_them(runs: Runs, shared: Path) -> None:
    figures = tracking_of(runs.found, persons_of(shared))

    assert figures.mota >= 0.85
    assert figures.idf1 >= 0.86
    assert figures.switches <= 20


def test_entries_and_exits_are_those_of_the_ground_truth_within_a_second_and_nothing_flickers(runs: Runs, shared: Path) -> None:
    zones, visits = [event for event in runs.told if isinstance(event, ZoneEvent)], visits_of(persons_of(shared))

    agreed, beside = zone_agreement(zones, visits, runs.end.time.timestamp() - runs.end.duration, within=1.0)

    assert len(visits) > 40
    assert agreed >= 0.95 * 2 * len(visits)
    assert beside <= 0.15 * 2 * len(visits)
    assert not flickers(zones)
