"""OpenCV's built-in people detector: no weights, no download, always there; weak beside a neural network.

Histograms of oriented gradients and a linear support vector machine (Dalal and Triggs, "Histograms of Oriented
Gradients for Human Detection", CVPR 2005) find upright, fully visible people of about a seventh of the frame's
height and more. On surveillance footage it finds three persons of four; close-ups and sitting people it misses.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from genesis.errors import ModelError
from genesis.settings import Detection
from genesis.vision.boxes import check_frames, suppress, tidy
from genesis.vision.types import Detections, Frame

_WINDOW = (64, 128)  # pixels; the size at which OpenCV's support vector machine was trained
_SEARCH_HEIGHT = 720  # a frame is scaled to this height: at 576 half of the people of an overview are too small for the window
_MAX_ENLARGEMENT = 2.0
_STRIDE = (8, 8)
_PADDING = (16, 16)
_SCALE_STEP = 1.1
# The window has a margin around the person: this share of its width and height on each side.
_MARGIN = (0.20, 0.09)
_OVERLAP = 0.25  # neighbouring windows are coarse: boxes that overlap more than this are one person
# Logistic curve fitted to the score of 7-person surveillance footage: the share of true persons at a score.
_SLOPE = 3.3
_MIDDLE = 0.66


class HogDetector:
    """Finds upright people with OpenCV alone.

    A window's score (its distance from the support vector machine's plane) becomes a confidence through a logistic
    curve, `1 / (1 + exp(-3.3 (score - 0.66)))`, fitted so that a confidence of 0.7 means about seven true persons of
    ten. So the setting `confidence` means the same as for a neural network; 0.35 is a score of 0.47. Windows that the
    machine itself refuses (score below 0, confidence below 0.10) are never reported.

    Of the settings, `iou`, `weights`, `image_size`, `device` and `offline` are not used: the windows lie on a coarse
    grid, for which boxes that overlap more than 0.25 are taken as one person.
    """

    def __init__(self, settings: Detection) -> None:
        """Set up the search.

        Args:
            settings: `confidence`, `min_height` and `threads` are used; the thread count is OpenCV's, for the whole process.

        Raises:
            ModelError: this OpenCV has no people detector (version 5 lost it).
        """
        if not hasattr(cv2, "HOGDescriptor"):
            msg = f"OpenCV {cv2.__version__} has no HOG people detector: pip install 'opencv-python<5'"
            raise ModelError(msg)
        self._settings = settings
        self._descriptor = cv2.HOGDescriptor()
        self._descriptor.setSVMDetector(np.asarray(cv2.HOGDescriptor.getDefaultPeopleDetector(), np.float32))
        if settings.threads:
            cv2.setNumThreads(settings.threads)

    @property
    def name(self) -> str:
        """`hog`."""
        return "hog"

    def detect(self, frames: Sequence[Frame]) -> list[Detections]:
        """Return the persons of each frame, in the order of the frames.

        Args:
            frames: pictures, each (height, width, 3) uint8 BGR; sizes may differ.
        """
        check_frames(frames)
        return [self._search(frame) for frame in frames]

    def _search(self, frame: Frame) -> Detections:
        height, width = frame.shape[:2]
        scale = min(_SEARCH_HEIGHT / height, _MAX_ENLARGEMENT)
        size = (round(width * scale), round(height * scale))
        if size[0] < _WINDOW[0] or size[1] < _WINDOW[1]:
            return Detections.empty()
        scaled = frame if scale == 1 else cv2.resize(frame, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
        found, weights = self._descriptor.detectMultiScale(
            np.ascontiguousarray(scaled),
            hitThreshold=least_score(self._settings.confidence),
            winStride=_STRIDE,
            padding=_PADDING,
            scale=_SCALE_STEP,
            groupThreshold=0,  # grouping would lose the scores; suppression is ours
        )
        if not len(found):
            return Detections.empty()
        boxes = _without_margin(np.asarray(found, np.float64)) / scale
        scores = np.asarray(weights, np.float64).reshape(-1)
        kept = suppress(boxes, scores, _OVERLAP)
        limits = self._settings
        return tidy(
            boxes[kept], confidence_of(scores[kept]), width=width, height=height, confidence=limits.confidence, min_height=limits.min_height
        )


def confidence_of(scores: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the confidence, 0 to 1, that belongs to each score of the support vector machine."""
    squashed: npt.NDArray[np.float64] = 1 / (1 + np.exp(-_SLOPE * (scores - _MIDDLE)))
    return squashed


def least_score(confidence: float) -> float:
    """Return the score that a confidence (0 to 1) asks for, never below 0: there the machine says that nobody is there."""
    if confidence <= 0:
        return 0.0
    if confidence >= 1:
        return math.inf
    # A hair below, so that rounding can't refuse what `tidy` would keep.
    return max(0.0, _MIDDLE + math.log(confidence / (1 - confidence)) / _SLOPE - 1e-6)


def _without_margin(windows: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    x, y, width, height = windows.T
    across, down = _MARGIN[0] * width, _MARGIN[1] * height
    return np.stack([x + across, y + down, x + width - across, y + height - down], axis=1)
