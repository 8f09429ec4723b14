"""The event types, their wire form and the stream catalogue: what is said, and where."""

from genesis.events.catalogue import STREAMS, Keys
from genesis.events.envelope import caused, completed, decode, derived_id, encode, new_id
from genesis.events.types import (
    EVENT_TYPES,
    AlertEvent,
    Box,
    Event,
    FaceRecognized,
    FrameCaptured,
    MetricsEvent,
    Person,
    PersonDetected,
    SessionEvent,
    ZoneEvent,
)

__all__ = [
    "EVENT_TYPES",
    "STREAMS",
    "AlertEvent",
    "Box",
    "Event",
    "FaceRecognized",
    "FrameCaptured",
    "Keys",
    "MetricsEvent",
    "Person",
    "PersonDetected",
    "SessionEvent",
    "ZoneEvent",
    "caused",
    "completed",
    "decode",
    "derived_id",
    "encode",
    "new_id",
]
