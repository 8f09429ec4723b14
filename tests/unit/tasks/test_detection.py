"""The detection handler tells what its detector found."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

import tasks.detection
from genesis.context import Context
from genesis.events import Box, Person
from genesis.settings import Settings
from genesis.vision.types import Detections, Frame
from tests.events_of_tests import frame


class TwoPersons:
    """A detector that always finds the same two."""

    name = "two"

    def detect(self, frames: Sequence[Frame]) -> list[Detections]:
        boxes = np.array([[1.04, 2.05, 30.123, 40.0], [0, 0, 5, 5]], np.float32)
        return [Detections(boxes, np.array([0.912345, 0.5], np.float32)) for _ in frames]


class Frames:
    """A cache with one frame in it."""

    def get(self, key: str) -> Frame:
        assert key == "frame-3"
        return np.zeros((48, 64, 3), np.uint8)


def test_the_persons_of_a_frame_are_told_with_all_that_is_known_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    detector: Any = TwoPersons()
    monkeypatch.setattr(tasks.detection, "detector_for", lambda _settings: detector)

    (told,) = tasks.detection.detect_persons(frame(3, live=True), Context(Settings(), Frames(), None))  # type: ignore[arg-type]

    assert told.persons == (Person(box=Box(1.0, 2.0, 30.1, 40.0), confidence=0.9123), Person(box=Box(0, 0, 5, 5), confidence=0.5))
    assert (told.camera, told.session, told.number, told.frame_key, told.live) == ("door", "s1", 3, "frame-3", True)
    assert (told.width, told.height, told.detector) == (64, 48, "two")
    assert told.time == frame(3).time
