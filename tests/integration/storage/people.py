"""People whose faces are directions of our own, for tests of the gallery."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta, timezone
from typing import Any

import numpy as np
import numpy.typing as npt

from genesis.events import Box, FaceRecognized
from genesis.storage.gallery import NewFace

MODEL = "Tiny"
DIMENSION = 8
THRESHOLD = 0.3
NOON = datetime(2026, 1, 2, 12, 0, tzinfo=timezone.utc)


def face(who: int, nth: int = 0) -> npt.NDArray[np.float32]:
    """Return the nth face of one of eight people: theirs are near each other (0.02), others are far (1)."""
    vector = np.zeros(DIMENSION, np.float32)
    vector[who] = 1
    vector[(who + 1) % DIMENSION] = 0.02 * (nth % 10)
    return vector


def photo(who: int, nth: int = 0, **changes: Any) -> NewFace:
    """Return the face as it is enrolled from a photo, with a picture of it."""
    name = hashlib.sha256(f"photo {who} {nth}".encode()).hexdigest()
    values: dict[str, Any] = {"embedding": face(who, nth), "source": "photo", "sha256": name, "crop": crop(f"photo {who} {nth}")}
    return NewFace(**{"size": 100.0, "sharpness": 500.0, "frontal": 1.0, **values, **changes})


def crop(what: str) -> str:
    """Return the name of a picture."""
    return hashlib.sha256(f"crop of {what}".encode()).hexdigest()


def seen(number: int, who: int | None = None, nth: int = 0, **changes: Any) -> FaceRecognized:
    """Return the event of somebody unknown who was seen in frame `number`; `who` None: without an embedding."""
    values: dict[str, Any] = {
        "id": f"event-{number}", "camera": "door", "time": NOON + timedelta(seconds=number), "session": "s1", "number": number,
        "person": Box(0, 0, 50, 100), "box": Box(10, 10, 30, 30), "model": MODEL, "threshold": THRESHOLD, "crop": crop(f"event {number}"),
        "embedding": b"" if who is None else face(who, nth).astype("<f4").tobytes(), "size": 60.0, "sharpness": 100.0, "frontal": 0.9,
        "attempts": 3, "score": 0.8,
    }  # fmt: skip
    return FaceRecognized(**{**values, **changes})
