"""Find a detector's weights before anything heavy is imported: look, sniff, and only then perhaps fetch.

Ultralytics would go to the network by itself for a name that it knows. Here the file is looked for first, its kind is
told from its content, and a fetch is one bounded try at the official release, only where the settings permit it.
"""

from __future__ import annotations

import http.client
import importlib.util
import logging
import os
import re
import tempfile
import threading
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal

from genesis.errors import ModelError
from genesis.masking import mask
from genesis.settings import Detection

logger = logging.getLogger(__name__)

Kind = Literal["pt", "onnx", "openvino", "engine"]

ALLOWED = "a .pt or .onnx file, an OpenVINO folder (NAME_openvino_model), a TensorRT .engine file"
RELEASES = "https://github.com/ultralytics/assets/releases/download/v8.4.0"
FETCH_SECONDS = 120.0
"""Longest time that one fetch may take."""
_SILENCE_SECONDS = 10.0  # no answer, or no byte, for this long ends a fetch
_CHUNK = 1 << 16
_CLASS = "person"
_SHOWN_CLASSES = 8
_LEAST_BYTES = 100_000  # a shorter answer is an error page, not weights
_OPENVINO_SUFFIX = "_openvino_model"
# The person-finding models of the official releases: detection only, no segmentation or classification.
_KNOWN = re.compile(r"yolo(v5[nsmlx]6?u|v8[nsmlx]|v9[tsmce]|v10[nsmblx]|11[nsmlx]|12[nsmlx]|26[nsmlx])\.pt")
_BASE = (("ultralytics", "ultralytics", "'genesis[detection]'"), ("torch", "torch", "torch"), ("torchvision", "torchvision", "torchvision"))
_RUNTIMES: dict[Kind, tuple[str, str, str]] = {
    "openvino": ("openvino", "OpenVINO weights", "openvino"),
    "onnx": ("onnxruntime", "ONNX weights", "onnxruntime"),
    "engine": ("tensorrt", "TensorRT engines", "tensorrt"),
}


class ModelUnavailableError(ModelError):
    """There are no weights, or a package to run them is missing. Not a mistake in a file: `auto` takes another detector."""


@dataclass(frozen=True, slots=True)
class Weights:
    """Weights that are there: where, and what they are by their content."""

    path: Path
    kind: Kind


def locate(settings: Detection, data_dir: Path) -> Weights:
    """Return the weights that the settings name, fetched if they must and may be.

    Args:
        settings: `weights` and `offline` are used.
        data_dir: fetched weights are kept in its folder `models`.

    Raises:
        ModelUnavailableError: they are not there and can't be had, or the package that runs them is missing.
        ModelError: something is there, but it is not a model.
    """
    path = find(settings.weights, data_dir)
    if path is not None:
        weights = examine(path)
        require_packages(weights.kind)
        return weights
    name = _known_name(settings.weights)
    if name is None:
        msg = f"weights {mask(settings.weights)!r} not found: expected {ALLOWED}, or a name such as yolo11n.pt"
        raise ModelUnavailableError(msg)
    # Weights that nothing can run are not worth fetching.
    require_packages("pt")
    if settings.offline:
        msg = f"weights {name!r} not found, and detection.offline forbids fetching them: put the file at {data_dir / 'models' / name}"
        raise ModelUnavailableError(msg)
    return examine(fetch(name, data_dir / "models"))


def find(weights: str, data_dir: Path) -> Path | None:
    """Return the file or folder that `weights` names, or None: as it is written, else in `data_dir`'s folder `models`."""
    written = Path(weights).expanduser()
    candidates = [written]
    if written.name == weights:
        candidates.append(data_dir / "models" / weights)
    known = _known_name(weights)
    if known is not None and known != weights:
        candidates += [Path(known), data_dir / "models" / known]
    return next((candidate for candidate in candidates if candidate.exists()), None)


def examine(path: Path) -> Weights:
    """Tell a model's kind from its name and content, without loading it.

    Raises:
        ModelError: one line that names the file, says what is wrong with it, and what is allowed.
    """
    if path.is_dir():
        return _examine_folder(path)
    kinds: dict[str, Kind] = {".pt": "pt", ".onnx": "onnx", ".engine": "engine"}
    kind = kinds.get(path.suffix.lower())
    if kind is None:
        raise not_a_model(path, f"unknown kind of file {path.suffix!r}")
    try:
        with path.open("rb") as file:
            head = file.read(512)
    except OSError as error:
        raise not_a_model(path, f"can't be read: {error.strerror or error}") from None
    if not head:
        raise not_a_model(path, "empty file")
    if kind == "pt" and not zipfile.is_zipfile(path):
        # A PyTorch checkpoint is a zip archive, whose directory stands at its end.
        raise not_a_model(path, "a PyTorch checkpoint that is cut off" if head.startswith(b"PK\x03\x04") else "not a PyTorch checkpoint")
    if kind != "pt" and _is_text(head):
        raise not_a_model(path, "a text file")
    return Weights(path, kind)


