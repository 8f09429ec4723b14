"""The seven event types: what Genesis can say about the world.

Coordinates are pixels of the original frame, boxes are `x1 y1 x2 y2`, times are UTC of the capture
clock, durations are seconds. Every type is frozen and is written as JSON by `genesis.events.envelope`.
A field is only ever added with a default, so that a newer minor schema can be read by older code.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, ClassVar, Literal

import msgspec
from msgspec import Meta, Struct

Utc = Annotated[datetime, Meta(tz=True)]
Share = Annotated[float, Meta(ge=0.0, le=1.0)]
Seconds = Annotated[float, Meta(ge=0.0)]
Name = Annotated[str, Meta(min_length=1, max_length=256)]


class Box(Struct, frozen=True, array_like=True):
    """A rectangle in pixels of the original frame, written as `[x1, y1, x2, y2]`.

    `x1 y1` is the upper left corner, `x2 y2` the lower right one; origin at the frame's upper left.
    """

    x1: float
    y1: float
    x2: float
    y2: float

    @property
    def width(self) -> float:
        """Width in pixels."""
        return self.x2 - self.x1

    @property
    def height(self) -> float:
        """Height in pixels."""
        return self.y2 - self.y1

    def iou(self, other: Box) -> float:
        """Intersection over union with another box, 0 to 1."""
        width = min(self.x2, other.x2) - max(self.x1, other.x1)
        height = min(self.y2, other.y2) - max(self.y1, other.y1)
        if width <= 0 or height <= 0:
            return 0.0
        shared = width * height
        union = self.width * self.height + other.width * other.height - shared
        return shared / union if union > 0 else 0.0


class Person(Struct, frozen=True, omit_defaults=True):
    """One person seen in one frame: where, and how sure the detector is (0 to 1)."""

    box: Box
    confidence: Share
    track: str | None = None


class Event(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What all events have: an id, a camera, and the capture time that they are about.

    `id` is unique for all time; an event that a handler makes gets an id derived from its cause, so
    that running the handler again gives the same one. `traceparent` is the W3C trace context.
    """

    TYPE: ClassVar[str] = ""
    STREAM: ClassVar[str] = ""
    SCHEMA: ClassVar[tuple[int, int]] = (1, 0)

    camera: Name
    time: Utc
    id: str = ""
    traceparent: str = ""

    @property
    def frame(self) -> str:
        """Key of the cached frame that this event points to; empty when it points to none."""
        return str(getattr(self, "frame_key", ""))


class FrameCaptured(Event, frozen=True, kw_only=True, omit_defaults=True):
    """A frame was read from a camera and its pixels lie in the frame cache under `frame_key`.

    `session` names the run of the capture that read it and `number` counts its frames from 0.
    `width` and `height` are pixels. `live` tells a camera (whose old frames may be dropped) from a
    recording (whose frames all count). `time` is when the frame was read, or, for a recording
    that is played as fast as it goes, the time at which it would have been read. `dropped` counts, by reason, the frames
    that were dropped between the one before and this one.
    """

    TYPE: ClassVar[str] = "genesis.frame.captured"
    STREAM: ClassVar[str] = "frames"
    SCHEMA: ClassVar[tuple[int, int]] = (1, 1)

    session: Name
    number: Annotated[int, Meta(ge=0)]
    width: Annotated[int, Meta(ge=1)]
    height: Annotated[int, Meta(ge=1)]
    frame_key: Annotated[str, Meta(min_length=1, max_length=256)]
    live: bool = False
    dropped: dict[str, int] = {}


class PersonDetected(Event, frozen=True, kw_only=True, omit_defaults=True):
    """All persons that the detector saw in one frame; an empty list says that it saw none.

    `detector` names engine and weights. The frame can be fetched by `frame_key` while the event is pending.
    `last` marks the end of a camera's session: it stands behind the last frame, is about no frame itself, has no persons, and its
    `dropped` counts those of the whole session.
    """

    TYPE: ClassVar[str] = "genesis.person.detected"
    STREAM: ClassVar[str] = "persons"
    SCHEMA: ClassVar[tuple[int, int]] = (1, 1)

    session: Name
    number: Annotated[int, Meta(ge=0)]
    width: Annotated[int, Meta(ge=1)]
    height: Annotated[int, Meta(ge=1)]
    persons: tuple[Person, ...]
    detector: str
    frame_key: str = ""
    live: bool = False
    dropped: dict[str, int] = {}
    last: bool = False


