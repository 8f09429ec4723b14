"""Weights exported by the real exporters, and run by the real engines: a small untrained network, which finds boxes anywhere."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterator
from pathlib import Path

import cv2
import pytest
import yaml
from click.testing import CliRunner, Result

from genesis.cli.main import main
from genesis.errors import ModelError, UsageError
from genesis.settings import CONFIG_VARIABLE, Detection
from genesis.vision.detectors import Detector, load_detector
from genesis.vision.detectors.weights import Weights
from genesis.vision.export import Form, export
from genesis.vision.export_check import compare
from tests.detector_fixtures import tiny_checkpoint

pytestmark = pytest.mark.skipif(importlib.util.find_spec("ultralytics") is None, reason="ultralytics is not installed")

SIZE = 160
# What it finds hangs on the last bits of its sums, far more than with a trained network.
ALIKE = {"full": 0.9, "half": 0.9, "int8": 0.6}


def needs(form: Form) -> None:
    try:
        form.require_packages()
    except UsageError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with weights, and pictures of people in two shapes."""
    folder = tmp_path_factory.mktemp("export")
    tiny_checkpoint(folder / "data" / "models" / "tiny.pt", data_dir=folder / "data")
    import ultralytics

    assets = Path(ultralytics.__file__).parent / "assets"
    street, match = cv2.imread(str(assets / "bus.jpg")), cv2.imread(str(assets / "zidane.jpg"))
    (folder / "pictures").mkdir()
    for number, picture in enumerate([street[::4, ::4], match[::4, ::4], street[::4, ::-4], match[::4, ::-4]]):
        cv2.imwrite(str(folder / "pictures" / f"{number}.png"), picture)
    return folder