def require_packages(kind: Kind) -> None:
    """Check, without importing them, that the packages that run weights of this kind are installed.

    Raises:
        ModelUnavailableError: one line that names the package and the command that installs it.
    """
    for package, _, to_install in _BASE:
        if importlib.util.find_spec(package) is None or (package == "torchvision" and not _has_metadata(package)):
            msg = f"YOLO needs the package {package}, which is not installed: pip install {to_install}"
            raise ModelUnavailableError(msg)
    if kind in _RUNTIMES:
        package, what, to_install = _RUNTIMES[kind]
        if importlib.util.find_spec(package) is None:
            msg = f"{what} need the package {package}, which is not installed: pip install {to_install}"
            raise ModelUnavailableError(msg)


def fetch(name: str, folder: Path, *, releases: str = RELEASES, seconds: float = FETCH_SECONDS) -> Path:
    """Fetch official weights, once, within a bounded time, whole or not at all.

    The official releases publish no checksums; what comes is trusted as far as HTTPS and the host are, and loading it is
    restricted (see `genesis.vision.detectors.yolo`).

    Args:
        name: a file of the official releases, such as `yolo11n.pt`.
        folder: where it is put; made if need be.
        releases: address of the release.
        seconds: longest time that the fetch may take.

    Raises:
        ModelUnavailableError: one line that says why it did not work, and where to put the file by hand.
    """
    url, target = f"{releases}/{name}", folder / name
    logger.info("fetching %s from %s", name, url)
    failure: list[str] = []
    deadline = time.monotonic() + seconds
    # In a thread, since looking up a name has no time limit of its own.
    worker = threading.Thread(target=_fetch, args=(url, target, deadline, failure), name="fetch-weights", daemon=True)
    worker.start()
    worker.join(seconds)
    if worker.is_alive():
        failure.append(f"not finished within {seconds:g} s")
    elif not failure and not target.is_file():
        failure.append("nothing came")
    if failure:
        msg = f"weights {name!r} can't be fetched from {url} ({failure[0]}): put the file at {target}, or set detection.offline"
        raise ModelUnavailableError(msg)
    return target


def not_a_model(path: Path, why: str) -> ModelError:
    """Return the error for a file that can't be used as weights."""
    return ModelError(f"{path}: not weights that can be loaded ({why}); allowed: {ALLOWED}")


def person_classes(names: Mapping[int, str], path: Path) -> list[int]:
    """Return the numbers of the classes that are persons.

    Args:
        names: of all classes of a network.
        path: of its weights, for the message.

    Raises:
        ModelError: none of them is called `person`.
    """
    known = {int(number): str(name) for number, name in names.items()}
    persons = [number for number, name in sorted(known.items()) if name.strip().lower() == _CLASS]
    if not persons:
        listed = ", ".join(known[number] for number in sorted(known)[:_SHOWN_CLASSES])
        more = f" and {len(known) - _SHOWN_CLASSES} more" if len(known) > _SHOWN_CLASSES else ""
        msg = f"{path}: has no class named {_CLASS!r}; its classes are: {listed}{more}"
        raise ModelError(msg)
    return persons


def _fetch(url: str, target: Path, deadline: float, failure: list[str]) -> None:
    part: Path | None = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with urllib.request.urlopen(url, timeout=_SILENCE_SECONDS) as answer:  # noqa: S310 - the address is ours
            handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=".part")
            part = Path(temporary)
            size = 0
            with os.fdopen(handle, "wb") as file:
                while chunk := answer.read(_CHUNK):
                    size += file.write(chunk)
                    if time.monotonic() > deadline:
                        msg = f"{size} bytes came before the time was over"
                        raise TimeoutError(msg)
            expected = int(answer.headers.get("Content-Length") or size)
        if size != expected or size < _LEAST_BYTES:
            msg = f"{size} bytes came, expected {expected}"
            raise OSError(msg)  # noqa: TRY301 - one way out for every failure
        part.chmod(0o644)
        part.replace(target)
    except (OSError, ValueError, http.client.HTTPException) as error:
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        failure.append(" ".join(str(reason).split()) or type(reason).__name__)
    finally:
        if part is not None:
            part.unlink(missing_ok=True)


def _examine_folder(path: Path) -> Weights:
    if not path.name.lower().endswith(_OPENVINO_SUFFIX):
        raise not_a_model(path, f"a folder whose name does not end in {_OPENVINO_SUFFIX}")
    graphs = sorted(path.glob("*.xml"))
    if len(graphs) != 1:
        raise not_a_model(path, f"a folder with {len(graphs) or 'no'} .xml files instead of one")
    for needed in (graphs[0].with_suffix(".bin"), path / "metadata.yaml"):
        if not needed.is_file():
            raise not_a_model(path, f"{needed.name} is missing in it")
    return Weights(path, "openvino")


def _known_name(weights: str) -> str | None:
    name = weights if weights.endswith(".pt") else f"{weights}.pt"
    return name if _KNOWN.fullmatch(name) else None


def _is_text(head: bytes) -> bool:
    # A protobuf or a serialised engine has control characters within its first bytes; a TensorRT export of
    # ultralytics starts with a 4-byte length, which has too.
    return not any(byte < 0x20 and byte not in b"\t\n\r\f" for byte in head)  # noqa: PLR2004


def _has_metadata(package: str) -> bool:
    try:
        metadata.version(package)
    except metadata.PackageNotFoundError:
        return False
    return True
