"""Small, smooth lettering: OpenCV's stroke font drawn large, averaged down, and kept."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt

Mask = npt.NDArray[np.float32]
"""(height, width), 0 nothing to 1 ink."""

_FONT = cv2.FONT_HERSHEY_SIMPLEX
_LARGER = 4  # the strokes are drawn this many times larger than shown
_CAPITAL = 22.0  # pixels: height of a capital letter of the font at scale 1
_WEIGHT = 0.15  # of a stroke, as a share of the capital's height
# The font knows ASCII alone; what is drawn for the few others that captions like.
_REPLACED = str.maketrans({"\N{MIDDLE DOT}": "|", "\N{BULLET}": "|", "\N{EN DASH}": "-", "\N{EM DASH}": "-"})


@lru_cache(maxsize=512)
def lettering(text: str, capital: int) -> Mask:
    """Return the ink of one line of text.

    Args:
        text: what ASCII has not becomes `?`.
        capital: height of a capital letter in pixels; the mask is higher, with room below for letters such as g.
    """
    plain = text.translate(_REPLACED).encode("ascii", "replace").decode("ascii")
    scale = capital * _LARGER / _CAPITAL
    stroke = max(1, round(capital * _LARGER * _WEIGHT))
    (width, height), below = cv2.getTextSize(plain, _FONT, scale, stroke)
    canvas = np.zeros((height + below + stroke, width + stroke), np.uint8)
    cv2.putText(canvas, plain, (stroke // 2, height + stroke // 2), _FONT, scale, 255, stroke, cv2.LINE_AA)
    size = (max(1, round(canvas.shape[1] / _LARGER)), max(1, round(canvas.shape[0] / _LARGER)))
    mask = np.asarray(cv2.resize(canvas, size, interpolation=cv2.INTER_AREA), np.float32) / np.float32(255)
    mask.flags.writeable = False  # it is shared by all who ask
    return mask


def ink(picture: npt.NDArray[np.uint8], mask: Mask, left: int, top: int, colour: tuple[int, int, int]) -> None:
    """Lay a mask of one colour on a picture, in place; what lies outside the picture is left out.

    Args:
        picture: (height, width, 3) uint8, BGR.
        mask: as `lettering` makes it.
        left: column of the mask's left edge.
        top: row of the mask's upper edge.
        colour: BGR.
    """
    height, width = picture.shape[:2]
    x1, y1, x2, y2 = max(left, 0), max(top, 0), min(left + mask.shape[1], width), min(top + mask.shape[0], height)
    if x1 >= x2 or y1 >= y2:
        return
    share = mask[y1 - top : y2 - top, x1 - left : x2 - left, None]
    under = picture[y1:y2, x1:x2].astype(np.float32)
    picture[y1:y2, x1:x2] = np.rint(under + (np.array(colour, np.float32) - under) * share).astype(np.uint8)
