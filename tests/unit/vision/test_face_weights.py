"""Where the face engine's files come from, and what is said when they are not to be had."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from genesis.errors import ModelError
from genesis.settings import Recognition
from genesis.vision.faces import available, load_engine, resolve
from genesis.vision.faces.needs import YUNET_FILE, missing
from genesis.vision.faces.weights import HOME, explain, folder_of, linked, make_folder

OFFLINE = Recognition(offline=True)


@pytest.fixture(autouse=True)
def _no_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(HOME, raising=False)


def test_yunet_is_taken_where_its_file_is(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / YUNET_FILE).write_bytes(b"a network")

    assert resolve(OFFLINE, data_dir=tmp_path).detector == "yunet"
    assert (folder_of(tmp_path) / YUNET_FILE).read_bytes() == b"a network"


def test_without_its_file_dlib_finds_the_faces_and_one_line_says_so(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)

    assert resolve(OFFLINE, data_dir=tmp_path).detector == "dlib"

    (line,) = caplog.messages
    assert str(tmp_path / "models" / YUNET_FILE) in line


def test_yunet_that_is_asked_for_and_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"recognition.offline forbids fetching it: put the file at"):
        resolve(OFFLINE.model_copy(update={"detector": "yunet"}), data_dir=tmp_path)


def test_another_detector_needs_no_file_of_yunet(tmp_path: Path) -> None:
    assert resolve(OFFLINE.model_copy(update={"detector": "opencv"}), data_dir=tmp_path).detector == "opencv"


def test_a_home_that_is_set_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(HOME, str(tmp_path / "mine"))

    assert folder_of(tmp_path / "data") == tmp_path / "mine" / ".deepface" / "weights"


def test_a_file_may_be_linked_by_many_at_once(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_text("a")

    paths = {linked(source, tmp_path / "weights" / "target") for _ in range(3)}

    assert {path.read_text() for path in paths} == {"a"}
    assert [path.name for path in (tmp_path / "weights").iterdir()] == ["target"]


def test_a_package_that_is_missing_is_named_with_its_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = __import__("importlib.util").util.find_spec
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "dlib" else real(name))

    reason = missing(Recognition(), tmp_path)

    assert reason is None or "pip install 'genesis[faces]'" in reason
    assert available(Recognition(engine="none"), tmp_path) == "recognition.engine is 'none'"


def test_no_engine_is_loaded_where_none_is_wanted(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"recognition.engine is 'none'"):
        load_engine(Recognition(engine="none"), data_dir=tmp_path)


def test_a_folder_that_can_t_be_made_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file", encoding="utf-8")

    with pytest.raises(ModelError, match=r"weights: can't be made: Not a directory"):
        make_folder(folder_of(tmp_path / "data"))


def test_what_deepface_could_not_fetch_is_told_with_file_place_and_address() -> None:
    error = ValueError(
        "An exception occurred while downloading arcface_weights.onnx from https://a.example/arcface_weights.onnx. "
        "Consider downloading it manually to /home/x/.deepface/weights/arcface_weights.onnx."
    )
    error.__cause__ = OSError(
        "HTTPSConnectionPool(host='a.example', port=443): Max retries exceeded with url: /x (Caused by NameResolutionError("
        "\"HTTPSConnection(host='a.example', port=443): Failed to resolve 'a.example'\"))"
    )

    assert explain(error, "DeepFace's model 'ArcFace'", Path("/w")) == (
        "DeepFace's model 'ArcFace': arcface_weights.onnx can't be fetched (Failed to resolve 'a.example'): put the file at "
        "/home/x/.deepface/weights/arcface_weights.onnx (it is at https://a.example/arcface_weights.onnx)"
    )
