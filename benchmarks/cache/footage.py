"""Frames to store: of a recording, made as large as the sizes that are measured."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import numpy as np

from genesis.cache import Frame
from genesis.errors import UsageError
from genesis.settings import Settings

SIZES = {"576p": (768, 576), "1080p": (1920, 1080)}
"""Width and height in pixels."""
_EVERY = 10  # frames of the recording: neighbours are nearly the same picture


def pictures(video: str, settings: Settings, count: int) -> list[Frame]:
    """Return frames of a recording, one in ten.

    Args:
        video: a file, a folder of images, or `sample`.
        settings: of this installation: where the sample lies.
        count: most frames.

    Raises:
        SourceError: it can't be used.
        UsageError: it is a camera, or has no frame.
    """
    from genesis.capture.sources import open_source  # noqa: PLC0415 - --help stays quick

    found: list[Frame] = []
    with closing(open_source(video, settings)) as source:
        if source.live:
            msg = f"{video}: a recording is needed, not a camera"
            raise UsageError(msg)
        while len(found) < count and (frame := source.read()) is not None:
            found.append(frame)
            for _ in range(_EVERY - 1):
                source.skip()
    if not found:
        msg = f"{video}: no frame can be read"
        raise UsageError(msg)
    return found


def resized(frames: list[Frame], size: tuple[int, int]) -> list[Frame]:
    """Return frames of this width and height, what sticks out cut off evenly; the same ones if they have it."""
    import cv2  # noqa: PLC0415

    (width, height), (down, across) = size, frames[0].shape[:2]
    if (across, down) == size:
        return frames
    scale = max(width / across, height / down)
    large = (max(width, round(across * scale)), max(height, round(down * scale)))
    left, top = (large[0] - width) // 2, (large[1] - height) // 2
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    done = (cv2.resize(frame, large, interpolation=how)[top : top + height, left : left + width] for frame in frames)
    return [np.ascontiguousarray(frame, np.uint8) for frame in done]


def written(frames: list[Frame], file: Path) -> Path:
    """Write frames of one size to a file that another process reads with `numpy.load`."""
    np.save(file, np.stack(frames))
    return file
