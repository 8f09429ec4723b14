"""Frames of a recording, spread evenly over it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from genesis.errors import SourceError

if TYPE_CHECKING:
    from genesis.capture.sources import Recording
    from genesis.settings import Settings
    from genesis.vision.types import Frame

LOOKED_AT = 20_000
"""Frames from the beginning of a recording that are counted; those of a long one come from there."""


def spread(settings: Settings, source: str, most: int) -> Iterator[Frame]:
    """Open a recording, and return frames of it, evenly spread: each (height, width, 3) uint8, BGR.

    Args:
        settings: of this installation.
        source: a video file, a folder of images, or `sample`.
        most: frames; all, where there are no more.

    Raises:
        SourceError: it can't be used, or is a live camera.
    """
    from genesis.capture.sources import LiveSource, open_source  # noqa: PLC0415 - OpenCV loads slowly

    opened = open_source(source, settings)
    if isinstance(opened, LiveSource):
        opened.close()
        msg = f"source {opened.description!r}: a live camera; a recording is needed here (a video file, or a folder of images)"
        raise SourceError(msg)
    return _frames(opened, most)


def chosen(count: int, most: int) -> set[int]:
    """Return the numbers of at most `most` of `count` frames, evenly spread, none at the very ends where there is a choice."""
    return {int((index + 0.5) * count / most) for index in range(most)} if count > most else set(range(count))


def _frames(recording: Recording, most: int) -> Iterator[Frame]:
    from genesis.capture.sources import UnreadableFrameError  # noqa: PLC0415

    try:
        count = 0
        while count < LOOKED_AT and recording.skip():
            count += 1
        recording.rewind()
        wanted = chosen(count, most)
        for number in range(count):
            if number not in wanted:
                recording.skip()
                continue
            try:
                frame = recording.read()
            except UnreadableFrameError:
                continue
            if frame is None:
                return
            yield frame
    finally:
        recording.close()
