"""Which detector is taken, and what the choice costs."""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path

import pytest

from genesis.errors import ModelError
from genesis.settings import Detection
from genesis.vision.detectors import DETECTORS, load_detector, resolve
from genesis.vision.detectors import weights as weights_module
from genesis.vision.detectors.weights import ModelUnavailableError, Weights

_LOGGER = "genesis.vision.detectors"


def _located(monkeypatch: pytest.MonkeyPatch, answer: Weights | Exception) -> None:
    def locate(_settings: Detection, _data_dir: Path) -> Weights:
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(weights_module, "locate", locate)


def test_auto_is_yolo_where_its_weights_are(monkeypatch: pytest.MonkeyPatch) -> None:
    _located(monkeypatch, Weights(Path("found/yolo11n.pt"), "pt"))

    chosen = resolve(Detection())

    assert (chosen.detector, chosen.weights) == ("yolo", "found/yolo11n.pt")


def test_auto_is_hog_with_one_warning_where_yolo_can_not_be_had(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    _located(monkeypatch, ModelUnavailableError("weights 'yolo11n.pt' not found"))

    with caplog.at_level(logging.INFO, _LOGGER):
        detector = load_detector(Detection())

    warnings = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert detector.name == "hog"
    assert len(warnings) == 1
    assert "HOG, which is weak" in warnings[0]
    assert "weights 'yolo11n.pt' not found" in warnings[0]


def test_auto_does_not_hide_a_broken_file_behind_hog(tmp_path: Path) -> None:
    broken = tmp_path / "mine.pt"
    broken.write_text("hello")

    with pytest.raises(ModelError, match="not a PyTorch checkpoint"):
        load_detector(Detection(weights=str(broken)), data_dir=tmp_path)


def test_auto_takes_hog_on_a_machine_without_ultralytics(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)

    chosen = resolve(Detection(), data_dir=tmp_path)

    assert chosen.detector == "hog"
    assert "pip install 'genesis[detection]'" in caplog.text


def test_asking_for_yolo_is_never_answered_with_hog(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    with pytest.raises(ModelError):
        load_detector(Detection(detector="yolo", weights="nowhere.pt"), data_dir=tmp_path)


@pytest.mark.parametrize("detector", ["hog", "yolo"])
def test_a_named_detector_is_taken_as_it_is(detector: str) -> None:
    settings = Detection(detector=detector)

    assert resolve(settings) is settings


def test_the_registry_knows_every_detector_of_the_settings() -> None:
    assert set(DETECTORS) | {"auto"} == set(Detection.model_fields["detector"].annotation.__args__)


def test_importing_the_choice_imports_nothing_heavy() -> None:
    code = (
        "import sys, genesis.vision.detectors, genesis.vision.types;"
        "genesis.vision.detectors.resolve(genesis.vision.detectors.Detection(weights='nowhere.pt'));"
        "print(sorted({'torch', 'torchvision', 'ultralytics', 'cv2', 'redis', 'celery', 'openvino'} & set(sys.modules)))"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"
