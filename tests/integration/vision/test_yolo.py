"""The YOLO detector through the real ultralytics, on weights made on the spot: no download, no training."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import ClassVar

import cv2
import numpy as np
import pytest

from genesis.errors import ModelError
from genesis.settings import Detection
from genesis.vision.detectors import load_detector
from genesis.vision.types import Detections
from tests.detector_fixtures import tiny_checkpoint

pytestmark = pytest.mark.skipif(importlib.util.find_spec("ultralytics") is None, reason="ultralytics is not installed")

_SMALL = {"image_size": 160, "confidence": 0.3}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("yolo")


@pytest.fixture(scope="module")
def weights(home: Path) -> Path:
    return tiny_checkpoint(home / "tiny.pt", data_dir=home)


@pytest.fixture(scope="module")
def frames(weights: Path) -> list[np.ndarray]:
    import ultralytics

    assets = Path(ultralytics.__file__).parent / "assets"
    street, match = cv2.imread(str(assets / "bus.jpg")), cv2.imread(str(assets / "zidane.jpg"))
    return [street, match, street[::2, ::2], match[:, ::-1], street]


@pytest.fixture
def yolo(weights: Path, home: Path) -> object:
    from genesis.vision.detectors.yolo import YoloDetector

    def make(batch: int | None = None, **settings: object) -> YoloDetector:
        return YoloDetector(Detection(**{"weights": str(weights), **_SMALL, **settings}), data_dir=home, batch=batch)

    return make


def same(one: Detections, other: Detections) -> bool:
    return one.boxes.tolist() == other.boxes.tolist() and one.confidences.tolist() == other.confidences.tolist()


def test_auto_loads_yolo_and_names_its_weights(weights: Path, home: Path) -> None:
    detector = load_detector(Detection(weights=str(weights), **_SMALL), data_dir=home)

    assert detector.name == "yolo:tiny.pt"


def test_what_it_reports_lies_in_the_frame_surest_first(yolo: object, frames: list[np.ndarray]) -> None:
    results = yolo().detect(frames)

    assert [len(found) > 0 for found in results] == [True] * len(frames)
    for frame, found in zip(frames, results, strict=True):
        height, width = frame.shape[:2]
        assert ((found.boxes >= 0) & (found.boxes <= [width, height, width, height])).all()
        assert (np.diff(found.confidences) <= 0).all()
        assert found.confidences.min() >= np.float32(0.3)


def test_a_frame_gives_the_same_persons_in_any_company(yolo: object, frames: list[np.ndarray]) -> None:
    detector = yolo()

    together = detector.detect(frames)
    alone = [detector.detect([frame])[0] for frame in frames]

    assert all(same(one, other) for one, other in zip(together, alone, strict=True))


def test_two_loads_give_the_same_persons(yolo: object, frames: list[np.ndarray]) -> None:
    first, second = yolo().detect(frames), yolo().detect(frames)

    assert all(same(one, other) for one, other in zip(first, second, strict=True))


def test_real_batches_of_mixed_sizes_keep_the_order_of_the_frames(yolo: object, frames: list[np.ndarray]) -> None:
    one_by_one, batched = yolo().detect(frames), yolo(batch=2).detect(frames)

    for one, other in zip(one_by_one, batched, strict=True):
        np.testing.assert_allclose(one.boxes, other.boxes, atol=0.01)
        np.testing.assert_allclose(one.confidences, other.confidences, atol=1e-4)


def test_a_batch_whose_suppression_was_cut_short_runs_again_frame_by_frame(
    yolo: object, frames: list[np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    detector, sizes = yolo(batch=2), []
    predict = detector._predict

    def slow(model: object, some: list[np.ndarray]) -> list[object]:
        results = predict(model, some)
        sizes.append(len(some))
        for result in results:
            result.speed["postprocess"] = 1_500.0
        return results

    monkeypatch.setattr(detector, "_predict", slow)
    found = detector.detect([frames[0], frames[0]])

    assert sizes == [2, 1, 1]
    assert same(found[0], found[1])


@pytest.mark.parametrize("shape", [(1, 1), (7, 500), (2000, 3), (33, 47)])
def test_a_frame_of_any_size_is_taken(yolo: object, shape: tuple[int, int]) -> None:
    assert len(yolo().detect([np.zeros((*shape, 3), np.uint8)])) == 1


def test_no_frames_give_no_results(yolo: object) -> None:
    assert yolo().detect([]) == []


@pytest.mark.parametrize(
    ("settings", "check"),
    [
        ({"confidence": 0.5}, lambda found: found.confidences.min() >= 0.5),
        ({"min_height": 1000.0}, lambda found: (found.boxes[:, 3] - found.boxes[:, 1]).min() >= 1000),
        ({"confidence": 1.0}, lambda found: len(found) == 0),
    ],
)
def test_limits_are_held(yolo: object, frames: list[np.ndarray], settings: dict[str, float], check: object) -> None:
    loose, strict = yolo().detect(frames[:1])[0], yolo(**settings).detect(frames[:1])[0]

    assert check(strict)
    assert len(strict) < len(loose)


def test_a_lower_overlap_keeps_fewer_boxes(yolo: object, frames: list[np.ndarray]) -> None:
    loose, strict = yolo(iou=0.9).detect(frames[:1])[0], yolo(iou=0.2).detect(frames[:1])[0]

    assert len(strict) < len(loose)


def test_only_the_class_person_counts(home: Path, frames: list[np.ndarray]) -> None:
    both = tiny_checkpoint(home / "both.pt", names=("car", "Person"), data_dir=home)
    detector = load_detector(Detection(weights=str(both), image_size=160, confidence=0.05), data_dir=home)

    detector.detect(frames[:1])

    assert detector._classes == [1]
    assert all(result.boxes.cls.tolist() == [1.0] * len(result) for result in detector._predict(detector._model, frames[:1]))


@pytest.mark.parametrize(
    ("names", "listed"),
    [(("object",), "its classes are: object"), (tuple("abcdefghij"), "its classes are: a, b, c, d, e, f, g, h and 2 more")],
)
def test_a_model_that_knows_no_persons_is_refused_with_its_classes(home: Path, names: tuple[str, ...], listed: str) -> None:
    path = tiny_checkpoint(home / f"{len(names)}.pt", names=names, data_dir=home)

    with pytest.raises(ModelError, match="has no class named 'person'") as caught:
        load_detector(Detection(weights=str(path), **_SMALL), data_dir=home)

    assert listed in str(caught.value)


def _evil(path: Path, sign: Path) -> None:
    import torch

    class Evil:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return os.system, (f"touch {sign}",)

    torch.save({"model": Evil(), "train_args": {}}, path)


def _damaged(path: Path, weights: Path) -> None:
    whole = bytearray(weights.read_bytes())
    whole[2_000:30_000] = bytes(28_000)
    path.write_bytes(whole)


def _tensor(path: Path) -> None:
    import torch

    torch.save({"weight": torch.zeros(3)}, path)


@pytest.mark.parametrize("kind", ["damaged", "tensor", "cut"])
def test_a_checkpoint_that_can_not_be_loaded_is_one_clear_line(tmp_path: Path, weights: Path, home: Path, kind: str) -> None:
    path = tmp_path / f"{kind}.pt"
    make = {
        "damaged": lambda: _damaged(path, weights),
        "tensor": lambda: _tensor(path),
        "cut": lambda: path.write_bytes(weights.read_bytes()[:50_000]),
    }
    make[kind]()

    with pytest.raises(ModelError) as caught:
        load_detector(Detection(weights=str(path), **_SMALL), data_dir=home)

    assert str(caught.value).startswith(f"{path}: not ")
    assert "\n" not in str(caught.value)


def test_a_checkpoint_that_wants_to_run_code_is_refused_and_does_not_run_it(tmp_path: Path, home: Path) -> None:
    path, sign = tmp_path / "evil.pt", tmp_path / "it-ran"
    _evil(path, sign)

    with pytest.raises(ModelError, match="could run any code when loaded; refused"):
        load_detector(Detection(weights=str(path), **_SMALL), data_dir=home)

    assert not sign.exists()


@pytest.mark.parametrize("device", ["cuda:77", "banana"])
def test_a_device_that_is_not_there_is_said_in_one_line(yolo: object, device: str) -> None:
    with pytest.raises(ModelError, match=f"detection.device '{device}' is not there"):
        yolo(device=device)


@pytest.mark.parametrize("threads", [1, 2])
def test_torch_uses_the_threads_of_the_settings(yolo: object, frames: list[np.ndarray], threads: int) -> None:
    import torch

    yolo(threads=threads).detect(frames[:1])

    assert torch.get_num_threads() == threads


class _FakeCore:
    available_devices: ClassVar = ["CPU"]

    def __init__(self) -> None:
        self.properties: dict[str, object] = {}

    def set_property(self, device: str, properties: dict[str, object]) -> None:
        self.properties[device] = properties


def test_openvino_is_limited_only_while_a_model_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    from genesis.vision.detectors.inference_threads import limited

    module = type(sys)("openvino")
    module.Core = _FakeCore
    monkeypatch.setitem(sys.modules, "openvino", module)
    with limited("openvino", 3):
        inside = module.Core()
    outside = module.Core()

    assert inside.properties == {"CPU": {"INFERENCE_NUM_THREADS": 3, "ENABLE_CPU_PINNING": False}}
    assert outside.properties == {}


def test_onnx_runtime_is_limited_only_while_a_model_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    from genesis.vision.detectors.inference_threads import limited

    class Options:
        intra_op_num_threads = inter_op_num_threads = 0

        def add_session_config_entry(self, key: str, value: str) -> None:
            self.entry = (key, value)

    class Session:
        def __init__(self, model: str, sess_options: Options | None = None, providers: object = None) -> None:
            self.options = sess_options

    module = type(sys)("onnxruntime")
    module.SessionOptions, module.InferenceSession = Options, Session
    monkeypatch.setitem(sys.modules, "onnxruntime", module)
    with limited("onnx", 2):
        inside = module.InferenceSession("net.onnx", None, providers=["CPUExecutionProvider"])
    outside = module.InferenceSession("net.onnx", None)

    assert (inside.options.intra_op_num_threads, inside.options.inter_op_num_threads) == (2, 1)
    assert outside.options is None


def test_loading_and_detecting_prints_nothing_and_writes_only_below_the_data_folder(tmp_path: Path, weights: Path) -> None:
    place = tmp_path / "cwd"
    place.mkdir()
    shutil.copy(weights, place / "mine.pt")
    code = (
        "import numpy as np, pathlib, genesis.settings as s, genesis.vision.detectors as d;"
        "made = d.load_detector(s.Detection(weights='mine.pt', image_size=160), data_dir=pathlib.Path('data'));"
        "made.detect([np.zeros((90, 90, 3), np.uint8)])"
    )
    quiet = {name: value for name, value in os.environ.items() if not name.startswith(("YOLO_", "ULTRALYTICS_"))}
    environment = {**quiet, "PYTHONPATH": str(Path(__file__).parents[3]), "HOME": str(tmp_path / "home")}

    done = subprocess.run([sys.executable, "-c", code], cwd=place, env=environment, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert sorted(path.name for path in place.iterdir()) == ["data", "mine.pt"]
    assert not (tmp_path / "home").exists()
