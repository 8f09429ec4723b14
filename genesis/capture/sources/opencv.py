"""OpenCV's capture, made quiet and made never to raise."""

from __future__ import annotations

import math
import os

import cv2
import numpy as np

from genesis.capture.sources.quiet import LEVEL, SILENT
from genesis.vision.types import Frame

if os.environ[LEVEL] == SILENT:
    # Somebody may have loaded it before us.
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)

_HIGHEST_FPS = 1000.0
_MOST_FRAMES = 2**40


class Grabber:
    """A `cv2.VideoCapture` that never raises: what it can't do is the end of the stream."""

    def __init__(self, capture: cv2.VideoCapture) -> None:
        self._capture = capture

    @property
    def opened(self) -> bool:
        """Whether it can be read from."""
        return self._capture.isOpened()

    @property
    def fps(self) -> float | None:
        """Frames per second as announced; None if that is no sensible number."""
        value = self._capture.get(cv2.CAP_PROP_FPS)
        return value if math.isfinite(value) and 0 < value <= _HIGHEST_FPS else None

    @property
    def announced(self) -> int | None:
        """Number of frames as announced; None for a stream, or nonsense."""
        value = self._capture.get(cv2.CAP_PROP_FRAME_COUNT)
        return int(value) if math.isfinite(value) and 0 < value < _MOST_FRAMES else None

    def grab(self) -> bool:
        """Wait for the next frame; return False when there will be none."""
        try:
            return self._capture.grab()
        except cv2.error:
            return False

    def retrieve(self) -> Frame | None:
        """Return the grabbed frame, (height, width, 3) uint8 BGR; None if it can't be decoded."""
        try:
            ok, image = self._capture.retrieve()
        except cv2.error:
            return None
        return as_bgr(image) if ok else None

    def close(self) -> None:
        """Let go of it."""
        self._capture.release()


def as_bgr(image: object) -> Frame | None:
    """Return a picture as (height, width, 3) uint8 BGR; None if it is none."""
    if not isinstance(image, np.ndarray) or image.dtype != np.uint8 or not image.size:
        return None
    if image.ndim == 2:  # noqa: PLR2004 - an infrared camera may give one channel
        return np.asarray(cv2.cvtColor(image, cv2.COLOR_GRAY2BGR), np.uint8)
    return image if image.ndim == 3 and image.shape[2] == 3 else None  # noqa: PLR2004
