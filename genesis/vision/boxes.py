"""Arithmetic on boxes that every detector shares: overlap, suppression, and the last tidying up of its findings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from genesis.vision.types import Detections, Frame

Boxes = npt.NDArray[np.floating[Any]]
"""(n, 4), `x1 y1 x2 y2`, pixels."""


def check_frames(frames: Sequence[Frame]) -> None:
    """Refuse what is not a picture.

    Raises:
        ValueError: a frame is not (height, width, 3) uint8 with at least one pixel.
    """
    for index, frame in enumerate(frames):
        if frame.ndim != 3 or frame.shape[2] != 3 or frame.dtype != np.uint8 or frame.size == 0:  # noqa: PLR2004
            msg = f"frame {index} is {frame.shape} {frame.dtype}: expected (height, width, 3) uint8"
            raise ValueError(msg)


def overlap(boxes: Boxes, others: Boxes) -> npt.NDArray[np.float64]:
    """Return the intersection over union of each box with each other one.

    Args:
        boxes: (n, 4).
        others: (m, 4).

    Returns:
        (n, m), 0 to 1; 0 where a box has no area.
    """
    a, b = np.asarray(boxes, np.float64)[:, None, :], np.asarray(others, np.float64)[None, :, :]
    width = np.minimum(a[..., 2], b[..., 2]) - np.maximum(a[..., 0], b[..., 0])
    height = np.minimum(a[..., 3], b[..., 3]) - np.maximum(a[..., 1], b[..., 1])
    shared = np.clip(width, 0, None) * np.clip(height, 0, None)
    union = _area(a) + _area(b) - shared
    ratio: npt.NDArray[np.float64] = np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)
    return ratio


MOST_PERSONS = 300
"""In one frame: no detector tells more."""


def suppress(boxes: Boxes, scores: npt.NDArray[np.floating[Any]], iou: float) -> npt.NDArray[np.intp]:
    """Greedy non-maximum suppression: keep the best box, drop those that overlap it more than `iou`, and so on.

    Args:
        boxes: (n, 4).
        scores: (n,).
        iou: largest overlap of two kept boxes, 0 to 1.

    Returns:
        Indexes of the kept boxes, best first. The order of the input does not matter.
    """
    order = _best_first(boxes, scores)
    return order[thinned(boxes[order], iou)]


def thinned(boxes: Boxes, iou: float, most: int | None = None) -> npt.NDArray[np.intp]:
    """Return the indexes of the boxes that no earlier kept one overlaps more than `iou`.

    Args:
        boxes: (n, 4), the best first.
        iou: largest overlap of two kept boxes, 0 to 1.
        most: boxes that are kept; None: all.
    """
    left = np.arange(len(boxes))
    kept: list[int] = []
    while left.size and len(kept) != most:
        best, left = left[0], left[1:]
        kept.append(int(best))
        left = left[overlap(boxes[best : best + 1], boxes[left])[0] <= iou]
    return np.array(kept, np.intp)


def tidy(
    boxes: Boxes,
    confidences: npt.NDArray[np.floating[Any]],
    *,
    width: int,
    height: int,
    confidence: float,
    min_height: float,
) -> Detections:
    """Clip boxes to the frame, drop what is too unsure, too low or outside, and put the surest first.

    Args:
        boxes: (n, 4), may reach beyond the frame.
        confidences: (n,), 0 to 1.
        width: of the frame in pixels.
        height: of the frame in pixels.
        confidence: least confidence that is kept.
        min_height: least height in pixels, after clipping, that is kept.
    """
    clipped = np.asarray(boxes, np.float32).reshape(-1, 4).copy()
    sure = np.asarray(confidences, np.float32).reshape(-1)
    # A limit such as 0.35 is compared as float32 too, so that a confidence of exactly 0.35 stays.
    finite = np.isfinite(clipped).all(axis=1) & (sure >= np.float32(confidence))
    clipped, sure = clipped[finite], sure[finite]
    clipped[:, 0::2] = clipped[:, 0::2].clip(0, width)
    clipped[:, 1::2] = clipped[:, 1::2].clip(0, height)
    wide, high = clipped[:, 2] - clipped[:, 0], clipped[:, 3] - clipped[:, 1]
    kept = (wide > 0) & (high > 0) & (high >= np.float32(min_height))
    clipped, sure = clipped[kept], sure[kept]
    order = _best_first(clipped, sure)
    return Detections(np.ascontiguousarray(clipped[order]), np.ascontiguousarray(sure[order]))


def _best_first(boxes: Boxes, scores: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.intp]:
    # Equal scores are ordered by place, so that the result does not hang on the order in which a parallel search found them.
    return np.lexsort((boxes[:, 3], boxes[:, 2], boxes[:, 1], boxes[:, 0], -scores))


def _area(boxes: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    area: npt.NDArray[np.float64] = np.clip(boxes[..., 2] - boxes[..., 0], 0, None) * np.clip(boxes[..., 3] - boxes[..., 1], 0, None)
    return area
