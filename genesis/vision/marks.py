"""The marks that are drawn into frames: boxes with a rim, plates with a text on them; and their colours."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from genesis.events import Box
from genesis.vision.lettering import ink, lettering
from genesis.vision.types import Frame

Colour = tuple[int, int, int]

GREEN: Colour = (166, 222, 64)  # BGR, as all of these: a clear sea green
AMBER: Colour = (75, 190, 250)
INK: Colour = (36, 24, 16)  # near black, on the colours above
SHADE: Colour = (26, 18, 12)
PAPER: Colour = (245, 240, 236)
CAPITAL = 10.0  # pixels: height of a capital letter, in a frame of the height below
FRACTION_BITS = 4  # of a pixel, in OpenCV's fixed-point coordinates

_DESIGN_HEIGHT = 576.0  # pixels: of the frame for which all sizes are meant
_NEAR = 120.0  # height of a person who gets lines and letters of full size
_RADIUS = 6.0


def unit_of(frame: Frame) -> float:
    """Return how many pixels of a frame one pixel of the design is."""
    return float(min(max(frame.shape[0] / _DESIGN_HEIGHT, 0.75), 3.0))


def fitted(box: Box, unit: float) -> float:
    """Return the unit for a person: lines and letters in the distance are finer, or they would hide who stands beside."""
    return unit * min(max(box.height / (_NEAR * unit), 0.7), 1.0)


def outline(picture: Frame, box: Box, colour: Colour, unit: float) -> None:
    """Draw a box with rounded corners, in place."""
    radius = min(_RADIUS * unit, box.width / 2, box.height / 2)
    stroke(picture, rounded(box.x1, box.y1, box.x2, box.y2, radius), colour, unit)


def stroke(picture: Frame, points: npt.NDArray[np.int32], colour: Colour, unit: float, *, closed: bool = True) -> None:
    """Draw a line through points in fixed-point coordinates, (n, 1, 2), in place."""
    # A dark rim first: the colour must show on a light background too.
    for shade, width in ((SHADE, 4.0), (colour, 2.0)):
        cv2.polylines(picture, [points], closed, shade, max(1, round(width * unit)), cv2.LINE_AA, FRACTION_BITS)


def label(picture: Frame, box: Box, text: str, colour: Colour, unit: float) -> None:
    """Write a text on a plate above a box, or in it where there is no room above, in place."""
    width, height = plate_size(text, unit)
    left = int(min(max(box.x1 - unit, 0), max(picture.shape[1] - width, 0)))
    above = box.y1 - height - 2 * unit
    plate(picture, text, left, round(above if above >= 0 else max(box.y1, 0) + 4 * unit), colour, unit)


def plate_size(text: str, unit: float) -> tuple[int, int]:
    """Return width and height in pixels of a text's plate."""
    mask = lettering(text, _capital(unit))
    across, down = _margins(unit)
    return mask.shape[1] + 2 * across, mask.shape[0] + 2 * down - round(2 * unit)


def plate(picture: Frame, text: str, left: int, top: int, colour: Colour, unit: float) -> None:
    """Write a text on a plate with this upper left corner, in place."""
    width, height = plate_size(text, unit)
    across, down = _margins(unit)
    shape = rounded(left, top, left + width, top + height, 4 * unit)
    cv2.fillPoly(picture, [shape], colour, cv2.LINE_AA, FRACTION_BITS)
    ink(picture, lettering(text, _capital(unit)), left + across, top + down, INK)


def rounded(x1: float, y1: float, x2: float, y2: float, radius: float) -> npt.NDArray[np.int32]:
    """Return the corner points of a rounded rectangle in OpenCV's fixed-point coordinates: (n, 1, 2)."""
    turn = np.linspace(0, np.pi / 2, 6)
    left, right, top, bottom = x1 + radius, x2 - radius, y1 + radius, y2 - radius
    corners = ((right, top, -np.pi / 2), (right, bottom, 0.0), (left, bottom, np.pi / 2), (left, top, np.pi))
    arcs = [np.stack([x + radius * np.cos(start + turn), y + radius * np.sin(start + turn)], axis=1) for x, y, start in corners]
    return fixed(np.concatenate(arcs))


def fixed(points: npt.NDArray[np.float64]) -> npt.NDArray[np.int32]:
    """Return points in pixels, (n, 2), in OpenCV's fixed-point coordinates: (n, 1, 2)."""
    return np.rint(points * (1 << FRACTION_BITS)).astype(np.int32)[:, None, :]


def _capital(unit: float) -> int:
    return max(7, round(CAPITAL * unit))


def _margins(unit: float) -> tuple[int, int]:
    return round(6 * unit), round(3 * unit)
