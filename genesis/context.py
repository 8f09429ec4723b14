"""What a handler is given beside its event: everything that touches the world, made in one place.

In event mode the context holds the frame cache and the ledger; in sync mode both are replaced by
in-memory ones. A test passes its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from genesis.events import Event, FrameCaptured, SessionEvent
from genesis.settings import Settings


class FrameReader(Protocol):
    """Where a handler finds the pixels that an event points to."""

    def get(self, key: str) -> npt.NDArray[np.uint8]:
        """Return the frame: (height, width, 3) uint8, BGR.

        Raises:
            FrameMissingError: it is no longer there.
        """
        ...


class CameraBoard(Protocol):
    """What is known of each camera now. Writing the same thing twice changes nothing."""

    def seen(self, event: FrameCaptured) -> None:
        """Note a frame: the newest frame's key, the camera's frame rate, its liveness."""
        ...

    def changed(self, event: SessionEvent) -> None:
        """Note that a camera's session started, was lost, recovered or ended."""
        ...


@dataclass(frozen=True, slots=True)
class DeliveryInfo:
    """Which delivery this run belongs to."""

    stream: str
    group: str
    entry: str

    @property
    def key(self) -> str:
        """The same for every run of this delivery and for no other: an idempotency key for calls to the outside."""
        return f"{self.stream}/{self.group}/{self.entry}"


@dataclass(frozen=True, slots=True)
class Context:
    """A handler's surroundings.

    Attributes:
        settings: of this installation.
        frames: the pixels of `event.frame_key`.
        cameras: what is known of each camera.
        delivery: which delivery this is; None in sync mode.
        state: in a subscription with `keyed_by`, what its handler has kept for this event's key: a dictionary of what JSON
            can say, empty at first. Changes to it take effect together with the handler's events, once.
    """

    settings: Settings
    frames: FrameReader
    cameras: CameraBoard
    delivery: DeliveryInfo | None = None
    state: dict[str, Any] | None = None

    @staticmethod
    def local_time(event: Event) -> datetime:
        """Return the event's capture time in this machine's time zone."""
        return event.time.astimezone()
