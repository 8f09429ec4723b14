"""Looking for weights, telling what they are, and fetching them."""

from __future__ import annotations

import importlib.util
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from genesis.errors import ModelError
from genesis.settings import Detection
from genesis.vision.detectors import weights as module
from genesis.vision.detectors.weights import ModelUnavailableError, Weights, examine, fetch, find, locate, require_packages

_BODY = b"PK\x03\x04" + bytes(200_000)


def checkpoint(path: Path) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("net/data.pkl", "x")
    return path


def openvino(path: Path, *, without: str = "") -> Path:
    path.mkdir()
    for name in {"net.xml", "net.bin", "metadata.yaml"} - {without}:
        (path / name).write_text("x")
    return path


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("a.onnx", b"\x08\x09\x12\x07pytorch", "onnx"),
        ("a.ENGINE", b"\x10\x00\x00\x00{}", "engine"),
    ],
)
def test_a_file_is_told_by_its_suffix_and_content(tmp_path: Path, name: str, content: bytes, kind: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)

    assert examine(path) == Weights(path, kind)


def test_a_checkpoint_and_an_openvino_folder_are_told(tmp_path: Path) -> None:
    pt, folder = checkpoint(tmp_path / "a.pt"), openvino(tmp_path / "a_openvino_model")

    assert examine(pt).kind == "pt"
    assert examine(folder).kind == "openvino"


def _cut(path: Path) -> None:
    whole = checkpoint(path).read_bytes()
    path.write_bytes(whole[: len(whole) // 2])


@pytest.mark.parametrize(
    ("name", "make", "why"),
    [
        ("text.pt", lambda path: path.write_text("hello"), "not a PyTorch checkpoint"),
        ("cut.pt", _cut, "cut off"),
        ("empty.pt", lambda path: path.touch(), "empty file"),
        ("text.onnx", lambda path: path.write_text("hello\n"), "a text file"),
        ("empty.onnx", lambda path: path.touch(), "empty file"),
        ("text.engine", lambda path: path.write_text("hello"), "a text file"),
        ("film.mp4", lambda path: path.write_bytes(b"\0\0"), "unknown kind of file '.mp4'"),
        ("weights", lambda path: path.write_bytes(b"\0\0"), "unknown kind of file ''"),
        ("folder", lambda path: path.mkdir(), "does not end in _openvino_model"),
        ("e_openvino_model", lambda path: path.mkdir(), "no .xml files"),
        ("b_openvino_model", lambda path: openvino(path, without="net.bin"), "net.bin is missing"),
        ("m_openvino_model", lambda path: openvino(path, without="metadata.yaml"), "metadata.yaml is missing"),
    ],
)
def test_what_is_not_a_model_is_refused_in_one_line(tmp_path: Path, name: str, make: Callable[[Path], object], why: str) -> None:
    path = tmp_path / name
    make(path)

    with pytest.raises(ModelError) as caught:
        examine(path)

    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert why in message
    assert "allowed: a .pt or .onnx file" in message
    assert "\n" not in message
    assert not isinstance(caught.value, ModelUnavailableError)


@pytest.mark.parametrize(
    ("written", "present", "expected"),
    [
        ("yolo11n.pt", ["yolo11n.pt", "data/models/yolo11n.pt"], "yolo11n.pt"),
        ("yolo11n.pt", ["data/models/yolo11n.pt"], "data/models/yolo11n.pt"),
        ("yolo11n", ["data/models/yolo11n.pt"], "data/models/yolo11n.pt"),
        ("yolo11n", ["yolo11n.pt"], "yolo11n.pt"),
        ("mine.pt", ["data/models/mine.pt"], "data/models/mine.pt"),
        ("far/mine.pt", ["data/models/mine.pt"], None),
        ("yolo11n.pt", [], None),
    ],
)
def test_the_file_is_looked_for_as_written_and_then_below_the_data_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: str, present: list[str], expected: str | None
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in present:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).touch()

    assert find(written, Path("data")) == (None if expected is None else Path(expected))


def test_offline_nothing_is_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(module, "fetch", lambda *_: pytest.fail("it went to the network"))
    monkeypatch.setattr(module, "require_packages", lambda _: None)

    with pytest.raises(ModelUnavailableError, match=r"'yolo11n.pt' not found, and detection.offline forbids fetching") as caught:
        locate(Detection(offline=True), tmp_path)

    assert str(tmp_path / "models" / "yolo11n.pt") in str(caught.value)


@pytest.mark.parametrize("written", ["mine.pt", "/no/where/yolo11n.pt", "yolo11n-seg.pt", "https://user:secret@host/yolo11n.pt"])
def test_only_official_detection_weights_by_their_bare_name_are_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(module, "fetch", lambda *_: pytest.fail("it went to the network"))

    with pytest.raises(ModelUnavailableError, match="not found: expected") as caught:
        locate(Detection(weights=written), tmp_path)

    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "package"), [("openvino", "openvino"), ("onnx", "onnxruntime"), ("engine", "tensorrt"), ("pt", "ultralytics"), ("pt", "torch")]
)
def test_a_missing_package_is_named_with_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch, kind: str, package: str) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr(module, "_has_metadata", lambda _: True)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == package else real("json"))

    with pytest.raises(ModelUnavailableError, match=rf"the package {package}, which is not installed: pip install ") as caught:
        require_packages(kind)

    assert "\n" not in str(caught.value)


class _Release(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        case = self.path.rsplit("/", 1)[-1]
        if case == "absent.pt":
            self.send_error(404)
            return
        body = b"<html>sorry</html>" if case == "page.pt" else _BODY
        self.send_response(200)
        self.send_header("Content-Length", str(len(body) * (2 if case in {"cut.pt", "slow.pt"} else 1)))
        self.end_headers()
        self.wfile.write(body)
        if case == "slow.pt":
            self.server.finished.wait(20)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def release() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Release) as server:
        server.finished = threading.Event()
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/v1"
        server.finished.set()
        server.shutdown()
        thread.join()


def test_fetched_weights_are_there_whole(tmp_path: Path, release: str) -> None:
    path = fetch("good.pt", tmp_path / "models", releases=release)

    assert path.read_bytes() == _BODY
    assert [left.name for left in path.parent.iterdir()] == ["good.pt"]


@pytest.mark.parametrize(
    ("name", "why"),
    [("absent.pt", "Not Found"), ("page.pt", "18 bytes came"), ("cut.pt", "bytes"), ("slow.pt", "not finished within 0.3 s")],
)
def test_a_fetch_that_fails_leaves_nothing_and_says_why_in_one_line(tmp_path: Path, release: str, name: str, why: str) -> None:
    seconds = 0.3 if name == "slow.pt" else 20.0

    with pytest.raises(ModelUnavailableError, match="can't be fetched from http://127") as caught:
        fetch(name, tmp_path, releases=release, seconds=seconds)

    message = str(caught.value)
    assert why in message
    assert f"put the file at {tmp_path / name}" in message
    assert "\n" not in message
    assert not (tmp_path / name).exists()


def test_a_server_that_is_not_there_is_a_failed_fetch(tmp_path: Path) -> None:
    started = time.monotonic()

    with pytest.raises(ModelUnavailableError, match="refused"):
        fetch("yolo11n.pt", tmp_path, releases="http://127.0.0.1:1/v1")

    assert time.monotonic() - started < module.FETCH_SECONDS
