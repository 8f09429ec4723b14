"""What is made of a network's output without ultralytics, and which weights are run so."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from genesis.errors import ModelError
from genesis.settings import Detection
from genesis.vision.boxes import MOST_PERSONS
from genesis.vision.detectors.direct import directly, persons_in
from genesis.vision.detectors.networks import OtherNetworkError, _described
from genesis.vision.detectors.weights import Weights, person_classes

PLAIN = {"task": "detect", "names": {0: "person", 1: "car"}, "stride": 32, "args": {"nms": False}}


def output(*places: tuple[tuple[float, float, float, float], tuple[float, ...]]) -> np.ndarray:
    """Return what a network says: for each place middle, width, height, and the scores of its classes."""
    return np.array([[*box, *scores] for box, scores in places], np.float32).T


def test_boxes_are_told_by_their_corners_surest_first() -> None:
    said = output(((50, 50, 20, 40), (0.5, 0.1)), ((200, 100, 10, 10), (0.9, 0.0)), ((300, 100, 10, 10), (0.2, 0.0)))

    boxes, scores = persons_in(said, [0], confidence=0.35, iou=0.7)

    assert boxes.tolist() == [[195, 95, 205, 105], [40, 30, 60, 70]]
    np.testing.assert_allclose(scores, [0.9, 0.5])


def test_what_is_more_likely_something_else_is_no_person() -> None:
    said = output(((50, 50, 20, 40), (0.5, 0.6)), ((200, 100, 10, 10), (0.6, 0.5)))

    assert persons_in(said, [0], confidence=0.35, iou=0.7)[0].tolist() == [[195, 95, 205, 105]]


def test_of_two_that_overlap_the_surer_stays_and_of_two_equal_ones_the_first() -> None:
    said = output(((50, 50, 20, 40), (0.5,)), ((51, 50, 20, 40), (0.6,)), ((200, 50, 20, 40), (0.7,)), ((201, 50, 20, 40), (0.7,)))

    boxes, scores = persons_in(said, [0], confidence=0.35, iou=0.7)

    assert boxes[:, 0].tolist() == [190, 41]
    np.testing.assert_allclose(scores, [0.7, 0.6])


def test_persons_of_two_classes_do_not_suppress_each_other() -> None:
    said = output(((50, 50, 20, 40), (0.5, 0.0, 0.1)), ((50, 50, 20, 40), (0.1, 0.0, 0.6)))

    assert len(persons_in(said, [0, 2], confidence=0.35, iou=0.7)[0]) == 2


def test_a_frame_has_no_more_persons_than_the_limit() -> None:
    said = output(*(((30.0 * number, 50, 20, 40), (0.5,)) for number in range(MOST_PERSONS + 9)))

    assert len(persons_in(said, [0], confidence=0.35, iou=0.7)[0]) == MOST_PERSONS


def test_nobody_gives_empty_arrays() -> None:
    boxes, scores = persons_in(output(((50, 50, 20, 40), (0.1,))), [0], confidence=0.35, iou=0.7)

    assert (boxes.shape, scores.shape) == ((0, 4), (0,))


@pytest.mark.parametrize(("picture", "size"), [([1, 3, 480, 640], (640, 480)), ([-1, 3, -1, -1], None)])
def test_a_plain_network_tells_its_classes_and_its_size(picture: list[int], size: tuple[int, int] | None) -> None:
    assert _described(PLAIN, [picture, [picture[0], 6, -1]]) == ({0: "person", 1: "car"}, 32, size)


@pytest.mark.parametrize(
    ("metadata", "shapes"),
    [
        ({**PLAIN, "task": "segment"}, [[1, 3, 64, 64], [1, 6, 84]]),
        ({**PLAIN, "args": {"nms": True}}, [[1, 3, 64, 64], [1, 6, 84]]),
        ({**PLAIN, "end2end": True}, [[1, 3, 64, 64], [1, 6, 84]]),
        ({}, [[1, 3, 64, 64], [1, 6, 84]]),
        (PLAIN, [[1, 3, 64, 64], [1, 300, 6]]),
        (PLAIN, [[8, 3, 64, 64], [8, 6, 84]]),
        (PLAIN, [[1, 1, 64, 64], [1, 6, 84]]),
        (PLAIN, [[1, 3, 64, 64], [1, 6, 84], [1, 32, 16, 16]]),
    ],
)
def test_another_kind_of_network_is_left_to_ultralytics(metadata: dict[str, object], shapes: list[list[int]]) -> None:
    with pytest.raises(OtherNetworkError):
        _described(metadata, shapes)


@pytest.mark.parametrize(("kind", "device"), [("pt", "auto"), ("engine", "auto"), ("openvino", "cuda:0"), ("onnx", "cuda:0")])
def test_other_weights_and_devices_are_left_to_ultralytics(kind: str, device: str) -> None:
    assert directly(Detection(device=device), Weights(Path("nowhere"), kind)) is None


def test_damaged_weights_are_left_to_ultralytics_which_says_what_is_wrong(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    damaged = tmp_path / "damaged.onnx"
    damaged.write_bytes(b"\x08\x07nothing")

    assert directly(Detection(), Weights(damaged, "onnx")) is None


def test_a_network_without_persons_is_refused() -> None:
    with pytest.raises(ModelError, match="no class named 'person'; its classes are: car"):
        person_classes({3: "car"}, Path("cars.onnx"))
