"""What is said of the newest events."""

from __future__ import annotations

from typing import Any

import pytest

from genesis.events import AlertEvent, Box, Event, FaceRecognized, FrameCaptured, SessionEvent, ZoneEvent
from genesis.monitoring.latest import happening, sentence
from tests.events_of_tests import NOON, frame

BOX = Box(0, 0, 10, 20)


def zone(kind: Any, **changes: Any) -> ZoneEvent:
    return ZoneEvent(camera="door", time=NOON, kind=kind, **{"track": "s1-3", "zone": "hall", **changes})


def alert(**changes: Any) -> AlertEvent:
    return AlertEvent(camera="door", time=NOON, rule="night", severity="high", **changes)


def face(**changes: Any) -> FaceRecognized:
    return FaceRecognized(camera="door", time=NOON, session="s1", number=1, person=BOX, box=BOX, model="Dlib", **changes)


def session(scope: Any, kind: Any, **changes: Any) -> SessionEvent:
    return SessionEvent(camera="door", time=NOON, scope=scope, kind=kind, session="s1-3", **changes)


@pytest.mark.parametrize(
    ("event", "said", "weight"),
    [
        (zone("entered"), "somebody (track 3) entered hall", "plain"),
        (zone("entered", identity="Ada", occupancy=3), "Ada entered hall (3 there)", "plain"),
        (zone("exited", dwell=12.4), "somebody (track 3) left hall after 12 s", "plain"),
        (zone("loitering", dwell=125.0), "somebody (track 3) stays in hall, for 2 min so far", "plain"),
        (zone("crossed", direction="in"), "somebody (track 3) crossed hall (in)", "plain"),
        (zone("identified", zone="", identity="Ada"), "somebody (track 3) is Ada", "plain"),
        (alert(message="somebody entered hall"), "night (high): somebody entered hall", "alarm"),
        (alert(kind="updated"), "night (high, updated)", "alarm"),
        (face(), "a face that nobody knows", "plain"),
        (face(identity="Ada", score=0.97), "Ada recognised, 97% sure", "plain"),
        (session("person", "started"), "somebody (track 3) came into view", "faint"),
        (session("person", "updated", identity="Ada"), "Ada is in view", "plain"),
        (session("person", "ended", duration=5.25), "somebody (track 3) is gone, seen for 5.2 s", "faint"),
        (session("camera", "started"), "capture started", "notice"),
        (session("camera", "lost", reason="no frame for 10 s"), "camera lost: no frame for 10 s", "alarm"),
        (session("camera", "recovered"), "camera is back", "notice"),
        (session("camera", "ended", frames=1, reason="end of file"), "capture ended after 1 frame: end of file", "notice"),
        (frame(), FrameCaptured.TYPE, "plain"),
    ],
)  # fmt: skip
def test_each_event_is_one_sentence(event: Event, said: str, weight: str) -> None:
    assert sentence(event) == said
    assert happening("5-0", event).weight == weight
