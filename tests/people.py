"""Clips made of photographs: people who stand before the camera one after the other, or two at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sin
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from genesis.events import Box

Picture = npt.NDArray[np.uint8]

WIDTH, HEIGHT = 960, 720
_SLOT = (WIDTH // 2 - 20, HEIGHT - 100)  # of one photograph: width and height at most
_SWAY = 5.0  # pixels


@dataclass(frozen=True)
class Scene:
    """Some seconds of a clip: a photograph in the left half, one in the right half, or neither."""

    left: Path | None = None
    right: Path | None = None
    frames: int = 4


def write_clip(path: Path, scenes: Sequence[Scene], fps: float = 2.0) -> Path:
    """Write a video of scenes, one after the other, in which the people sway a little."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), fps, (WIDTH, HEIGHT))
    assert writer.isOpened(), path
    number = 0
    for scene in scenes:
        pictures = [None if photo is None else _fitted(photo) for photo in (scene.left, scene.right)]
        for _ in range(scene.frames):
            writer.write(_frame(pictures, number))
            number += 1
    writer.release()
    return path


def shown(scenes: Sequence[Scene], number: int, box: Box) -> str:
    """Return the folder of the photograph that was shown where a box is, in a frame of the clip."""
    first = 0
    for scene in scenes:
        if number < first + scene.frames:
            photo = scene.left if (box.x1 + box.x2) / 2 < WIDTH / 2 else scene.right
            return photo.parent.name if photo is not None else "nobody"
        first += scene.frames
    return "nobody"


def _fitted(photo: Path) -> Picture:
    picture = cv2.imread(str(photo))
    assert picture is not None, photo
    height, width = picture.shape[:2]
    scale = min(_SLOT[0] / width, _SLOT[1] / height)
    return np.asarray(cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)


def _frame(pictures: Sequence[Picture | None], number: int) -> Picture:
    shade = np.linspace(70, 110, HEIGHT, dtype=np.uint8)[:, None, None]
    frame = np.broadcast_to(shade, (HEIGHT, WIDTH, 3)).copy()
    for index, picture in enumerate(pictures):
        if picture is not None:
            height, width = picture.shape[:2]
            left = index * WIDTH // 2 + (WIDTH // 2 - width) // 2 + round(_SWAY * sin(number * 1.3))
            top = (HEIGHT - height) // 2 + round(_SWAY * sin(number * 0.7 + index))
            frame[top : top + height, left : left + width] = picture
    return frame


def faces_in(shared: Path, picture: Picture, sure: float = 0.5) -> list[tuple[float, float, float, float]]:
    """Return the faces that YuNet finds in a picture, as boxes in its pixels, the surest first.

    Args:
        shared: folder of footage and models.
        picture: (height, width, 3) uint8, BGR.
        sure: least score.
    """
    weights = shared / "models/face_detection_yunet_2023mar.onnx"
    if not weights.is_file():
        pytest.skip(f"no {weights.name} in {weights.parent}")
    detector = cv2.FaceDetectorYN.create(str(weights), "", (picture.shape[1], picture.shape[0]), sure)
    rows = detector.detect(picture)[1]
    found = [] if rows is None else sorted(rows.tolist(), key=lambda row: -row[-1])
    return [(x, y, x + width, y + height) for x, y, width, height, *_ in found]