@pytest.fixture
def here(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make it the installation that commands see, and the working folder."""
    settings = {"data_dir": str(home / "data"), "detection": {"weights": "tiny.pt", "image_size": SIZE, "confidence": 0.3, "offline": True}}
    (home / "settings.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    monkeypatch.setenv(CONFIG_VARIABLE, str(home / "settings.yaml"))
    monkeypatch.chdir(home)
    return home


@pytest.fixture(autouse=True)
def reported(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """See that no tool tells its maker that it was used."""
    backend, said = pytest.importorskip("openvino_telemetry.backend.backend_ga4").GA4Backend, []
    for name in ("CI", "TF_BUILD", "JENKINS_URL"):  # there they are silent anyway
        monkeypatch.delenv(name, raising=False)
    for name in ("build_event_message", "build_session_start_message", "generate_new_cid_file"):
        monkeypatch.setattr(backend, name, lambda *_args, what=name, **_options: said.append(what))
    yield
    assert said == []


def exported(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["model", "export", "--json", "--check", "pictures", *arguments])


@pytest.mark.parametrize(
    ("form", "options", "made"),
    [
        (Form("openvino"), [], "tiny_openvino_model"),
        (Form("openvino", "int8"), ["--int8", "--calibrate", "pictures"], "tiny_int8_openvino_model"),
        (Form("onnx"), ["--format", "onnx"], "tiny.onnx"),
        (Form("onnx", "int8"), ["--format", "onnx", "--int8"], "tiny_int8.onnx"),
    ],
)
def test_another_form_finds_the_same_persons(here: Path, form: Form, options: list[str], made: str) -> None:
    needs(form)

    result = exported(*options)

    assert result.exit_code == 0, result.stderr
    told = json.loads(result.stdout)
    assert told["settings"] == {"detection.weights": made}
    assert [Path(each["path"]).name for each in told["forms"]] == ["tiny.pt", made]
    assert told["share"] >= ALIKE[form.precision]
    assert told["matched"] > 20
    assert all(each["milliseconds"] > 0 and each["bytes"] > 100_000 for each in told["forms"])
    # What the settings then name is found, and is what the table was made with.
    detector = _detector(made, here)
    pictures = [cv2.imread(str(file)) for file in sorted((here / "pictures").iterdir())]
    assert detector.name == f"yolo:{made}"
    assert sum(len(found) for found in detector.detect(pictures)) == told["forms"][1]["persons"]
    # Nothing else was left: neither where it was made, nor in the working folder.
    assert not list((here / "data" / "models").glob(".*"))
    assert sorted(path.name for path in here.iterdir()) == ["data", "pictures", "settings.yaml"]


def test_the_image_size_of_the_settings_counts_for_an_export_too(here: Path) -> None:
    needs(Form("openvino"))
    _have("tiny_openvino_model", here)
    street = [cv2.imread(str(here / "pictures" / "0.png"))]

    same, other = ([_detector(name, here, size) for name in ("tiny.pt", "tiny_openvino_model")] for size in (96, 224))

    assert compare(*same, street).share >= ALIKE["full"]
    assert compare(*other, street).share >= ALIKE["full"]
    assert compare(same[0], other[0], street).share < ALIKE["full"]


def test_by_force_it_takes_the_place_of_what_is_there(here: Path, tmp_path: Path) -> None:
    needs(Form("openvino"))
    old = tmp_path / "tiny_half_openvino_model"
    old.mkdir()
    (old / "leftover.xml").write_text("old")

    result = exported("--half", "--imgsz", "96", "--to", str(tmp_path), "--force")

    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout)["settings"] == {"detection.weights": str(old), "detection.image_size": 96}
    assert sorted(path.name for path in old.iterdir()) == ["metadata.yaml", "tiny.bin", "tiny.xml"]
    assert [path.name for path in tmp_path.iterdir()] == [old.name]


@pytest.mark.parametrize("fault", ["exporter", "disk"])
def test_an_export_that_fails_is_one_line_and_leaves_what_was_there(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    from ultralytics.engine.exporter import Exporter

    def fail(exporter: object, *_args: object, **_options: object) -> None:
        (tmp_path / "seen").write_text(str(exporter.file))
        exporter.file.with_suffix(".onnx").write_text("half of it")
        raise OSError(28, "No space left on device") if fault == "disk" else RuntimeError("an operator\nis not known")

    monkeypatch.setattr(Exporter, "export_openvino", fail)
    target = tmp_path / "models" / "tiny_openvino_model"
    target.mkdir(parents=True)
    weights, settings = Weights(home / "data" / "models" / "tiny.pt", "pt"), Detection(image_size=SIZE)

    with pytest.raises(ModelError if fault == "exporter" else UsageError) as caught:
        export(weights, Form("openvino", image_size=SIZE), target, settings, data_dir=home / "data")

    said = {"exporter": "can't be exported to OpenVINO (an operator is not known)", "disk": "can't be written to (No space left on device)"}
    assert said[fault] in str(caught.value)
    assert "\n" not in str(caught.value)
    assert Path((tmp_path / "seen").read_text()).parent.parent == target.parent
    assert list(target.parent.iterdir()) == [target]


def test_a_network_that_finds_no_persons_is_refused_before_it_is_exported(here: Path) -> None:
    needs(Form("openvino"))
    tiny_checkpoint(here / "data" / "dogs.pt", names=("dog",), data_dir=here / "data")

    result = exported(str(here / "data" / "dogs.pt"))

    assert result.exit_code == 2
    assert "has no class named 'person'" in result.stderr
    assert not (here / "data" / "models" / "dogs_openvino_model").exists()


def test_a_checkpoint_and_its_onnx_form_are_listed(here: Path) -> None:
    needs(Form("onnx"))
    _have("tiny.onnx", here, "--format", "onnx")

    rows = {
        Path(row["path"]).name: row for row in json.loads(CliRunner().invoke(main, ["model", "list", "--json"]).stdout)["models"]
    }  # fmt: skip

    assert {key: rows["tiny.pt"][key] for key in ("form", "classes", "image_size", "any_size", "used")} == {
        "form": "PyTorch", "classes": ["person"], "image_size": "64", "any_size": True, "used": True,
    }  # fmt: skip
    assert {key: rows["tiny.onnx"][key] for key in ("form", "classes", "image_size", "any_size", "used")} == {
        "form": "ONNX FP32", "classes": ["person"], "image_size": str(SIZE), "any_size": True, "used": False,
    }  # fmt: skip


def _have(name: str, home: Path, *options: str) -> None:
    """Export, unless a test before has."""
    if not (home / "data" / "models" / name).exists():
        assert exported(*options).exit_code == 0


def _detector(weights: str, home: Path, size: int = SIZE) -> Detector:
    """Return what a worker would load."""
    settings = Detection(detector="yolo", weights=weights, image_size=size, confidence=0.3)
    return load_detector(settings, data_dir=home / "data")
