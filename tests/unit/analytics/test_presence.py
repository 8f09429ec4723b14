"""What is told of a person's presence is what was seen of it."""

from __future__ import annotations

from datetime import datetime, timezone
from types import SimpleNamespace

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from genesis.analytics.presence import Present, ended, moment, seen, started, visited
from genesis.analytics.view import milliseconds
from genesis.context import Naming
from genesis.events import Box

NOON_MS = 1_767_355_200_000
ADA = Naming("Ada", "7b0d8f1e-0000-4000-8000-000000000001", known=True, score=0.9, face="f" * 64)


def walk(*boxes: tuple[int, Box, float]) -> Present:
    person = Present("s1-4", NOON_MS, NOON_MS)
    for at_ms, box, confidence in boxes:
        person = seen(person, NOON_MS + at_ms, box, confidence)
    return person


def stay(zone: str, dwell_ms: int, track: str = "s1-4", kind: str = "exited") -> SimpleNamespace:
    return SimpleNamespace(kind=kind, zone=zone, track=track, dwell_ms=dwell_ms)


@given(st.integers(0, 4_000_000_000_000))
def test_milliseconds_become_a_time_and_the_same_milliseconds_again(at_ms: int) -> None:
    assert milliseconds(moment(at_ms)) == at_ms


def test_a_presence_lasts_from_the_first_look_to_the_last() -> None:
    person = walk((0, Box(0, 0, 10, 20), 0.9), (1500, Box(2, 0, 12, 20), 0.9))

    event = ended(person, "door", None)

    assert started(person, "door").time == datetime(2026, 1, 2, 12, 0, tzinfo=timezone.utc)
    assert (event.scope, event.kind, event.session, event.track) == ("person", "ended", "s1-4", "s1-4")
    assert (event.duration, event.frames, event.identity) == (1.5, 2, None)
    assert milliseconds(event.time) == NOON_MS + 1500


def test_the_best_look_is_the_largest_of_which_the_detector_is_sure() -> None:
    large, sure, doubtful = Box(0, 0, 20, 40), Box(0, 0, 18, 40), Box(0, 0, 21, 40)

    person = walk((0, large, 0.5), (100, sure, 0.9), (200, doubtful, 0.4))

    assert ended(person, "door", None).box == sure
    assert person.last_box == doubtful


def test_the_time_in_each_zone_is_the_sum_of_the_stays_there() -> None:
    others = walk((0, Box(0, 0, 1, 1), 0.5))
    changes = [stay("hall", 1200), stay("yard", 500), stay("hall", 300), stay("hall", 99, track="s1-5"), stay("hall", 7, kind="loitering")]

    (person,) = visited([others], changes)  # type: ignore[arg-type]

    assert ended(person, "door", None).zones == {"hall": 1.5, "yard": 0.5}


def test_the_end_tells_who_it_was_if_that_is_known_by_then() -> None:
    event = ended(walk((0, Box(0, 0, 1, 1), 0.5)), "door", ADA, "the clock jumped back")

    assert (event.identity, event.identity_id, event.known, event.score, event.face) == ("Ada", ADA.identity_id, True, 0.9, "f" * 64)
    assert event.reason == "the clock jumped back"


def test_somebody_of_whom_nothing_was_seen_yet_has_no_boxes() -> None:
    person = Present("s1-4", NOON_MS, NOON_MS)

    assert started(person, "door").box is None
    assert person.last_box is None


def test_a_presence_survives_json() -> None:
    person = walk((0, Box(0.1, 0.2, 10.3, 20.4), 0.912), (1500, Box(2, 0, 12, 20), 0.9))

    assert msgspec.json.decode(msgspec.json.encode(person), type=Present) == person
