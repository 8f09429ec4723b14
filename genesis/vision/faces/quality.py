"""How good a face is to compare: its size, how sharp it is, and whether it looks into the camera."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from genesis.vision.types import Frame

SIDE = 112  # pixels: sharpness is measured on faces of one size, else small ones would seem the sharper
_EYES_OF_FRONTAL = 0.42  # distance of the eyes in widths of the box, for a face that looks into the camera
_EYES_OF_PROFILE = 0.15


def sharpness(face: Frame) -> float:
    """Return the variance of the Laplacian of a face scaled to `SIDE` pixels; blurred faces have little.

    Pech-Pacheco et al., Diatom autofocusing in brightfield microscopy, ICPR 2000.

    Args:
        face: (height, width, 3) uint8, BGR.
    """
    gray = cv2.cvtColor(face, cv2.COLOR_BGR2GRAY)
    smaller = min(gray.shape) > SIDE
    scaled = cv2.resize(gray, (SIDE, SIDE), interpolation=cv2.INTER_AREA if smaller else cv2.INTER_LINEAR)
    return float(cv2.Laplacian(scaled, cv2.CV_64F).var())


def frontal(landmarks: npt.NDArray[np.float32], width: float) -> float:
    """Return 1 for a face that looks into the camera, 0 for a profile.

    With a nose, it is how evenly the nose lies between the eyes, along the line through them; without, how far the eyes are apart.

    Args:
        landmarks: (k, 2) pixels: the eyes, then the nose if it is known; fewer than two tell nothing.
        width: of the face's box in pixels.
    """
    if len(landmarks) < 2:  # noqa: PLR2004 - two eyes
        return 0.5
    left, right = landmarks[0], landmarks[1]
    between = right - left
    distance = float(np.hypot(*between))
    if distance <= 0 or width <= 0:
        return 0.0
    if len(landmarks) == 2:  # noqa: PLR2004
        share = (distance / width - _EYES_OF_PROFILE) / (_EYES_OF_FRONTAL - _EYES_OF_PROFILE)
        return float(np.clip(share, 0.0, 1.0))
    along = float(np.dot(landmarks[2] - left, between)) / distance**2
    return float(np.clip(min(along, 1 - along) / 0.5, 0.0, 1.0))
