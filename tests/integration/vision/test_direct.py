"""Exported weights run directly find what ultralytics finds with the same file."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from genesis.settings import Detection
from genesis.vision.boxes import overlap
from genesis.vision.detectors import load_detector
from genesis.vision.detectors.direct import DirectDetector, persons_in
from genesis.vision.detectors.letterbox import Letterbox
from genesis.vision.detectors.runtime import bring_up
from genesis.vision.export import _unreported
from tests.detector_fixtures import tiny_checkpoint

PACKAGES = {"onnx": ("onnx", "onnxruntime"), "openvino": ("openvino",)}

pytestmark = pytest.mark.skipif(importlib.util.find_spec("ultralytics") is None, reason="ultralytics is not installed")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("direct")


@pytest.fixture(scope="module")
def frames() -> list[np.ndarray]:
    import ultralytics

    assets = Path(ultralytics.__file__).parent / "assets"
    street, match = cv2.imread(str(assets / "bus.jpg")), cv2.imread(str(assets / "zidane.jpg"))
    return [street, match, street[:333, :501], match[::2, :301], np.zeros((1, 1, 3), np.uint8)]


def exported(home: Path, kind: str, *, dynamic: bool) -> Path:
    """Return a small network of two classes in another form."""
    for package in PACKAGES[kind]:
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"{package} is not installed")
    folder = home / f"{kind}-{dynamic}"
    checkpoint = tiny_checkpoint(folder / "tiny.pt", names=("person", "car"), data_dir=home)
    model = bring_up(1, home).YOLO(str(checkpoint))
    with _unreported():
        return Path(model.export(format=kind, imgsz=160, dynamic=dynamic, device="cpu", verbose=False))


def pair(settings: Detection, home: Path) -> tuple[DirectDetector, Any]:
    """Return the same weights twice: run directly, and by ultralytics."""
    from genesis.vision.detectors.yolo import YoloDetector

    direct = load_detector(settings, data_dir=home)
    assert isinstance(direct, DirectDetector)
    return direct, YoloDetector(settings, data_dir=home)


@pytest.mark.parametrize("kind", ["openvino", "onnx"])
@pytest.mark.parametrize("dynamic", [False, True], ids=["fixed", "dynamic"])
def test_it_finds_the_same_persons(home: Path, frames: list[np.ndarray], kind: str, dynamic: bool) -> None:
    settings = Detection(weights=str(exported(home, kind, dynamic=dynamic)), image_size=160, confidence=0.3, iou=0.6)

    direct, through = pair(settings, home)

    for frame in frames:
        said = said_of(direct, frame)
        predictor = through._model.predictor
        through.detect([frame])
        expected = predictor.model(predictor.preprocess([frame]))
        expected = (expected[0] if isinstance(expected, list | tuple) else expected)[0].numpy()
        # Where the CPU has BF16, OpenVINO calculates with its 8 bits.
        np.testing.assert_allclose(said[4:], expected[4:], atol=0.03)
        np.testing.assert_allclose(said[:4], expected[:4], atol=3)
        assert_same_persons(said, settings)


def said_of(direct: DirectDetector, frame: np.ndarray) -> np.ndarray:
    """Return what the network says of a frame."""
    network = direct._network
    place = Letterbox.of(frame, direct._size, network.stride if network.size is None else 0)
    return network.run(place.apply(frame)).copy()


def assert_same_persons(said: np.ndarray, settings: Detection) -> None:
    """Check that ultralytics' own suppression makes the same persons of an output."""
    import torch
    from ultralytics.utils.nms import non_max_suppression

    # No two scores are equal: of those either may stay.
    said = said.copy()
    said[4:] += np.random.default_rng(1).uniform(0, 1e-4, said[4:].shape).astype(np.float32)
    boxes, scores = persons_in(said, [0], confidence=settings.confidence, iou=settings.iou)
    (expected,) = non_max_suppression(torch.from_numpy(said[None]), settings.confidence, settings.iou, classes=[0])

    np.testing.assert_allclose(boxes, expected[:, :4].numpy(), atol=1e-3)
    np.testing.assert_allclose(scores, expected[:, 4].numpy())


def test_it_finds_the_same_persons_on_footage(shared: Path, home: Path) -> None:
    pytest.importorskip("openvino")
    video = cv2.VideoCapture(str(shared / "data" / "pets09_s2l1.avi"))
    some = [video.read()[1] for _ in range(24)][::3]

    direct, through = pair(Detection(weights=str(shared / "models" / "yolo11n_int8_openvino_model"), offline=True), home)
    found, expected = direct.detect(some), through.detect(some)

    assert sum(map(len, expected)) > 20
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one.confidences, other.confidences)
        # Of two boxes of one person with equal scores, which INT8 makes, either may be the one that stays.
        assert (np.diag(overlap(one.boxes, other.boxes)) > 0.9).all()


def test_neither_torch_nor_ultralytics_is_loaded_for_it(shared: Path, tmp_path: Path) -> None:
    pytest.importorskip("openvino")
    from tests.processes import python

    weights = shared / "models" / "yolo11n_int8_openvino_model"
    code = (
        "import sys, pathlib; from genesis.settings import Detection; from genesis.vision.detectors import load_detector;"
        f"load_detector(Detection(weights={str(weights)!r}, offline=True), data_dir=pathlib.Path({str(tmp_path)!r}));"
        "print([name for name in ('torch', 'ultralytics') if name in sys.modules])"
    )

    done = python("-c", code)

    assert (done.returncode, done.stdout, done.stderr) == (0, "[]\n", "")