class FaceRecognized(Event, frozen=True, kw_only=True, omit_defaults=True):
    """One person's faces were compared with the gallery: `identity` is who it is, or None for nobody enrolled.

    `distance` is the nearest embedding's (cosine), `threshold` the largest that counts as the same person, `margin` how much
    farther away the second best identity is. `score` (0 to 1) tells how sure the decision is after `attempts` looks. `box` is the
    face, `person` the person it belongs to, `index` that person's place among the frame's persons. `identity_id` stays the same
    when the person is renamed. `crop` names the stored picture of the face by its SHA-256, `embedding` is the face as little-endian
    float32 (base64 in JSON); `size`, `sharpness` and `frontal` say how good it is.
    """

    TYPE: ClassVar[str] = "genesis.face.recognized"
    STREAM: ClassVar[str] = "faces"
    SCHEMA: ClassVar[tuple[int, int]] = (1, 2)

    session: Name
    number: Annotated[int, Meta(ge=0)]
    person: Box
    box: Box
    model: str
    identity: str | None = None
    distance: float | None = None
    threshold: float | None = None
    track: str | None = None
    identity_id: str | None = None
    margin: float | None = None
    score: Share | None = None
    attempts: Annotated[int, Meta(ge=0)] = 0
    crop: str = ""
    embedding: bytes = b""
    size: float = 0.0
    sharpness: float = 0.0
    frontal: float = 0.0
    index: int | None = None


class ZoneEvent(Event, frozen=True, kw_only=True, omit_defaults=True):
    """A tracked person entered, exited or loitered in a zone, crossed a line, or is now known by name.

    `time` is when it happened: an entry's is the first look inside, an exit's the last one. `dwell` is the time inside so far, in
    seconds; `occupancy` how many persons are in the zone after it. For `crossed`, `zone` names the line, and `direction` is `in`
    from the line's left to its right (seen from its start towards its end), else `out`. `identified` concerns no zone: `identity`
    is the name (or `unknown-N`) of the track, wherever it is, `face` the stored picture. `session` names a camera's series of these
    events and `number` counts them, so that they can be handled in their order; `identified` comes from elsewhere and has no
    number. The frame can be fetched by `frame_key` while the event is pending; `persons` are all that the detector saw in it, by their
    tracks, so that a picture made of it can hide them. None: that is not told, since nobody is to be hidden (`privacy.blur`).
    """

    TYPE: ClassVar[str] = "genesis.zone.changed"
    STREAM: ClassVar[str] = "zones"
    SCHEMA: ClassVar[tuple[int, int]] = (1, 2)

    live: ClassVar[bool] = False
    """Minutes may pass between two of them: nothing follows from the capture time of those that wait."""

    kind: Literal["entered", "exited", "loitering", "crossed", "identified"]
    track: Name
    zone: Annotated[str, Meta(max_length=256)] = ""
    session: str = ""
    number: int | None = None
    box: Box | None = None
    dwell: Seconds = 0.0
    occupancy: Annotated[int, Meta(ge=0)] = 0
    direction: Literal["in", "out"] | None = None
    identity: str | None = None
    identity_id: str | None = None
    known: bool = False
    face: str = ""
    frame_key: str = ""
    persons: tuple[Person, ...] | None = None


class AlertEvent(Event, frozen=True, kw_only=True, omit_defaults=True):
    """Something that a person should look at. `cause` is the id of the event that it is about.

    `kind` is `raised`, or `updated` when the name of the person became known later: `alert` is then the id of the alert that was
    raised (of a raised one, its own id). `snapshot` names the stored picture by its SHA-256, `notify` those who are to be told (nobody
    named: all). `dwell` is seconds, `persons` how many were there.
    """

    TYPE: ClassVar[str] = "genesis.alert.raised"
    STREAM: ClassVar[str] = "alerts"
    SCHEMA: ClassVar[tuple[int, int]] = (1, 1)

    rule: Name
    severity: Literal["low", "medium", "high", "critical"] = "medium"
    message: str = ""
    cause: str = ""
    kind: Literal["raised", "updated"] = "raised"
    alert: str = ""
    zone: str = ""
    track: str = ""
    box: Box | None = None
    dwell: Seconds = 0.0
    persons: Annotated[int, Meta(ge=0)] = 0
    direction: Literal["in", "out"] | None = None
    identity: str | None = None
    identity_id: str | None = None
    known: bool = False
    snapshot: str = ""
    notify: tuple[str, ...] = ()

    @classmethod
    def about(
        cls,
        event: Event,
        *,
        rule: str,
        severity: Literal["low", "medium", "high", "critical"] = "medium",
        message: str = "",
    ) -> AlertEvent:
        """Make an alert with the camera and time of the event that caused it."""
        return cls(camera=event.camera, time=event.time, rule=rule, severity=severity, message=message, cause=event.id)


