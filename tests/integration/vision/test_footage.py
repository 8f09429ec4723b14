"""The real network on real footage, against its ground truth."""

from __future__ import annotations

import csv
import importlib.util
from collections import defaultdict
from pathlib import Path

import cv2
import numpy as np
import pytest

from genesis.settings import Detection
from genesis.vision.boxes import overlap
from genesis.vision.detectors import load_detector
from genesis.vision.detectors.base import Detector

_EVERY = 20  # frames


@pytest.fixture(scope="module")
def weights(shared: Path) -> Path:
    for package in ("ultralytics", "openvino"):
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"{package} is not installed")
    return shared / "models" / "yolo11n_int8_openvino_model"


@pytest.fixture(scope="module")
def footage(shared: Path) -> dict[int, np.ndarray]:
    capture, frames, number = cv2.VideoCapture(str(shared / "data" / "pets09_s2l1.avi")), {}, 0
    while True:
        there, frame = capture.read()
        number += 1
        if not there:
            return frames
        if number % _EVERY == 1:
            frames[number] = frame


@pytest.fixture(scope="module")
def truth(shared: Path) -> dict[int, np.ndarray]:
    rows = defaultdict(list)
    with (shared / "data" / "pets09_s2l1_gt.txt").open(newline="") as file:
        for row in csv.reader(file):
            left, top, width, height = map(float, row[2:6])
            rows[int(row[0])].append([left, top, left + width, top + height])
    return {number: np.array(boxes) for number, boxes in rows.items()}


@pytest.fixture(scope="module")
def detector(weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Detector:
    return load_detector(Detection(weights=str(weights)), data_dir=tmp_path_factory.mktemp("data"))


def matched(found: np.ndarray, real: np.ndarray) -> int:
    shares, count = overlap(found, real), 0
    for row in shares:
        best = int(row.argmax()) if row.size else -1
        if best >= 0 and row[best] >= 0.5:
            count += 1
            shares[:, best] = 0
    return count


def agreement(detector: Detector, footage: dict[int, np.ndarray], truth: dict[int, np.ndarray]) -> tuple[float, float]:
    results = dict(zip(footage, detector.detect(list(footage.values())), strict=True))
    hits = sum(matched(found.boxes, truth[number]) for number, found in results.items())
    return hits / sum(len(truth[number]) for number in footage), hits / sum(len(found) for found in results.values())


def test_yolo_finds_nine_of_ten_persons_and_nine_of_ten_are_persons(
    detector: Detector, footage: dict[int, np.ndarray], truth: dict[int, np.ndarray]
) -> None:
    recall, precision = agreement(detector, footage, truth)

    assert detector.name == "yolo:yolo11n_int8_openvino_model"
    assert recall >= 0.90
    assert precision >= 0.90


def test_hog_finds_most_persons_of_an_overview(footage: dict[int, np.ndarray], truth: dict[int, np.ndarray]) -> None:
    some = dict(list(footage.items())[::4])

    recall, precision = agreement(load_detector(Detection(detector="hog", threads=2)), some, truth)

    assert recall >= 0.6
    assert precision >= 0.7


def test_frames_together_alone_and_by_another_load_give_the_same(
    weights: Path, detector: Detector, footage: dict[int, np.ndarray], tmp_path: Path
) -> None:
    frames = list(footage.values())[:8]
    other = load_detector(Detection(weights=str(weights)), data_dir=tmp_path)

    together, alone, elsewhere = detector.detect(frames), [detector.detect([frame])[0] for frame in frames], other.detect(frames)

    for one, two, three in zip(together, alone, elsewhere, strict=True):
        assert one.boxes.tolist() == two.boxes.tolist() == three.boxes.tolist()
        assert one.confidences.tolist() == two.confidences.tolist() == three.confidences.tolist()


@pytest.mark.parametrize("threads", [1, 2])
def test_openvino_uses_the_threads_of_the_settings_and_pins_none(weights: Path, tmp_path: Path, threads: int) -> None:
    loaded = load_detector(Detection(weights=str(weights), threads=threads), data_dir=tmp_path)

    engine = next(iter(loaded._network._made.values())).get_compiled_model()
    assert engine.get_property("INFERENCE_NUM_THREADS") == threads
    assert engine.get_property("ENABLE_CPU_PINNING") is False


def test_a_broken_openvino_model_is_one_clear_line(weights: Path, tmp_path: Path) -> None:
    from genesis.errors import ModelError

    broken = tmp_path / "broken_openvino_model"
    broken.mkdir()
    for file in weights.iterdir():
        (broken / file.name).write_bytes(b"<net></net>" if file.suffix == ".xml" else file.read_bytes())

    with pytest.raises(ModelError, match="not weights that can be loaded") as caught:
        load_detector(Detection(weights=str(broken)), data_dir=tmp_path)

    assert str(caught.value).startswith(f"{broken}: ")
    assert "\n" not in str(caught.value)
