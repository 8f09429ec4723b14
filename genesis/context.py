"""What a handler is given beside its event: everything that touches the world, made in one place.

In event mode the context holds the frame cache and the ledger; in sync mode both are replaced by
in-memory ones. A test passes its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, Protocol

from genesis.events import Event, FrameCaptured, MetricsEvent, PersonDetected, SessionEvent
from genesis.settings import Settings

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

MOST_NAMES = 10_000  # tracks and alerts that are remembered in memory


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

    def measured(self, event: MetricsEvent) -> None:
        """Note a camera's newest figures."""
        ...


@dataclass(frozen=True, slots=True)
class Naming:
    """Who a track is.

    Attributes:
        identity: name, or `unknown-N`.
        identity_id: of the person, for life.
        known: whether they are enrolled.
        score: how sure that is, 0 to 1.
        face: SHA-256 of the picture of their best face; empty if there is none.
    """

    identity: str
    identity_id: str
    known: bool
    score: float = 0.0
    face: str = ""

    @property
    def weight(self) -> tuple[bool, float]:
        """What decides between two namings of one track: an enrolled person before a stranger, then who is surer."""
        return self.known, self.score


class TrackBoard(Protocol):
    """Which track each person of a frame belongs to, and who the tracks are. Writing the same thing twice changes nothing."""

    def followed(self, event: PersonDetected, tracks: Sequence[str]) -> None:
        """Note the tracks of a frame's persons, in their order."""
        ...

    def track_of(self, camera: str, session: str, number: int, index: int) -> str | None:
        """Return the track of one person of a frame; None: that frame was passed over, or too long ago.

        Raises:
            NotYetError: the tracker has not come to that frame.
        """
        ...

    def named(self, track: str, naming: Naming) -> None:
        """Note who a track is."""
        ...

    def naming(self, track: str) -> Naming | None:
        """Return who a track is, if that is known by now."""
        ...


class SentBoard(Protocol):
    """Who has been told of an alert already, so that a retry tells only the others."""

    def sent(self, event: str) -> frozenset[str]:
        """Return the names of those who were told of an event, by its id."""
        ...

    def note(self, event: str, name: str) -> None:
        """Note that somebody was told."""
        ...


def _utc() -> datetime:
    return datetime.now(timezone.utc)


class MemoryTracks:
    """Tracks and names in this process: the frame that was followed last of each camera, and the newest names."""

    def __init__(self) -> None:
        self._frames: dict[tuple[str, str], tuple[int, tuple[str, ...]]] = {}
        self._names: dict[str, Naming] = {}

    def followed(self, event: PersonDetected, tracks: Sequence[str]) -> None:
        """Note the tracks of a frame's persons, in their order."""
        self._frames[event.camera, event.session] = event.number, tuple(tracks)

    def track_of(self, camera: str, session: str, number: int, index: int) -> str | None:
        """Return the track of one person of a frame; None where it is not the last frame that was followed."""
        at, tracks = self._frames.get((camera, session), (-1, ()))
        return tracks[index] or None if at == number and index < len(tracks) else None

    def named(self, track: str, naming: Naming) -> None:
        """Note who a track is."""
        self._names.pop(track, None)
        self._names[track] = naming
        while len(self._names) > MOST_NAMES:
            del self._names[next(iter(self._names))]

    def naming(self, track: str) -> Naming | None:
        """Return who a track is, if that is known by now."""
        return self._names.get(track)


class MemorySent:
    """Who was told of which alert, in this process."""

    def __init__(self) -> None:
        self._sent: dict[str, frozenset[str]] = {}

    def sent(self, event: str) -> frozenset[str]:
        """Return the names of those who were told of an event, by its id."""
        return self._sent.get(event, frozenset())

    def note(self, event: str, name: str) -> None:
        """Note that somebody was told."""
        self._sent[event] = self.sent(event) | {name}
        while len(self._sent) > MOST_NAMES:
            del self._sent[next(iter(self._sent))]


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
        tracks: whose tracks they are.
        sent: who was told of which alert.
        delivery: which delivery this is; None in sync mode.
        state: in a subscription with `keyed_by`, what its handler has kept for this event's key: a dictionary of what JSON
            can say, empty at first. Changes to it take effect together with the handler's events, once.
        now: the present (UTC).
    """

    settings: Settings
    frames: FrameReader
    cameras: CameraBoard
    tracks: TrackBoard = field(default_factory=MemoryTracks)
    sent: SentBoard = field(default_factory=MemorySent)
    delivery: DeliveryInfo | None = None
    state: dict[str, Any] | None = None
    now: Callable[[], datetime] = _utc

    @staticmethod
    def local_time(event: Event) -> datetime:
        """Return the event's capture time in this machine's time zone."""
        return event.time.astimezone()