class MetricsEvent(Event, frozen=True, kw_only=True, omit_defaults=True):
    """One camera in one window of capture time: `time` is the window's start, `window` its length in seconds.

    `seconds` is how much of the window the camera was there. `frames_captured` were published, `frames_processed` of them reached the
    tracker, `dropped` counts by reason those that were not even published, `late` those that came after their window was told.
    `persons` is the sum over all processed frames, `most_persons` the most in one frame, `tracks` how many different persons.
    By zone: `occupancy` is the most persons at once, `visits` those that ended in the window, `dwell` their mean length in
    seconds. `latency_p50` and `latency_p95` are seconds from capture to tracker; None for recordings.
    """

    TYPE: ClassVar[str] = "genesis.metrics.measured"
    STREAM: ClassVar[str] = "metrics"
    SCHEMA: ClassVar[tuple[int, int]] = (1, 1)

    window: Annotated[float, Meta(gt=0.0)]
    frames_captured: Annotated[int, Meta(ge=0)] = 0
    frames_processed: Annotated[int, Meta(ge=0)] = 0
    persons: Annotated[int, Meta(ge=0)] = 0
    dropped: dict[str, int] = msgspec.field(default_factory=dict)
    session: str = ""
    seconds: Seconds = 0.0
    late: Annotated[int, Meta(ge=0)] = 0
    most_persons: Annotated[int, Meta(ge=0)] = 0
    tracks: Annotated[int, Meta(ge=0)] = 0
    occupancy: dict[str, int] = {}
    visits: dict[str, int] = {}
    dwell: dict[str, float] = {}
    latency_p50: Seconds | None = None
    latency_p95: Seconds | None = None

    @property
    def fps_captured(self) -> float:
        """Frames published per second of the time that the camera was there."""
        return self.frames_captured / self.seconds if self.seconds > 0 else 0.0

    @property
    def fps_processed(self) -> float:
        """Frames per second that reached the tracker."""
        return self.frames_processed / self.seconds if self.seconds > 0 else 0.0


class SessionEvent(Event, frozen=True, kw_only=True, omit_defaults=True):
    """A camera's capture session, or one person's presence, changed its state.

    `scope` says whose: a camera is started, lost, recovered and ended; a person's presence is started,
    updated and ended. `session` names it (a presence is named by its track). `reason` says in words why, `duration` is seconds.

    Of a camera: `frames` is how many frames its session has published, `dropped` how many it has not, by reason, `next_number` the
    number that its next frame would have.

    Of a person: `time` is when it happened (first and last seen), `frames` in how many frames they were seen, `zones` how many
    seconds they were in each zone, `box` where they were best seen. As far as it is known by then: `identity` is the name, or
    `unknown-N`, `score` (0 to 1) how sure that is, `face` names the stored picture of the best face by its SHA-256. `known` tells
    an enrolled person from a stranger.
    """

    TYPE: ClassVar[str] = "genesis.session.changed"
    STREAM: ClassVar[str] = "sessions"
    SCHEMA: ClassVar[tuple[int, int]] = (1, 1)

    scope: Literal["camera", "person"]
    kind: Literal["started", "updated", "lost", "recovered", "ended"]
    session: Name
    reason: str = ""
    frames: Annotated[int, Meta(ge=0)] = 0
    dropped: dict[str, int] = msgspec.field(default_factory=dict)
    track: str | None = None
    duration: Seconds = 0.0
    next_number: Annotated[int, Meta(ge=0)] = 0
    live: bool = False
    zones: dict[str, float] = {}
    box: Box | None = None
    identity: str | None = None
    identity_id: str | None = None
    known: bool = False
    score: Share | None = None
    face: str = ""


EVENT_TYPES: tuple[type[Event], ...] = (
    FrameCaptured,
    PersonDetected,
    FaceRecognized,
    ZoneEvent,
    AlertEvent,
    MetricsEvent,
    SessionEvent,
)
"""Every event type, in the order in which a frame's way passes them."""


def replaced(event: Event, **changes: Any) -> Event:
    """Return a copy of an event with some fields changed."""
    return msgspec.structs.replace(event, **changes)
