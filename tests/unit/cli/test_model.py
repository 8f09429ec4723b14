"""`genesis model`: what it refuses, which frames it takes, what it lists; no network is loaded."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml
from click.testing import CliRunner, Result

from genesis.cli.main import main
from genesis.cli.model_export import tell
from genesis.cli.model_frames import chosen, spread
from genesis.errors import SourceError
from genesis.settings import CONFIG_VARIABLE, Settings
from genesis.vision.faces.needs import YUNET_FILE

pytest.importorskip("ultralytics", reason="no ultralytics in this environment")

PICTURES = 7


def model(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["model", *arguments])


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of an installation: weights that look like some, exports of them, pictures."""
    models = tmp_path / "data" / "models"
    models.mkdir(parents=True)
    with zipfile.ZipFile(models / "own.pt", "w") as file:
        file.writestr("data.pkl", "x")
    (models / "broken.pt").write_text("not weights")
    (models / "own.onnx").write_bytes(b"\x08\x09\x12\x07pytorch")
    (models / YUNET_FILE).write_bytes(b"\x08\x09\x12\x07pytorch")
    for name, task, names in (("own", "detect", {0: "person", 1: "car"}), ("dogs", "detect", {0: "dog"}), ("poses", "pose", {0: "person"})):
        folder = models / f"{name}_openvino_model"
        folder.mkdir()
        (folder / "a.xml").write_text("<net/>")
        (folder / "a.bin").write_bytes(bytes(2_000_000))
        told = {"task": task, "names": names, "imgsz": [640, 640], "args": {"quantize": 8, "dynamic": True}}
        (folder / "metadata.yaml").write_text(yaml.safe_dump(told), encoding="utf-8")
    (tmp_path / "pictures").mkdir()
    for number in range(PICTURES):
        cv2.imwrite(str(tmp_path / "pictures" / f"{number}.png"), np.full((48, 64, 3), 10 * number, np.uint8))
    (tmp_path / "empty").mkdir()
    settings = {"data_dir": "data", "detection": {"offline": True, "weights": "own.pt"}}
    (tmp_path / "settings.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    monkeypatch.setenv(CONFIG_VARIABLE, str(tmp_path / "settings.yaml"))
    monkeypatch.delenv("DEEPFACE_HOME", raising=False)
    monkeypatch.chdir(tmp_path)
    installed(monkeypatch)
    return tmp_path


def installed(monkeypatch: pytest.MonkeyPatch, *, without: str = "") -> None:
    """Let the packages that make and run other forms be there, but for one."""
    known, original = {"onnx", "onnxruntime", "openvino", "nncf"}, importlib.util.find_spec

    def find_spec(name: str, package: str | None = None) -> object:
        return None if name == without else object() if name in known else original(name, package)

    monkeypatch.setattr(importlib.util, "find_spec", find_spec)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["missing.pt"], "weights 'missing.pt' not found"),
        (["yolo11s"], "weights 'yolo11s.pt' not found, and detection.offline forbids fetching them"),
        (["broken.pt"], "not weights that can be loaded (not a PyTorch checkpoint)"),
        (["settings.yaml"], "not weights that can be loaded (unknown kind of file '.yaml')"),
        (["own.onnx"], "onnx weights are exported already; name the .pt file"),
        (["own_openvino_model", "--format", "onnx"], "openvino weights are exported already"),
        ([], "data/models/own_openvino_model: is there already; --force replaces it"),
        (["--imgsz", "100", "--half"], "image size 100: expected a multiple of 32 from 32 to 4096"),
        (["--imgsz", "0", "--half"], "image size 0: expected a multiple of 32"),
        (["--int8", "--half"], "--int8 and --half: give one of them"),
        (["--calibrate", "sample"], "--calibrate is for --int8 alone"),
        (["--half", "--check", "nowhere.mp4"], "source 'nowhere.mp4': no such file or folder"),
        (["--half", "--check", "empty"], "source 'empty': folder without images"),
        (["--half", "--check", "rtsp://u:secret@127.0.0.1:1/x"], "a live camera; a recording is needed here"),
        (["--int8", "--check", "pictures", "--calibrate", "nowhere"], "source 'nowhere': no such file or folder"),
        (["--half", "--to", "settings.yaml/x"], "settings.yaml/x: may not be written to"),
    ],
)
def test_what_can_not_be_exported_is_one_line(here: Path, arguments: list[str], told: str) -> None:
    result = model("export", *arguments)

    assert result.exit_code == 2
    assert told in result.stderr
    assert result.stderr.startswith("genesis: ")
    assert result.stderr.count("\n") == 1
    assert "secret" not in result.stderr
    assert result.stdout == ""


