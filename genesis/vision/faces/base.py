"""The interface of a face engine. Adding one is a file beside this and a line in the registry."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from genesis.vision.types import Face, Frame


class FaceEngine(Protocol):
    """Finds, aligns and embeds faces. One per process; not shared between threads."""

    @property
    def name(self) -> str:
        """Engine, model and detector, for logs and reports: `deepface:Dlib:yunet`."""
        ...

    @property
    def model(self) -> str:
        """Name under which embeddings are stored: those of one name can be compared."""
        ...

    @property
    def dimension(self) -> int:
        """Length of an embedding."""
        ...

    @property
    def threshold(self) -> float:
        """Largest cosine distance between two faces of one person."""
        ...

    def find(self, pictures: Sequence[Frame]) -> list[list[Face]]:
        """Return the faces of each picture, largest first, in the order of the pictures.

        Args:
            pictures: crops of persons or whole photographs, each (height, width, 3) uint8 BGR; sizes may differ.
        """
        ...
