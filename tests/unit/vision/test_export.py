"""What an export is called, what is refused before it begins, what its calibration gets, and how two forms are compared."""

from __future__ import annotations

import importlib.util
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import yaml

from genesis.errors import ModelError, UsageError
from genesis.vision.detectors.facts import Facts, facts
from genesis.vision.detectors.weights import Weights
from genesis.vision.export import Form, check_place
from genesis.vision.export_check import compare, matched, size_of
from genesis.vision.export_pictures import write_dataset
from genesis.vision.types import Detections

FRAME = np.zeros((480, 640, 3), np.uint8)


def boxes(*rows: tuple[float, float, float, float]) -> Detections:
    return Detections(np.array(rows, np.float32).reshape(-1, 4), np.ones(len(rows), np.float32))


@pytest.mark.parametrize(
    ("form", "weights", "name"),
    [
        (Form("openvino"), "yolo11n.pt", "yolo11n_openvino_model"),
        (Form("openvino", "int8"), "yolo11n.pt", "yolo11n_int8_openvino_model"),
        (Form("openvino", "half"), "yolo11n.pt", "yolo11n_half_openvino_model"),
        (Form("onnx"), "a/b/own.v2.pt", "own.v2.onnx"),
        (Form("onnx", "int8"), "own.pt.pt", "own-_int8.onnx"),
    ],
)
def test_a_form_is_named_after_its_weights(form: Form, weights: str, name: str) -> None:
    assert form.name(Path(weights)) == name


@pytest.mark.parametrize("size", [0, -32, 16, 100, 4128])
def test_an_image_size_that_no_network_takes_is_refused(size: int) -> None:
    with pytest.raises(UsageError, match=f"image size {size}: expected a multiple of 32 from 32 to 4096"):
        Form("openvino", image_size=size)


@pytest.mark.parametrize(
    ("form", "missing", "extra"),
    [
        (Form("openvino"), "openvino", "openvino"),
        (Form("openvino", "int8"), "nncf", "int8"),
        (Form("onnx"), "onnx", "onnx"),
        (Form("onnx", "int8"), "onnxruntime", "onnx"),
    ],
)
def test_a_package_that_is_missing_is_named_with_its_extra(form: Form, missing: str, extra: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == missing else object())

    with pytest.raises(UsageError, match=rf"needs the package {missing}, which is not installed: pip install 'genesis\[{extra}\]'"):
        form.require_packages()


def test_what_needs_no_nncf_does_not_ask_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "nncf" else object())

    Form("openvino").require_packages()
    Form("onnx", "int8").require_packages()


@pytest.fixture
def checkpoint(tmp_path: Path) -> Weights:
    path = tmp_path / "own.pt"
    path.write_bytes(bytes(1_000_000))
    return Weights(path, "pt")


def test_an_export_is_not_exported_again(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"onnx weights are exported already; name the \.pt file"):
        check_place(Weights(tmp_path / "own.onnx", "onnx"), tmp_path / "own_openvino_model", force=True)


def test_what_is_there_is_replaced_only_by_force(checkpoint: Weights, tmp_path: Path) -> None:
    target = tmp_path / "own_openvino_model"
    target.mkdir()

    with pytest.raises(UsageError, match="is there already; --force replaces it"):
        check_place(checkpoint, target, force=False)
    check_place(checkpoint, target, force=True)

    assert target.is_dir()


def test_a_full_disk_is_noticed_before(checkpoint: Weights, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=3_900_000))

    with pytest.raises(UsageError, match="4 MB free, and 4 MB are needed; make room, or name another folder with --to"):
        check_place(checkpoint, tmp_path / "models" / "own.onnx", force=False)


@pytest.mark.parametrize(("place", "why"), [("file/models", "may not be written to"), ("a.pt/models", "confuses the exporter")])
def test_a_folder_that_can_not_be_used_is_named(checkpoint: Weights, tmp_path: Path, place: str, why: str) -> None:
    (tmp_path / "file").write_text("a file")

    with pytest.raises(UsageError, match=why) as caught:
        check_place(checkpoint, tmp_path / place / "own.onnx", force=False)

    assert str(caught.value).startswith(str(tmp_path / place))


def test_calibration_gets_every_frame_no_larger_than_the_network_sees_it(tmp_path: Path) -> None:
    frames = [np.full((480, 640, 3), 200, np.uint8), np.full((64, 32, 3), 10, np.uint8)]

    described, count = write_dataset(iter(frames), tmp_path / "set", 320)

    told = yaml.safe_load(described.read_text(encoding="utf-8"))
    pictures = [cv2.imread(str(file)) for file in sorted(Path(told["path"], told["val"]).iterdir())]
    assert (count, [picture.shape for picture in pictures]) == (2, [(240, 320, 3), (64, 32, 3)])
    assert [round(picture.mean()) for picture in pictures] == [200, 10]


