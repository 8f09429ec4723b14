"""Fit a frame into a network's input as YOLO networks are trained: scaled as a whole, grey bars around it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from genesis.vision.types import Frame

_GREY = (114, 114, 114)


@dataclass(frozen=True, slots=True)
class Letterbox:
    """Where a frame lies in the input.

    Attributes:
        frame: width and height of the frame, in pixels.
        scaled: width and height of the frame in the input.
        left: first column of the frame in the input.
        top: first row.
        size: width and height of the input.
    """

    frame: tuple[int, int]
    scaled: tuple[int, int]
    left: int
    top: int
    size: tuple[int, int]

    @classmethod
    def of(cls, frame: Frame, size: tuple[int, int], stride: int = 0) -> Letterbox:
        """Lay a frame into the middle of the input, as large as it can be.

        Args:
            frame: (height, width, 3) uint8.
            size: width and height of the input, in pixels.
            stride: if it is given, the input is no larger than it must be: its sides are multiples of this.
        """
        height, width = frame.shape[:2]
        scale = min(size[0] / width, size[1] / height)
        scaled = max(round(width * scale), 1), max(round(height * scale), 1)
        bars = [whole - part for whole, part in zip(size, scaled, strict=True)]
        across, down = (bar % stride for bar in bars) if stride else bars
        # An odd pixel goes to the right and to the bottom, as ultralytics has it.
        return cls((width, height), scaled, round(across / 2 - 0.1), round(down / 2 - 0.1), (scaled[0] + across, scaled[1] + down))

    def apply(self, frame: Frame) -> Frame:
        """Return the input: (height, width, 3) uint8, in the frame's order of colours."""
        scaled = frame if self.scaled == self.frame else cv2.resize(frame, self.scaled, interpolation=cv2.INTER_LINEAR)
        if self.scaled == self.size:
            return np.ascontiguousarray(scaled, np.uint8)
        right, bottom = self.size[0] - self.scaled[0] - self.left, self.size[1] - self.scaled[1] - self.top
        return np.asarray(cv2.copyMakeBorder(scaled, self.top, bottom, self.left, right, cv2.BORDER_CONSTANT, value=_GREY), np.uint8)

    def undo(self, boxes: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Return boxes of the input, (n, 4) `x1 y1 x2 y2`, in pixels of the frame; they may reach beyond it."""
        across, down = self.scaled[0] / self.frame[0], self.scaled[1] / self.frame[1]
        moved: Any = boxes - np.array([self.left, self.top, self.left, self.top], np.float32)
        return np.asarray(moved / np.array([across, down, across, down], np.float32), np.float32)
