"""Photos whose faces are told by their pixels, and an engine that reads them: real files, real judgement, no network."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from genesis.vision.faces.base import Worth, always
from genesis.vision.types import Face, Frame

MODEL, DIMENSION, THRESHOLD = "Staged", 8, 0.3
SIDE = 400  # pixels of a photo
_KINDS = {"good": (120, 300, 0.9), "small": (30, 300, 0.9), "blurred": (120, 5, 0.9), "turned": (120, 300, 0.1)}


def photo(path: Path, who: int | Sequence[int], nth: int = 0, kind: str = "good") -> Path:
    """Write a photo of one of eight people (or of several, or of nobody: `()`), the nth of them; return its path."""
    people = [who] if isinstance(who, int) else list(who)
    picture = np.zeros((SIDE, SIDE, 3), np.uint8)
    picture[:] = (40, 60 + 20 * (people[0] if people else 0), 90 + 15 * nth)
    picture[0, 0] = (len(people), nth, list(_KINDS).index(kind))
    for place, one in enumerate(people, start=1):
        picture[0, place] = (one, 0, 0)
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path.with_suffix(".png")), picture)
    return path.with_suffix(".png")


def embedding(who: int, nth: int = 0) -> Any:
    """Return the nth face of one of eight people: theirs are near each other, others are far."""
    vector = np.zeros(DIMENSION, np.float32)
    vector[who] = 1
    vector[(who + 1) % DIMENSION] = 0.02 * nth
    return vector / np.linalg.norm(vector)


class StagedEngine:
    """A face engine for these photos."""

    name, model, dimension, threshold = "staged", MODEL, DIMENSION, THRESHOLD

    def __init__(self) -> None:
        self.looked_at = 0

    def find(self, pictures: Sequence[Frame], worth: Worth = always) -> list[list[Face]]:
        """Return the faces of each picture."""
        self.looked_at += len(pictures)
        return [self._faces(picture) for picture in pictures]

    def _faces(self, picture: Frame) -> list[Face]:
        count, nth, kind = map(int, picture[0, 0])
        size, sharpness, frontal = list(_KINDS.values())[kind]
        eyes = np.array([[60, 60], [120, 60]], np.float32)
        return [
            Face((40, 40, 40 + size, 40 + size), 0.95, eyes, size, sharpness, frontal, embedding(int(picture[0, place][0]), nth))
            for place in range(1, count + 1)
        ]
