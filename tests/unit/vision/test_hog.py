"""OpenCV's built-in people detector."""

from __future__ import annotations

import importlib.util
import math
from pathlib import Path

import cv2
import numpy as np
import pytest

from genesis.settings import Detection
from genesis.vision.boxes import overlap
from genesis.vision.detectors.hog import HogDetector, confidence_of, least_score

# The man in the light coat, on the left of the street.
_MAN = np.array([[50, 395, 245, 905]], float)


@pytest.fixture(scope="module")
def street() -> np.ndarray:
    spec = importlib.util.find_spec("ultralytics")
    if spec is None or spec.origin is None:
        pytest.skip("no photographs: ultralytics is not installed")
    picture = cv2.imread(str(Path(spec.origin).parent / "assets" / "bus.jpg"))
    assert picture is not None
    return picture


def test_it_finds_a_man_in_the_street(street: np.ndarray) -> None:
    found = HogDetector(Detection(detector="hog")).detect([street])[0]

    assert overlap(_MAN, found.boxes).max() > 0.5
    assert len(found) <= 4


def test_every_frame_gets_its_own_answer_in_order(street: np.ndarray) -> None:
    detector = HogDetector(Detection(detector="hog"))
    small, blank = street[::2, ::2], np.zeros((300, 300, 3), np.uint8)

    together = detector.detect([blank, street, small])
    alone = [detector.detect([frame])[0] for frame in (blank, street, small)]

    assert len(together[0]) == 0
    assert [found.boxes.tolist() for found in together] == [found.boxes.tolist() for found in alone]


def test_the_number_of_threads_changes_nothing(street: np.ndarray) -> None:
    results = [HogDetector(Detection(detector="hog", threads=threads)).detect([street])[0] for threads in (1, 2)]

    assert results[0].boxes.tolist() == results[1].boxes.tolist()
    assert results[0].confidences.tolist() == results[1].confidences.tolist()


def test_the_thread_count_of_the_settings_is_taken() -> None:
    HogDetector(Detection(detector="hog", threads=1))

    assert cv2.getNumThreads() == 1


@pytest.mark.parametrize(("setting", "value", "count"), [("confidence", 0.999, 0), ("min_height", 1000.0, 0)])
def test_limits_are_held(street: np.ndarray, setting: str, value: float, count: int) -> None:
    detector = HogDetector(Detection(detector="hog", **{setting: value}))

    assert len(detector.detect([street])[0]) == count


@pytest.mark.parametrize("shape", [(1, 1), (20, 700), (700, 20), (63, 31), (64, 32)])
def test_a_frame_of_any_size_is_taken(shape: tuple[int, int]) -> None:
    frame = np.random.default_rng(1).integers(0, 255, (*shape, 3), dtype=np.uint8)

    found = HogDetector(Detection(detector="hog")).detect([frame])

    assert len(found) == 1


def test_no_frames_give_no_results() -> None:
    assert HogDetector(Detection(detector="hog")).detect([]) == []


def test_the_score_of_a_confidence_gives_that_confidence_back() -> None:
    confidences = np.array([0.15, 0.35, 0.5, 0.9, 0.99])
    scores = np.array([least_score(float(confidence)) for confidence in confidences])

    assert confidence_of(scores) == pytest.approx(confidences, abs=1e-5)
    assert (confidence_of(scores) <= confidences).all()


@pytest.mark.parametrize(("confidence", "score"), [(0.0, 0.0), (0.05, 0.0), (1.0, math.inf)])
def test_scores_that_mean_nobody_are_never_asked_for(confidence: float, score: float) -> None:
    assert least_score(confidence) == score


def test_its_name_is_hog() -> None:
    assert HogDetector(Detection(detector="hog")).name == "hog"
