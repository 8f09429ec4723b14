"""What a source is: a recording, whose every frame counts, or a live one, whose newest frame counts."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, Protocol, TypeAlias

from genesis.errors import GenesisError
from genesis.vision.types import Frame


class SourceLostError(GenesisError):
    """A source that was good has no more frames for now. The message says why in words."""


class UnreadableFrameError(GenesisError):
    """One frame of a recording can't be decoded; the next one may be."""


class Recording(ABC):
    """A video file or a folder of images.

    Attributes:
        description: what to call it in messages; never holds a password.
        fps: its own frames per second; None if it has no rate.
    """

    live: ClassVar[bool] = False
    description: str
    fps: float | None

    @abstractmethod
    def read(self) -> Frame | None:
        """Return the next frame, (height, width, 3) uint8 BGR; None at the end.

        Raises:
            UnreadableFrameError: the next frame is broken and was passed over.
        """

    @abstractmethod
    def skip(self) -> bool:
        """Pass over the next frame without making its pixels; return False at the end."""

    @abstractmethod
    def rewind(self) -> None:
        """Go back to the first frame.

        Raises:
            SourceLostError: it can no longer be read.
        """

    @abstractmethod
    def close(self) -> None:
        """Let go of the file."""


class Connection(Protocol):
    """An open live source. Used by one thread, which also closes it."""

    def grab(self) -> bool:
        """Wait for the next frame; return False when there will be none."""
        ...

    def retrieve(self) -> Frame | None:
        """Return the frame that was grabbed, (height, width, 3) uint8 BGR; None if it can't be decoded."""
        ...

    def close(self) -> None:
        """End the connection."""
        ...


class LiveSource(ABC):
    """A camera, which can be lost and found again.

    Attributes:
        description: what to call it in messages; never holds a password.
        fps: frames per second as far as it is known before the first connection.
    """

    live: ClassVar[bool] = True
    description: str
    fps: float | None = None

    @abstractmethod
    def connect(self) -> Connection:
        """Open it; may take as long as `capture.open_seconds`.

        Raises:
            SourceLostError: it can't be opened now.
        """

    def close(self) -> None:
        """Let go of what was opened before `connect` was called, if anything was."""
        return


Source: TypeAlias = Recording | LiveSource
