"""The plain values that every vision engine fills: arrays in, these out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Frame = npt.NDArray[np.uint8]
"""A picture: (height, width, 3) uint8, BGR."""


@dataclass(frozen=True, slots=True, eq=False)
class Detections:
    """The persons found in one frame.

    Attributes:
        boxes: (n, 4) float32, `x1 y1 x2 y2` in pixels of the frame, clipped to it.
        confidences: (n,) float32, 0 to 1, highest first.
    """

    boxes: npt.NDArray[np.float32]
    confidences: npt.NDArray[np.float32]

    def __post_init__(self) -> None:
        """Check the shapes.

        Raises:
            ValueError: boxes are not (n, 4), or there are not n confidences.
        """
        if self.boxes.ndim != 2 or self.boxes.shape[1] != 4 or self.confidences.shape != (len(self.boxes),):  # noqa: PLR2004
            msg = f"boxes {self.boxes.shape} and confidences {self.confidences.shape}: expected (n, 4) and (n,)"
            raise ValueError(msg)

    def __len__(self) -> int:
        """Return the number of persons."""
        return len(self.boxes)

    @classmethod
    def empty(cls) -> Detections:
        """Nobody."""
        return cls(np.zeros((0, 4), np.float32), np.zeros(0, np.float32))


@dataclass(frozen=True, slots=True, eq=False)
class Face:
    """One face found in a picture, and what is needed to compare it.

    Attributes:
        box: `x1 y1 x2 y2` in pixels of the picture, clipped to it.
        score: the detector's confidence, 0 to 1.
        landmarks: (k, 2) float32, pixels of the picture; the first two are the eyes, the one on the left of the picture first.
        size: shorter side of the box in pixels.
        sharpness: variance of the Laplacian of the face at a fixed size; blurred faces have little.
        frontal: 1 for a face that looks into the camera, 0 for a profile; from the landmarks.
        embedding: (d,) float32 of unit length; empty if it was not wanted.
    """

    box: tuple[float, float, float, float]
    score: float
    landmarks: npt.NDArray[np.float32]
    size: float
    sharpness: float
    frontal: float
    embedding: npt.NDArray[np.float32]
