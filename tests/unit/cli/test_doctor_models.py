"""What the doctor says of weights and engines, without loading any."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from genesis.cli.doctor_models import check_detector, check_faces, model_checks
from genesis.settings import Settings
from genesis.vision.faces.needs import YUNET_FILE
from tests.looks import look, program

pytest.importorskip("ultralytics", reason="no ultralytics in this environment")


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a data folder with weights that look like some, in a working folder without any."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DEEPFACE_HOME", raising=False)
    (tmp_path / "data" / "models").mkdir(parents=True)
    with zipfile.ZipFile(tmp_path / "data" / "models" / "own.pt", "w") as file:
        file.writestr("data.pkl", "x")
    (tmp_path / "data" / "models" / "broken.pt").write_text("not weights")
    return tmp_path / "data"


@pytest.mark.parametrize(
    ("detection", "level", "found"),
    [
        ({"detector": "hog"}, "ok", "hog, which needs none"),
        ({"weights": "own.pt"}, "ok", "own.pt (pt), and the packages for it"),
        ({}, "warning", "yolo11n.pt is not there yet; it is fetched when the first worker starts"),
        ({"offline": True}, "warning", "weights 'yolo11n.pt' not found, and detection.offline forbids fetching them"),
        ({"offline": True, "detector": "yolo"}, "error", "weights 'yolo11n.pt' not found, and detection.offline forbids"),
        ({"weights": "missing.onnx"}, "warning", "weights 'missing.onnx' not found"),
        ({"weights": "missing.onnx", "detector": "yolo"}, "error", "weights 'missing.onnx' not found"),
        ({"weights": "broken.pt"}, "error", "not weights that can be loaded"),
    ],
)
def test_the_detectors_weights_are_looked_at(detection: dict[str, Any], level: str, found: str, data: Path) -> None:
    (row,) = check_detector(Settings(detection=detection, data_dir=data))

    assert row.level == level
    assert found in row.found
    assert (row.level == "ok") == (not row.advice)


def test_a_gpu_that_is_asked_for_must_be_there(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("genesis.cli.doctor_models._NVIDIA", data / "no" / "driver")

    rows = list(check_detector(Settings(detection={"weights": "own.pt", "device": "cuda:0"}, data_dir=data)))

    assert [(row.check, row.level) for row in rows] == [("weights", "ok"), ("device", "error")]


def test_packages_that_are_missing_are_named_with_the_command(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name, *_: None)

    (detector,) = check_detector(Settings(detection={"weights": "own.pt"}, data_dir=data))
    (faces,) = check_faces(Settings(data_dir=data))

    assert (detector.found, detector.advice) == (
        "YOLO needs the package ultralytics, which is not installed", "pip install 'genesis[detection]'"
    )  # fmt: skip
    assert (faces.level, faces.advice) == ("warning", "pip install 'genesis[faces]'")


@pytest.mark.parametrize("values", [{"recognition": {"engine": "none"}}, {"storage": {"dsn": "none"}}])
def test_where_nobody_is_to_be_recognised_nothing_is_missed(values: dict[str, Any], data: Path) -> None:
    (row,) = check_faces(Settings(**values, data_dir=data))

    assert (row.level, row.found.partition(",")[0]) == ("ok", "nobody is recognised")


@pytest.mark.parametrize(
    ("recognition", "there", "level"),
    [
        ({}, True, "ok"),
        ({}, False, "warning"),
        ({"offline": True}, False, "warning"),
        ({"offline": True, "detector": "yunet"}, False, "error"),
        ({"detector": "dlib"}, False, "ok"),
    ],
)
def test_the_face_detectors_file_is_looked_for(recognition: dict[str, Any], there: bool, level: str, data: Path) -> None:
    pytest.importorskip("deepface", reason="no deepface in this environment")
    if there:
        (data / "models" / YUNET_FILE).write_bytes(b"x")

    (row,) = check_faces(Settings(recognition=recognition, data_dir=data))

    assert row.level == level


def test_what_other_machines_do_this_one_needs_nothing_for(data: Path) -> None:
    status = look(programs=(program("worker", "gpu@south", host="south", queues=("detection", "recognition")),))
    settings = Settings(detection={"weights": "broken.pt"}, data_dir=data)

    rows = [row for check in model_checks(settings, status) for row in check.look()]

    assert {(row.level, row.check) for row in rows} == {("ok", "elsewhere")}
    assert "on south" in rows[0].found


def test_nothing_heavy_is_loaded_for_it() -> None:
    code = (
        "import sys\nfrom genesis.cli.doctor_models import check_detector, check_faces\nfrom genesis.settings import Settings\n"
        "list(check_detector(Settings())), list(check_faces(Settings()))\nprint(*sys.modules)"
    )

    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert {"torch", "ultralytics", "deepface", "tensorflow", "onnxruntime", "dlib"}.isdisjoint(said.split())
