"""What sync mode finds is shown as lines, as a file of events, and as a video."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from genesis.capture.inprocess import MemoryFrames
from genesis.capture.results import Results, described
from genesis.errors import UsageError
from genesis.events import AlertEvent, Event, SessionEvent, completed
from tests.events_of_tests import NOON, frame, persons, zone


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (persons(3, 2), "12:00:00.0 door frame 3: 2 persons 0.90 0.90"),
        (persons(3, 1), "12:00:00.0 door frame 3: 1 person 0.90"),
        (persons(3, 0), "12:00:00.0 door frame 3: 0 persons"),
        (zone("yard"), "12:00:00.0 door 1 entered yard"),
        (AlertEvent.about(zone(), rule="night", severity="high", message="look"), "12:00:00.0 door alert night (high) look"),
        (frame(1), ""),
        (SessionEvent(camera="door", time=NOON, scope="camera", kind="started", session="s"), ""),
    ],
)
def test_an_event_is_a_line_for_a_person(event: Event, line: str) -> None:
    assert described(event) == line


def test_events_are_written_and_persons_drawn(tmp_path: Path) -> None:
    lines: list[str] = []
    frames = MemoryFrames()
    frames.hold("frame-0", np.zeros((48, 64, 3), np.uint8))
    results = Results(lines.append, tmp_path / "deep" / "events.jsonl", tmp_path / "drawn.webm", fps=5)

    for event in (frame(0), persons(0, 1), persons(0, 1, camera="other", frame_key="frame-elsewhere")):
        results(completed(event), frames)
    events_file, video = results.close()

    written = [json.loads(line) for line in events_file.read_text().splitlines()]
    assert [event["type"] for event in written] == ["genesis.frame.captured", "genesis.person.detected", "genesis.person.detected"]
    assert len(lines) == 2
    capture = cv2.VideoCapture(str(video))
    assert capture.read()[0]
    assert not capture.read()[0]


def test_a_file_that_can_not_be_written_is_said_at_once(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(UsageError, match="file"):
        Results(events_file=tmp_path / "file" / "events.jsonl")
