"""Cut persons and faces out of frames, at full resolution."""

from __future__ import annotations

import cv2
import numpy as np

from genesis.events import Box
from genesis.vision.types import Frame

FACE_MARGIN = 0.5  # of the face's size, on each side: the detector must find it again in the crop
JPEG_QUALITY = 92


def cut(frame: Frame, box: Box, share: float = 0.0) -> tuple[Frame, tuple[int, int]]:
    """Return the part of a frame inside a box, and its upper left corner in the frame.

    What lies outside of the frame is left out; a box that does so altogether gives a single pixel.

    Args:
        frame: (height, width, 3) uint8, BGR.
        box: pixels of the frame.
        share: border around the box, as a share of its width and height.
    """
    height, width = frame.shape[:2]
    across, down = box.width * share, box.height * share
    x1, x2 = _clipped(box.x1 - across, box.x2 + across, width)
    y1, y2 = _clipped(box.y1 - down, box.y2 + down, height)
    return np.ascontiguousarray(frame[y1:y2, x1:x2]), (x1, y1)


def face_jpeg(frame: Frame, box: Box) -> bytes:
    """Return the picture of a face with what is around it, as JPEG.

    Args:
        frame: (height, width, 3) uint8, BGR.
        box: of the face, in pixels of the frame.
    """
    crop, _ = cut(frame, box, FACE_MARGIN)
    done, encoded = cv2.imencode(".jpg", crop, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    assert done  # noqa: S101 - a frame of uint8 can always be encoded
    return encoded.tobytes()


def _clipped(low: float, high: float, size: int) -> tuple[int, int]:
    first = min(max(int(np.floor(low)), 0), size - 1)
    return first, min(max(int(np.ceil(high)), first + 1), size)
