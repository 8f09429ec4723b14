"""The event types and the catalogue of streams."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genesis.events import EVENT_TYPES, STREAMS, AlertEvent, Box, FrameCaptured, Keys, ZoneEvent

WHEN = datetime(2026, 2, 3, tzinfo=timezone.utc)


def test_there_are_seven_streams_with_one_type_each() -> None:
    assert STREAMS == ("frames", "persons", "faces", "zones", "alerts", "metrics", "sessions")
    assert len({kind.TYPE for kind in EVENT_TYPES}) == 7


@pytest.mark.parametrize("kind", EVENT_TYPES, ids=lambda kind: kind.__name__)
def test_every_type_says_what_it_means(kind: type[FrameCaptured]) -> None:
    assert kind.__doc__
    assert kind.__doc__ != kind.__base__.__doc__


@pytest.mark.parametrize("prefix", ["genesis", "{genesis}"])
def test_keys_begin_with_the_prefix(prefix: str) -> None:
    keys = Keys(prefix)

    assert keys.stream("frames") == keys.stream_of(FrameCaptured) == f"{prefix}:frames"
    assert keys.dead_letters(keys.stream("frames")) == f"{prefix}:frames:dlq"


def test_no_two_keys_are_the_same() -> None:
    keys = Keys()
    streams = [keys.stream(short) for short in STREAMS]

    all_keys = [
        *streams,
        *map(keys.dead_letters, streams),
        *map(keys.attempts, streams),
        keys.references,
        keys.counts,
        keys.cameras,
        keys.camera("door"),
    ]

    assert len(set(all_keys)) == len(all_keys)


@pytest.mark.parametrize(
    ("one", "other", "overlap"),
    [
        (Box(0, 0, 2, 2), Box(0, 0, 2, 2), 1.0),
        (Box(0, 0, 2, 2), Box(1, 0, 3, 2), 1 / 3),
        (Box(0, 0, 2, 2), Box(2, 0, 4, 2), 0.0),
        (Box(0, 0, 2, 2), Box(5, 5, 6, 6), 0.0),
        (Box(0, 0, 0, 0), Box(0, 0, 0, 0), 0.0),
        (Box(0, 0, 4, 4), Box(1, 1, 3, 3), 0.25),
    ],
)
def test_overlap_is_intersection_over_union(one: Box, other: Box, overlap: float) -> None:
    found = one.iou(other)

    assert found == pytest.approx(overlap)


corners = st.floats(-1e4, 1e4)
boxes = st.tuples(corners, corners, corners, corners).map(lambda c: Box(min(c[0], c[2]), min(c[1], c[3]), max(c[0], c[2]), max(c[1], c[3])))


@given(boxes, boxes)
def test_overlap_is_symmetric_and_a_share(one: Box, other: Box) -> None:
    found = one.iou(other)

    assert found == other.iou(one)
    assert 0 <= found <= 1 + 1e-9


def test_an_alert_is_about_the_event_that_caused_it() -> None:
    cause = ZoneEvent(camera="door", time=WHEN, id="z1", kind="entered", zone="hall", track="7")

    alert = AlertEvent.about(cause, rule="night", severity="high", message="somebody in the hall")

    assert (alert.camera, alert.time, alert.cause) == ("door", WHEN, "z1")
    assert (alert.rule, alert.severity, alert.message, alert.id) == ("night", "high", "somebody in the hall", "")


def test_an_event_cannot_be_changed() -> None:
    event = ZoneEvent(camera="door", time=WHEN, kind="entered", zone="hall", track="7")

    with pytest.raises(AttributeError):
        event.zone = "yard"  # type: ignore[misc]
