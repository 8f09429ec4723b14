"""Have the weights of DeepFace's models where it looks for them: linked, found, or fetched once.

DeepFace looks in `.deepface/weights` below `$DEEPFACE_HOME`, which is `models/deepface` of the data folder unless it is set already.
"""

from __future__ import annotations

import logging
import os
import re
import shutil
import tempfile
from pathlib import Path

from genesis.errors import ModelError
from genesis.settings import Recognition
from genesis.vision.detectors.weights import ModelUnavailableError, fetch
from genesis.vision.faces.needs import CHIP_FILE, DLIB, DLIB_FILE, YUNET, YUNET_FILE, carried

logger = logging.getLogger(__name__)

HOME = "DEEPFACE_HOME"
ZOO = "https://github.com/opencv/opencv_zoo/raw/main/models/face_detection_yunet"
FETCH_SECONDS = 30.0  # it is a file of 230 kB
_TOLD_BY_REQUESTS = re.compile(r"""\(Caused by \w+\((?P<quote>['"]).*?: (?P<why>.*)(?P=quote)\)\)$""")
_NOT_FETCHED = re.compile(r"downloading (?P<file>\S+) from (?P<url>.*?)\. Consider downloading it manually to (?P<path>.*?)\.?$")


def folder_of(data_dir: Path) -> Path:
    """Return the folder in which DeepFace looks for weights."""
    home = os.environ.get(HOME)
    return (Path(home).expanduser() if home else data_dir.absolute() / "models" / "deepface") / ".deepface" / "weights"


def choose_detector(settings: Recognition, data_dir: Path) -> str:
    """Settle what `recognition.detector` means here, fetching YuNet's file if it must and may be.

    `auto` is YuNet if its file is there or can be fetched, else dlib's detector, which needs none, with one warning.

    Raises:
        ModelError: YuNet is asked for, and its file is not to be had.
    """
    if settings.detector not in {"auto", YUNET}:
        return settings.detector
    try:
        have_yunet(settings, data_dir)
    except ModelUnavailableError as error:
        if settings.detector == YUNET:
            raise
        logger.warning("faces are found by dlib, which is slower and misses small and turned ones: %s", error)
        return "dlib"
    return YUNET


def have_yunet(settings: Recognition, data_dir: Path) -> Path:
    """Return the path of YuNet's file, fetched if it must and may be.

    Raises:
        ModelUnavailableError: one line that says where to put it.
    """
    target = folder_of(data_dir) / YUNET_FILE
    if target.is_file():
        return target
    if (beside := data_dir / "models" / YUNET_FILE).is_file():
        return linked(beside, target)
    place = f"put the file at {(data_dir / 'models').resolve() / YUNET_FILE} (it is at {ZOO}/{YUNET_FILE})"
    if settings.offline:
        msg = f"YuNet's file {YUNET_FILE} is not there, and recognition.offline forbids fetching it: {place}"
        raise ModelUnavailableError(msg)
    try:
        return fetch(YUNET_FILE, target.parent, releases=ZOO, seconds=FETCH_SECONDS)
    except ModelUnavailableError as error:
        reason = re.search(r"\((?P<why>.*)\): put", str(error))
        msg = f"YuNet's file can't be fetched ({reason['why'] if reason else error}): {place}"
        raise ModelUnavailableError(msg) from error


def have_dlib(settings: Recognition, detector: str, data_dir: Path) -> Path | None:
    """Put dlib's files where DeepFace looks for them; return that of the landmarks, None if there is none.

    Raises:
        ModelError: the package that carries them is not whole, and they are not in DeepFace's folder either.
    """
    folder = folder_of(data_dir)
    wanted = [CHIP_FILE] + [DLIB_FILE] * (settings.model == DLIB)
    for name in wanted:
        target, source = folder / name, carried(name)
        if target.is_file():
            continue
        if source is not None:
            linked(source, target)
        elif settings.model == DLIB or detector == "dlib":
            msg = f"{name} is not in {folder}, nor in face-recognition-models: pip install --force-reinstall face-recognition-models"
            raise ModelError(msg)
    return folder / CHIP_FILE if (folder / CHIP_FILE).is_file() else None


def make_folder(folder: Path) -> None:
    """Make the folder of the weights.

    Raises:
        ModelError: it can't be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        msg = f"{folder}: can't be made: {error.strerror or error} (data_dir or {HOME} names another place)"
        raise ModelError(msg) from error


def linked(source: Path, target: Path) -> Path:
    """Let `target` be the same file as `source`; several processes may do so at once.

    Raises:
        ModelError: the folder can't be written to.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".link-") as folder:
            part = Path(folder) / target.name
            try:
                part.symlink_to(source.absolute())
            except OSError:  # a file system without links
                shutil.copyfile(source, part)
            part.replace(target)
    except OSError as error:
        msg = f"{target}: can't be made: {error.strerror or error}"
        raise ModelError(msg) from error
    return target


def forbid_fetching() -> None:
    """Have DeepFace fetch nothing in this process."""
    from deepface.commons import weight_utils  # noqa: PLC0415 - heavy

    def refuse(*_: object, **__: object) -> None:
        msg = "recognition.offline forbids it"
        raise ValueError(msg)

    weight_utils.ensure_source_is_reachable = refuse


def explain(error: Exception, what: str, folder: Path) -> str:
    """Return one line about a model that could not be loaded.

    Args:
        error: what DeepFace raised.
        what: such as `DeepFace's model 'ArcFace'`.
        folder: where it looks for weights.
    """
    text = " ".join(str(error).split())
    if isinstance(error, ImportError):
        return f"{what} needs a package that is not installed: {text}"
    if found := _NOT_FETCHED.search(text):
        why = " ".join(str(error.__cause__ or "no answer").split())
        why = why if (told := _TOLD_BY_REQUESTS.search(why)) is None else told["why"]
        return f"{what}: {found['file']} can't be fetched ({why}): put the file at {found['path']} (it is at {found['url']})"
    # OpenCV's reason stands behind one of DeepFace's, which speaks of packages.
    cause = error.__cause__ or error
    told_by = f"{type(cause).__name__}: {' '.join(str(cause).split())[:300]}"
    return f"{what} can't be loaded ({told_by}): if its file in {folder}, or what that links to, is damaged, remove it"
