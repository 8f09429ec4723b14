"""What the face engine needs from this machine, found out without importing anything heavy."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from genesis.errors import ModelError
from genesis.settings import Recognition

DLIB = "Dlib"
YUNET = "yunet"
YUNET_FILE = "face_detection_yunet_2023mar.onnx"
CHIP_FILE = "shape_predictor_5_face_landmarks.dat"
DLIB_FILE = "dlib_face_recognition_resnet_model_v1.dat"
CARRIER = "face_recognition_models"
"""The package that carries the files of dlib. Importing it fails on newer Pythons; its files are all that is used."""

_FACES = "pip install 'genesis[faces]'"
_BACKENDS = {"onnx": ("onnxruntime", _FACES), "pytorch": ("torch", "pip install torch")}


def missing(settings: Recognition, data_dir: Path) -> str | None:
    """Return why faces can't be looked at here, in words; None if nothing is known to be missing.

    Args:
        settings: `model`, `detector` and `backend` are used.
        data_dir: where weights are looked for.
    """
    del data_dir  # what is missing there may be fetched
    needed = [("deepface", _FACES), ("werkzeug", _FACES), ("cv2", _FACES)]
    if settings.model == DLIB or settings.detector in {"auto", "dlib"}:
        needed += [("dlib", _FACES), (CARRIER, _FACES)]
    if settings.model != DLIB:
        needed.append(_BACKENDS[settings.backend])
    for package, command in needed:
        if importlib.util.find_spec(package) is None:
            return f"faces need the package {package}, which is not installed: {command}"
    return None


def require(settings: Recognition, data_dir: Path) -> None:
    """Refuse to go on without what is needed.

    Raises:
        ModelError: one line that names the package and the command that installs it.
    """
    reason = missing(settings, data_dir)
    if reason is not None:
        raise ModelError(reason)


def carried(name: str) -> Path | None:
    """Return a file that the package `face_recognition_models` carries; None if it is not there."""
    spec = importlib.util.find_spec(CARRIER)
    for folder in (spec.submodule_search_locations or ()) if spec is not None else ():
        path = Path(folder) / "models" / name
        if path.is_file():
            return path
    return None
