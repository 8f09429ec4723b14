"""The arithmetic that every detector shares."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from genesis.vision.boxes import check_frames, overlap, suppress, tidy
from genesis.vision.types import Detections

coordinates = st.floats(-500, 1500, width=32)
boxes_and_scores = st.integers(0, 12).flatmap(
    lambda n: st.tuples(hnp.arrays(np.float32, (n, 4), elements=coordinates), hnp.arrays(np.float32, n, elements=st.floats(0, 1, width=32)))
)


def tidied(boxes: list[list[float]], confidences: list[float], **limits: float) -> Detections:
    chosen = {"width": 100, "height": 80, "confidence": 0.35, "min_height": 0.0, **limits}
    return tidy(np.array(boxes, np.float32).reshape(-1, 4), np.array(confidences, np.float32), **chosen)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ((0, 0, 10, 10), (0, 0, 10, 10), 1.0),
        ((0, 0, 10, 10), (0, 0, 10, 5), 0.5),
        ((0, 0, 10, 10), (5, 0, 15, 10), 1 / 3),
        ((0, 0, 10, 10), (10, 0, 20, 10), 0.0),
        ((0, 0, 10, 10), (30, 30, 40, 40), 0.0),
        ((5, 5, 5, 5), (5, 5, 5, 5), 0.0),
    ],
)
def test_overlap_is_intersection_over_union(one: tuple[float, ...], other: tuple[float, ...], expected: float) -> None:
    shares = overlap(np.array([one], float), np.array([other], float))

    assert shares.shape == (1, 1)
    assert shares[0, 0] == pytest.approx(expected)


@pytest.mark.parametrize(
    ("iou", "kept"),
    [(0.9, [1, 0, 2]), (0.4, [1, 2]), (0.0, [1, 2])],
)
def test_suppression_keeps_the_best_of_boxes_that_overlap(iou: float, kept: list[int]) -> None:
    boxes = np.array([[0, 0, 10, 10], [0, 0, 10, 9], [50, 50, 60, 60]], float)
    scores = np.array([0.7, 0.9, 0.2])

    assert suppress(boxes, scores, iou).tolist() == kept


@given(boxes_and_scores, st.randoms(use_true_random=False))
def test_suppression_does_not_depend_on_the_order_of_its_input(given_boxes: tuple[np.ndarray, np.ndarray], random: object) -> None:
    boxes, scores = given_boxes
    order = list(range(len(boxes)))
    random.shuffle(order)

    straight, shuffled = suppress(boxes, scores, 0.5), suppress(boxes[order], scores[order], 0.5)

    assert boxes[straight].tolist() == boxes[order][shuffled].tolist()


@pytest.mark.parametrize(
    ("box", "confidence", "limits", "expected"),
    [
        ([10, 10, 20, 40], 0.9, {}, [[10, 10, 20, 40]]),
        ([-5, -5, 20, 40], 0.9, {}, [[0, 0, 20, 40]]),
        ([90, 60, 120, 200], 0.9, {}, [[90, 60, 100, 80]]),
        ([10, 10, 20, 40], 0.35, {}, [[10, 10, 20, 40]]),
        ([10, 10, 20, 40], 0.3499, {}, []),
        ([10, 10, 20, 40], 1.0, {"confidence": 1.0}, [[10, 10, 20, 40]]),
        ([10, 10, 20, 40], 0.0, {"confidence": 0.0}, [[10, 10, 20, 40]]),
        ([10, 10, 20, 40], 0.9, {"min_height": 30.0}, [[10, 10, 20, 40]]),
        ([10, 10, 20, 40], 0.9, {"min_height": 30.5}, []),
        # Only what is inside the frame counts as height.
        ([10, 60, 20, 200], 0.9, {"min_height": 30.0}, []),
        ([120, 10, 140, 40], 0.9, {}, []),
        ([10, 10, 10, 40], 0.9, {}, []),
        ([float("nan"), 10, 20, 40], 0.9, {}, []),
        ([10, 10, 20, 40], float("nan"), {}, []),
    ],
)
def test_limits_are_held(box: list[float], confidence: float, limits: dict[str, float], expected: list[list[float]]) -> None:
    assert tidied([box], [confidence], **limits).boxes.tolist() == expected


def test_the_surest_person_comes_first() -> None:
    found = tidied([[1, 1, 9, 9], [2, 2, 9, 9], [3, 3, 9, 9]], [0.5, 0.9, 0.7])

    assert found.confidences.tolist() == pytest.approx([0.9, 0.7, 0.5])
    assert found.boxes[:, 0].tolist() == [2, 3, 1]


def test_nobody_is_an_empty_result() -> None:
    found = tidied([], [])

    assert (found.boxes.shape, found.confidences.shape) == ((0, 4), (0,))


@given(boxes_and_scores, st.floats(0, 1), st.floats(0, 200))
def test_what_is_reported_lies_in_the_frame_and_within_the_limits(
    given_boxes: tuple[np.ndarray, np.ndarray], confidence: float, min_height: float
) -> None:
    found = tidy(*given_boxes, width=640, height=480, confidence=confidence, min_height=min_height)

    assert found.boxes.dtype == found.confidences.dtype == np.float32
    assert ((found.boxes >= 0) & (found.boxes <= [640, 480, 640, 480])).all()
    assert (found.boxes[:, 2:] > found.boxes[:, :2]).all()
    assert (found.boxes[:, 3] - found.boxes[:, 1] >= np.float32(min_height)).all()
    assert (found.confidences >= np.float32(confidence)).all()
    assert (np.diff(found.confidences) <= 0).all()


@pytest.mark.parametrize(
    "frame",
    [
        np.zeros((4, 4), np.uint8),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((4, 4, 3), np.float32),
        np.zeros((0, 4, 3), np.uint8),
    ],
)
def test_what_is_no_picture_is_refused_by_its_place(frame: np.ndarray) -> None:
    with pytest.raises(ValueError, match="frame 1 is"):
        check_frames([np.zeros((1, 1, 3), np.uint8), frame])
