"""The interface of a person detector. Adding one is a file beside this and a line in the registry."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from genesis.vision.types import Detections, Frame


class Detector(Protocol):
    """Finds persons in frames. One per process; not shared between threads."""

    @property
    def name(self) -> str:
        """Engine and weights, for events and reports: `yolo:yolo11n.pt`, `hog`."""
        ...

    def detect(self, frames: Sequence[Frame]) -> list[Detections]:
        """Return the persons of each frame, in the order of the frames.

        Args:
            frames: pictures, each (height, width, 3) uint8 BGR; sizes may differ.
        """
        ...
