"""Recordings in a folder of images, or in a single one."""

from __future__ import annotations

import logging
import re
from pathlib import Path

import cv2
import numpy as np

from genesis.capture.sources.base import Recording, UnreadableFrameError
from genesis.capture.sources.opencv import as_bgr
from genesis.errors import SourceError
from genesis.vision.types import Frame

logger = logging.getLogger(__name__)

SUFFIXES = frozenset({".bmp", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"})
_PNG = b"\x89PNG"
_NUMBER = re.compile(r"([0-9]+)")


class Images(Recording):
    """The images of a folder, in the order in which a person would number them; their sizes may differ.

    An image that can't be read is passed over. The folder is listed once, at the start.

    Args:
        path: a folder, or one image.
        description: what to call it in messages.

    Raises:
        SourceError: there is no image, or none that can be read.
    """

    fps: float | None = None

    def __init__(self, path: Path, description: str) -> None:
        self.description = description
        self._files = _listed(path)
        self._next = 0
        self._warned = False
        if not self._files:
            msg = f"source {description!r}: folder without images (looked for {', '.join(sorted(SUFFIXES))})"
            raise SourceError(msg)
        if not any(_decoded(file) is not None for file in self._files):
            what = "the image" if len(self._files) == 1 else f"none of the {len(self._files)} images"
            can = "can't" if len(self._files) == 1 else "can"
            msg = f"source {description!r}: {what} {can} be read"
            raise SourceError(msg)

    def read(self) -> Frame | None:
        """Return the next image, (height, width, 3) uint8 BGR; None at the end.

        Raises:
            UnreadableFrameError: the next image is broken and was passed over.
        """
        if self._next >= len(self._files):
            return None
        file = self._files[self._next]
        self._next += 1
        image = _decoded(file)
        if image is None:
            msg = f"{self.description}: {file.name} can't be read"
            if not self._warned:
                self._warned = True
                logger.warning("%s; passed over (others like it are only counted)", msg)
            raise UnreadableFrameError(msg)
        return image

    def skip(self) -> bool:
        """Pass over the next image; return False at the end."""
        if self._next >= len(self._files):
            return False
        self._next += 1
        return True

    def rewind(self) -> None:
        """Go back to the first image."""
        self._next = 0

    def close(self) -> None:
        """Nothing is held."""


def natural_key(name: str) -> tuple[list[str | int], str]:
    """Return a sort key by which `img9.jpg` comes before `img10.jpg`."""
    parts: list[str | int] = [int(part) if index % 2 else part.lower() for index, part in enumerate(_NUMBER.split(name))]
    return parts, name


def _listed(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    try:
        found = [file for file in path.iterdir() if file.suffix.lower() in SUFFIXES and not file.name.startswith(".") and file.is_file()]
    except OSError as error:
        msg = f"source {str(path)!r}: {error.strerror}"
        raise SourceError(msg) from None
    return sorted(found, key=lambda file: natural_key(file.name))


def _decoded(file: Path) -> Frame | None:
    try:
        data = file.read_bytes()
    except OSError:
        return None
    # libpng complains about a file that is cut off on stderr, past every log setting.
    if not data or (data.startswith(_PNG) and b"IEND" not in data):
        return None
    try:
        return as_bgr(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR))
    except cv2.error:
        return None
