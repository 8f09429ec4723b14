"""Who was recognised is named in what sync mode shows."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from genesis.capture.results import Names, described
from genesis.events import Box, FaceRecognized, Person, PersonDetected
from tests.events_of_tests import NOON, persons

HERE, BESIDE, FAR = Box(100, 100, 200, 400), Box(120, 110, 220, 410), Box(600, 100, 700, 400)


def recognised(box: Box = HERE, name: str | None = "Ada", **changes: Any) -> FaceRecognized:
    values: dict[str, Any] = {"camera": "door", "time": NOON, "session": "s1", "number": 3, "person": box, "box": box, "model": "Dlib"}
    return FaceRecognized(**{**values, "identity": name, **changes})


def seen(seconds: float, *boxes: Box, **changes: Any) -> PersonDetected:
    found = tuple(Person(box=box, confidence=0.9) for box in boxes)
    return persons(4, persons=found, time=NOON + timedelta(seconds=seconds), **changes)


def names(event: PersonDetected, known: Names) -> list[str | None]:
    return [person.track for person in known.given(event)]


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (recognised(), "12:00:00.0 door frame 3: Ada"),
        (recognised(score=0.91, attempts=1), "12:00:00.0 door frame 3: Ada (91% sure, 1 look)"),
        (recognised(name=None, score=0.5, attempts=3), "12:00:00.0 door frame 3: an unknown person (50% sure, 3 looks)"),
    ],
)
def test_a_decision_is_a_line_for_a_person(event: FaceRecognized, line: str) -> None:
    assert described(event) == line


def test_a_name_follows_its_person_from_frame_to_frame() -> None:
    known = Names()
    known.learn(recognised())
    known.learn(recognised(FAR, None))

    assert names(seen(0.2, BESIDE, FAR), known) == ["Ada", "unknown"]
    assert names(seen(0.4, FAR, Box(140, 120, 240, 420)), known) == ["unknown", "Ada"]
    assert names(seen(0.6, HERE, camera="yard"), known) == [None]
    assert names(seen(9.0, HERE), known) == [None]


def test_who_is_recognised_anew_has_the_new_name_alone() -> None:
    known = Names()
    known.learn(recognised(name=None))
    known.given(seen(0, HERE))
    known.learn(recognised())

    assert names(seen(0.2, HERE, BESIDE), known) == ["Ada", None]