def test_an_unknown_format_is_answered_with_the_known_ones(here: Path) -> None:
    result = model("export", "--format", "tflite")

    assert result.exit_code == 2
    assert "'tflite' is not one of 'openvino', 'onnx'" in result.stderr


def test_a_refused_export_leaves_nothing_behind(here: Path) -> None:
    before = sorted(here.rglob("*"))

    model("export", "--half", "--check", "nowhere.mp4", "--to", "elsewhere/models")

    assert sorted(here.rglob("*")) == before


def test_a_package_that_is_missing_is_said_before_anything_is_looked_at(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed(monkeypatch, without="nncf")

    result = model("export", "--int8")

    assert result.exit_code == 2
    assert result.stderr == "genesis: OpenVINO INT8 needs the package nncf, which is not installed: pip install 'genesis[int8]'\n"


@pytest.mark.parametrize(
    ("count", "most", "numbers"), [(0, 3, set()), (2, 3, {0, 1}), (3, 3, {0, 1, 2}), (10, 3, {1, 5, 8}), (1000, 4, {125, 375, 625, 875})]
)
def test_frames_are_taken_evenly(count: int, most: int, numbers: set[int]) -> None:
    assert chosen(count, most) == numbers


def test_frames_come_from_all_over_a_recording(here: Path) -> None:
    some, all_of_them = (list(spread(Settings(), "pictures", most)) for most in (3, 100))

    assert [int(frame[0, 0, 0]) for frame in some] == [10, 30, 50]
    assert len(all_of_them) == PICTURES


def test_a_live_camera_has_no_frames_to_spread() -> None:
    with pytest.raises(SourceError, match="a live camera"):
        spread(Settings(), "rtsp://127.0.0.1:1/x", 3)


@pytest.fixture
def graphs_only(here: Path) -> Path:
    """Leave away what only its own library can read."""
    for name in ("own.pt", "own.onnx"):
        (here / "data" / "models" / name).unlink()
    return here


def test_weights_are_listed_with_what_they_are_and_which_are_used(graphs_only: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GENESIS_DETECTION__WEIGHTS", "own_openvino_model")

    told = json.loads(model("list", "--json").stdout)

    rows = {Path(row.pop("path")).name: row for row in told["models"]}
    assert list(rows) == ["own_openvino_model", "broken.pt", "dogs_openvino_model", YUNET_FILE, "poses_openvino_model"]
    assert rows["own_openvino_model"] == {
        "purpose": "persons", "form": "OpenVINO INT8", "bytes": rows["own_openvino_model"]["bytes"], "classes": ["person", "car"],
        "image_size": "640", "any_size": True, "used": True, "problem": "",
    }  # fmt: skip
    assert 2_000_000 < rows["own_openvino_model"]["bytes"] < 2_001_000
    assert [name for name, row in rows.items() if row["used"] and row["purpose"] == "persons"] == ["own_openvino_model"]
    assert rows["dogs_openvino_model"]["problem"] == "has no class named 'person'"
    assert (rows["poses_openvino_model"]["purpose"], rows["poses_openvino_model"]["problem"][:24]) == ("pose", "made for the task 'pose'")
    assert "not a PyTorch checkpoint" in rows["broken.pt"]["problem"]
    assert rows[YUNET_FILE]["purpose"] == "faces"
    assert "own_openvino_model (openvino), and the packages for it" in told["used"]["persons"]
    assert "detection.weights: own_openvino_model" in told["used"]["persons"]


def test_a_table_of_weights_says_which_are_used(graphs_only: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GENESIS_DETECTION__WEIGHTS", "own_openvino_model")

    lines = model("list").stdout.splitlines()

    (row,) = (line for line in lines if "own_openvino_model" in line and "INT8" in line)
    assert row.split()[1:] == ["persons", "OpenVINO", "INT8", "2.0", "MB", "640", "or", "any", "person,", "car", "used"]
    assert [line.partition(":")[0] for line in lines[-2:]] == ["persons", "faces"]


@pytest.mark.parametrize(
    ("detector", "told"),
    [("auto", "weights 'missing.onnx' not found"), ("hog", "hog, which needs none")],
)
def test_it_is_said_why_no_weights_are_used(graphs_only: Path, monkeypatch: pytest.MonkeyPatch, detector: str, told: str) -> None:
    monkeypatch.setenv("GENESIS_DETECTION__DETECTOR", detector)
    monkeypatch.setenv("GENESIS_DETECTION__WEIGHTS", "missing.onnx")

    answer = json.loads(model("list", "--json").stdout)

    assert told in answer["used"]["persons"]
    assert not any(row["used"] for row in answer["models"] if row["purpose"] == "persons")


def test_weights_whose_package_is_missing_are_listed_with_the_command_that_installs_it(
    graphs_only: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed(monkeypatch, without="openvino")

    rows = {Path(row["path"]).name: row for row in json.loads(model("list", "--json").stdout)["models"]}

    assert "pip install openvino" in rows["own_openvino_model"]["problem"]


def test_an_installation_without_weights_says_where_it_has_looked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "settings.yaml").write_text("detection: {offline: true}\n")
    monkeypatch.setenv(CONFIG_VARIABLE, str(tmp_path / "settings.yaml"))
    monkeypatch.chdir(tmp_path)

    assert model("list").stdout.splitlines()[0] == "no weights in this folder, nor in data/models"


def figures(**changed: object) -> dict[str, object]:
    form = {"path": "a.pt", "form": "PyTorch", "bytes": 5_500_000, "image_size": 640, "device": "cpu", "threads": 1}
    return {
        "forms": [{**form, "milliseconds": 72.0, "persons": 100}, {**form, "path": "a.onnx", "milliseconds": 36.0, "persons": 98}],
        "source": "sample", "frames": 24, "iou": 0.5, "matched": 97, "share": 0.98, "speedup": 2.0, "calibrated_with": 0,
        "settings": {"detection.weights": "a.onnx"}, **changed,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("changed", "lines"),
    [
        ({}, ["2.00 times as fast (medians, 24 frames of sample)", "98.0 % of the boxes are matched (overlap of at least 0.5)\n",
              "to use it, write into the settings:\n  detection.weights: a.onnx\n"]),
        ({"speedup": 0.9}, ["it is not faster here"]),
        ({"share": 0.5}, ["50.0 % of the boxes are matched (overlap of at least 0.5); look at what it finds before you use it"]),
        ({"share": None}, ["not known: neither found anybody; --check a recording with people in it"]),
        ({"settings": {"detection.weights": "a.onnx", "detection.image_size": 320}}, ["  detection.image_size: 320\n"]),
    ],
)  # fmt: skip
def test_the_figures_are_told_with_what_they_mean(changed: dict[str, object], lines: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    tell(figures(**changed))

    said = capsys.readouterr().out
    assert all(line in said for line in lines)
    assert ("it is not faster" in said) == ("speedup" in changed)


def test_asking_for_help_loads_no_network() -> None:
    code = "import sys; from genesis.cli.main import main; main(['model', 'export', '--help'], standalone_mode=False)"
    heavy = "print([name for name in ('torch', 'ultralytics', 'cv2', 'numpy', 'pydantic') if name in sys.modules])"

    said = subprocess.run([sys.executable, "-c", f"{code}; {heavy}"], capture_output=True, text=True, check=True).stdout

    assert said.splitlines()[-1] == "[]"
