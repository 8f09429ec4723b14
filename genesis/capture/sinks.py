"""Where a camera's frames go: the interface between reading a camera and the two modes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from genesis.events import FrameCaptured, SessionEvent

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


class Sink(Protocol):
    """Takes what a camera gives. Called from one thread per camera, so an implementation is thread-safe."""

    def frame(self, event: FrameCaptured, image: npt.NDArray[np.uint8]) -> None:
        """Take one frame.

        Args:
            event: about the frame, with its `frame_key` set.
            image: (height, width, 3) uint8, BGR; not changed and not kept after the call.

        Raises:
            BackpressureError: not taken, there is no room; the same call may be made again.
            ServerUnavailableError: not taken, the server is away; the same call may be made again.
        """
        ...

    def session(self, event: SessionEvent) -> None:
        """Take a change of a camera's session; raises as `frame` does."""
        ...

    def dropped(self, camera: str, reason: str, count: int) -> None:
        """Count frames of a camera that were not published; never raises."""
        ...

    def close(self) -> None:
        """Finish: nothing more comes."""
        ...
