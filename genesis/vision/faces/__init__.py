"""The face engines, and the choice among them. Importing this loads none of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from genesis.errors import ModelError
from genesis.settings import Recognition
from genesis.vision.faces.base import FaceEngine

__all__ = ["ENGINES", "FaceEngine", "available", "load_engine", "resolve"]


def _deepface(settings: Recognition, data_dir: Path) -> FaceEngine:
    from genesis.vision.faces.deepface import DeepFaceEngine  # noqa: PLC0415 - loads OpenCV and dlib

    return DeepFaceEngine(settings, data_dir=data_dir)


ENGINES: dict[str, Callable[[Recognition, Path], FaceEngine]] = {"deepface": _deepface}
"""Every engine by its name in `recognition.engine`; a new one is a file beside these and a line here."""


def load_engine(settings: Recognition, *, data_dir: Path = Path("data")) -> FaceEngine:
    """Load the engine that the settings ask for. Slow (seconds): once per process, and after any fork.

    Args:
        settings: `engine` names it; `auto` is deepface.
        data_dir: weights are looked for, linked and kept below it.

    Raises:
        ModelError: one line that says what is missing or wrong and what to do; also for `engine: none`.
    """
    if settings.engine == "none":
        msg = "recognition.engine is 'none': no faces are looked at; set it to 'auto' or 'deepface'"
        raise ModelError(msg)
    return ENGINES["deepface" if settings.engine == "auto" else settings.engine](settings, data_dir)


def available(settings: Recognition, data_dir: Path = Path("data")) -> str | None:
    """Return None if faces can be looked at, else the reason in words. Quick: imports, fetches and links nothing.

    Args:
        settings: all of `recognition`.
        data_dir: where weights are looked for.
    """
    if settings.engine == "none":
        return "recognition.engine is 'none'"
    from genesis.vision.faces.needs import missing  # noqa: PLC0415 - the answer alone needs it

    return missing(settings, data_dir)


def resolve(settings: Recognition, *, data_dir: Path = Path("data")) -> Recognition:
    """Settle what `recognition.detector: auto` means on this machine, fetching its file if it must and may be; loads nothing.

    Args:
        settings: returned with the detector that is to be used.
        data_dir: where fetched files are kept.

    Raises:
        ModelError: YuNet is asked for, and its file is not to be had.
    """
    from genesis.vision.faces.weights import choose_detector  # noqa: PLC0415 - the choice alone needs it

    return settings.model_copy(update={"detector": choose_detector(settings, data_dir)})
