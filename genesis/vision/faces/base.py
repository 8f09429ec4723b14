"""The interface of a face engine. Adding one is a file beside this and a line in the registry."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from genesis.vision.types import Face, Frame

Worth = Callable[[float, float, float], bool]
"""Tells by size, sharpness and frontal (see `Face`) whether a face is worth an embedding, which takes most of the time."""


def always(_size: float, _sharpness: float, _frontal: float) -> bool:
    """Every face is worth an embedding."""
    return True


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

    def find(self, pictures: Sequence[Frame], worth: Worth = always) -> list[list[Face]]:
        """Return the faces of each picture, largest first, in the order of the pictures.

        Args:
            pictures: crops of persons or whole photographs, each (height, width, 3) uint8 BGR; sizes may differ.
            worth: which faces to embed; the embedding of the others is empty.
        """
        ...
