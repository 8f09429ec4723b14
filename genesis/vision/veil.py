"""Make persons' heads unrecognisable in a frame, for good: what is under the veil can't be had back from the picture.

A light blur can be undone, and many small tiles can be put together again. Here a head and what is around it become a handful of
flat tiles; colours of hair, skin and clothes stay. Only who was detected is veiled: a person that the detector missed still shows.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import ceil, floor

import cv2
import numpy as np

from genesis.events import Box
from genesis.vision.types import Frame

HEAD = 0.3
"""Share of a person's height, from above, that is veiled at least."""
HEAD_TO_WIDTH = 0.8
"""Share of a person's width that is veiled from above at least: of who sits, or is seen from the chest up, the head is a larger part."""
MARGIN = 0.1
"""Of the veil's size, that it reaches out on each side: boxes cut off hair and chins."""
TILES = 4
"""Tiles along the longer side of a veil."""
_SMALLEST_TILE = 8.0  # pixels: a small veil has fewer


def veiled(frame: Frame, persons: Iterable[Box]) -> Frame:
    """Return a copy of a frame in which the heads of persons can't be recognised; the rest is as it was.

    Args:
        frame: (height, width, 3) uint8, BGR; not changed.
        persons: their boxes, in pixels of the frame; what lies outside of it is left out.
    """
    hidden = frame.copy()
    for person in persons:
        left, top, right, bottom = head(person, frame.shape[1], frame.shape[0])
        part = hidden[top:bottom, left:right]
        if part.size:
            part[:] = _tiled(part)
    return hidden


def head(person: Box, width: int, height: int) -> tuple[int, int, int, int]:
    """Return the part of a frame that is veiled for a person: left, top, right, bottom in whole pixels, the last two not included.

    Args:
        person: their box, in pixels of the frame.
        width: of the frame.
        height: of the frame.
    """
    across, down = max(person.width, 0.0), max(person.height, 0.0)
    down = min(down, max(HEAD * down, HEAD_TO_WIDTH * across))
    left, right = person.x1 - MARGIN * across, person.x2 + MARGIN * across
    top, bottom = person.y1 - MARGIN * down, person.y1 + (1 + MARGIN) * down
    x1, y1 = (floor(min(max(value, 0), size)) for value, size in ((left, width), (top, height)))
    x2, y2 = (ceil(min(max(value, 0), size)) for value, size in ((right, width), (bottom, height)))
    return x1, y1, x2, y2


def _tiled(part: Frame) -> Frame:
    high, wide = part.shape[:2]
    side = max(max(high, wide) / TILES, _SMALLEST_TILE)
    few = cv2.resize(part, (max(1, round(wide / side)), max(1, round(high / side))), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(few, (wide, high), interpolation=cv2.INTER_NEAREST), np.uint8)
