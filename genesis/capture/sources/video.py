"""Recordings in one video file, on disk or behind a URL."""

from __future__ import annotations

import logging

import cv2

from genesis.capture.sources.base import Recording, SourceLostError, UnreadableFrameError
from genesis.capture.sources.opencv import Grabber
from genesis.errors import SourceError
from genesis.vision.types import Frame

logger = logging.getLogger(__name__)

_TOLERATED_FRAMES = 2
_TOLERATED_SHARE = 0.01  # many containers announce duration times rate, which is a little off


class Video(Recording):
    """A video file. It is opened, and its first frame read, at once.

    Args:
        location: path or URL, as FFmpeg takes it.
        description: what to call it in messages.

    Raises:
        SourceError: there is no frame in it that can be read.
    """

    def __init__(self, location: str, description: str) -> None:
        self.description = description
        self._location = location
        self._warned = False
        self._count = 0
        self._first: Frame | None
        self._grabber, self._first = self._opened()
        self.fps = self._grabber.fps
        self.announced = self._grabber.announced

    def read(self) -> Frame | None:
        """Return the next frame, (height, width, 3) uint8 BGR; None at the end.

        Raises:
            UnreadableFrameError: the next frame is broken and was passed over.
        """
        image, self._first = self._first, None
        if image is None:
            if not self._grabber.grab():
                self._ended()
                return None
            image = self._grabber.retrieve()
        self._count += 1
        if image is None:
            msg = f"{self.description}: frame {self._count - 1} can't be decoded"
            raise UnreadableFrameError(msg)
        return image

    def skip(self) -> bool:
        """Pass over the next frame without making its pixels; return False at the end."""
        if self._first is not None:
            self._first = None
        elif not self._grabber.grab():
            self._ended()
            return False
        self._count += 1
        return True

    def rewind(self) -> None:
        """Open the file again: seeking back to its start is not exact in every container.

        Raises:
            SourceLostError: it can no longer be read.
        """
        self._grabber.close()
        try:
            self._grabber, self._first = self._opened()
        except SourceError as error:
            raise SourceLostError(str(error)) from None
        self._count = 0

    def close(self) -> None:
        """Let go of the file."""
        self._grabber.close()

    def _opened(self) -> tuple[Grabber, Frame]:
        # FFmpeg by name: other backends would take a text file or a name with a number in it for pictures.
        grabber = Grabber(cv2.VideoCapture(self._location, cv2.CAP_FFMPEG))
        first = grabber.retrieve() if grabber.opened and grabber.grab() else None
        if first is None:
            grabber.close()
            msg = f"source {self.description!r}: no picture can be read from it (not a video, damaged, or of an unknown format)"
            raise SourceError(msg)
        return grabber, first

    def _ended(self) -> None:
        missing = (self.announced or 0) - self._count
        if self._warned or missing <= max(_TOLERATED_FRAMES, _TOLERATED_SHARE * (self.announced or 0)):
            return
        self._warned = True
        logger.warning("%s ends early: %d frames announced, %d read", self.description, self.announced, self._count)
