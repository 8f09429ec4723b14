"""The person detectors, and the choice among them. Importing this loads none of them."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from genesis.settings import Detection
from genesis.vision.detectors.base import Detector

logger = logging.getLogger(__name__)

__all__ = ["DETECTORS", "Detector", "load_detector", "resolve"]


def _yolo(settings: Detection, data_dir: Path) -> Detector:
    from genesis.vision.detectors.direct import directly  # noqa: PLC0415 - loads OpenCV
    from genesis.vision.detectors.weights import locate  # noqa: PLC0415

    if (direct := directly(settings, locate(settings, data_dir))) is not None:
        return direct
    from genesis.vision.detectors.yolo import YoloDetector  # noqa: PLC0415 - loads torch

    return YoloDetector(settings, data_dir=data_dir)


def _hog(settings: Detection, data_dir: Path) -> Detector:
    from genesis.vision.detectors.hog import HogDetector  # noqa: PLC0415 - loads OpenCV

    del data_dir
    return HogDetector(settings)


DETECTORS: dict[str, Callable[[Detection, Path], Detector]] = {"yolo": _yolo, "hog": _hog}
"""Every detector by its name in `detection.detector`; a new one is a file beside these and a line here."""


def load_detector(settings: Detection, *, data_dir: Path = Path("data")) -> Detector:
    """Load the detector that the settings ask for. Slow (seconds): once per process, and after any fork.

    Args:
        settings: `detector` names it; `auto` takes YOLO if its weights are there or can be fetched, else HOG.
        data_dir: fetched weights and ultralytics' own settings are kept below it.

    Raises:
        ModelError: one line that says what is wrong with the weights and what to do.
    """
    chosen = resolve(settings, data_dir=data_dir)
    return DETECTORS[chosen.detector](chosen, data_dir)


def resolve(settings: Detection, *, data_dir: Path = Path("data")) -> Detection:
    """Settle what `auto` means on this machine, fetching weights if they must and may be; loads no detector.

    Weights that are missing, or whose package is, mean HOG, with one warning. Weights that are there but broken are a
    mistake, which is not hidden behind a weaker detector.

    Args:
        settings: returned as they are unless `detector` is `auto`.
        data_dir: where fetched weights are kept.

    Raises:
        ModelError: what `weights` names is there, but is not a model.
    """
    if settings.detector != "auto":
        return settings
    from genesis.vision.detectors.weights import ModelUnavailableError, locate  # noqa: PLC0415 - the choice alone needs it

    try:
        weights = locate(settings, data_dir)
    except ModelUnavailableError as error:
        logger.warning("persons are found by HOG, which is weak (it misses sitting, hidden, near and far people): %s", error)
        return settings.model_copy(update={"detector": "hog"})
    return settings.model_copy(update={"detector": "yolo", "weights": str(weights.path)})