def test_calibration_without_a_picture_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no picture to calibrate with"):
        write_dataset(iter(()), tmp_path / "set", 320)


@pytest.mark.parametrize(
    ("one", "other", "pairs"),
    [
        (boxes(), boxes(), 0),
        (boxes((0, 0, 10, 10)), boxes(), 0),
        (boxes((0, 0, 10, 10)), boxes((0, 0, 10, 9)), 1),
        (boxes((0, 0, 10, 10)), boxes((0, 0, 10, 4.9)), 0),
        (boxes((0, 0, 10, 10)), boxes((0, 0, 10, 9), (0, 0, 10, 8)), 1),
        # The best pair alone would leave one over.
        (boxes((0, 0, 10, 10), (0, 0, 10, 14)), boxes((0, 0, 10, 11), (0, 0, 10, 6)), 2),
    ],
)
def test_boxes_are_paired_each_once_and_as_many_as_can_be(one: Detections, other: Detections, pairs: int) -> None:
    assert matched(one, other) == matched(other, one) == pairs


class _Scripted:
    """A detector that takes so long, and finds so much."""

    name = "scripted"

    def __init__(self, clock: list[float], seconds: Sequence[float], found: Detections) -> None:
        self._clock, self._seconds, self._found = clock, iter(seconds), found

    def detect(self, frames: Sequence[np.ndarray]) -> list[Detections]:
        self._clock[0] += next(self._seconds)
        return [self._found] * len(frames)


def test_two_forms_are_compared_by_their_medians_without_the_first_look() -> None:
    clock = [0.0]
    first = _Scripted(clock, [9, 9, 9, 0.080, 0.100, 5.0], boxes((0, 0, 10, 10), (20, 0, 30, 10)))
    second = _Scripted(clock, [9, 9, 9, 0.040, 0.050, 0.060], boxes((0, 0, 10, 10)))

    result = compare(first, second, [FRAME] * 3, clock=lambda: clock[0])

    assert result.milliseconds == (pytest.approx(100), pytest.approx(50))
    assert result.speedup == pytest.approx(2)
    assert (result.frames, result.persons, result.matched, result.share) == (3, (6, 3), 3, pytest.approx(6 / 9))


def test_nothing_is_said_of_agreement_where_nobody_was_found() -> None:
    clock = [0.0]
    nobody = [_Scripted(clock, [1] * 2, boxes()) for _ in range(2)]

    assert compare(*nobody, [FRAME], clock=lambda: clock[0]).share is None


def test_a_folder_is_as_large_as_all_that_is_in_it(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "a").write_bytes(bytes(10))
    (tmp_path / "deep" / "b").write_bytes(bytes(5))

    assert (size_of(tmp_path), size_of(tmp_path / "a")) == (15, 10)


_NAMES = ("person", "dog", "car")
_TOLD = {"task": "detect", "imgsz": [640, 640], "names": {10: "car", 2: "dog", 0: "person"}}


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({**_TOLD, "args": {"dynamic": True, "quantize": 8}}, Facts(_NAMES, "640", any_size=True, precision="INT8", task="detect")),
        ({**_TOLD, "args": {"int8": False, "half": True}}, Facts(_NAMES, "640", precision="FP16", task="detect")),
        ({"imgsz": [480, 640], "args": {"batch": 1}}, Facts(image_size="480x640", precision="FP32")),
        ({}, Facts()),
        (["no", "mapping"], Facts()),
    ],
)  # fmt: skip
def test_a_graph_tells_what_its_exporter_wrote(tmp_path: Path, told: object, expected: Facts) -> None:
    folder, engine = tmp_path / "a_openvino_model", tmp_path / "a.engine"
    folder.mkdir()
    (folder / "metadata.yaml").write_text(yaml.safe_dump(told), encoding="utf-8")
    head = json.dumps(told).encode()
    engine.write_bytes(len(head).to_bytes(4, "little") + head + b"the engine itself")

    assert facts(Weights(folder, "openvino"), tmp_path) == expected
    assert facts(Weights(engine, "engine"), tmp_path) == expected


def test_a_graph_whose_description_is_broken_is_no_model(tmp_path: Path) -> None:
    (tmp_path / "a_openvino_model").mkdir()
    (tmp_path / "a_openvino_model" / "metadata.yaml").write_text("names: [", encoding="utf-8")

    with pytest.raises(ModelError, match="not weights that can be loaded"):
        facts(Weights(tmp_path / "a_openvino_model", "openvino"), tmp_path)
