"""Which photos a person can be enrolled with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pytest

from genesis.analytics.quality import Rules
from genesis.cli.enrolment import Refused, face_of, resembling, unlike
from genesis.vision.types import Face

RULES = Rules(min_face=40, min_sharpness=20, min_frontal=0.3)
THRESHOLD = 0.07


@dataclass(frozen=True)
class Match:
    identity_id: str
    distance: float


def face(size: float = 120, sharpness: float = 100, frontal: float = 0.9) -> Face:
    return Face((0, 0, size, size), 0.9, np.zeros((5, 2), np.float32), size, sharpness, frontal, np.zeros(4, np.float32))


def at(*degrees: float) -> list[np.ndarray]:
    """Return embeddings of unit length; two that are 21 degrees apart are just within the threshold, 22 are not."""
    return [np.array([np.cos(np.radians(one)), np.sin(np.radians(one))], np.float32) for one in degrees]


def distance(one: float, other: float) -> float:
    return 1 - float(np.cos(np.radians(one - other)))


@pytest.mark.parametrize(
    ("faces", "reason", "says"),
    [
        ([], "no face", "no face found"),
        ([face(), face(100)], "several faces", "2 faces: cut out the right one, or --allow-several takes the largest"),
        ([face(39)], "too small", "too small: 39 pixels, 40 are needed"),
        ([face(sharpness=3)], "too blurred", "too blurred: sharpness 3, 20 is needed"),
        ([face(frontal=0.1)], "turned away", "turned away: 0.10 frontal, 0.3 is needed"),
        ([face(sharpness=float("nan"))], "too blurred", "too blurred: sharpness nan, 20 is needed"),
    ],
)
def test_a_photo_is_refused_with_its_reason(faces: list[Face], reason: str, says: str) -> None:
    assert face_of(faces, RULES) == Refused(reason, says)  # type: ignore[arg-type]


def test_the_one_face_of_a_photo_is_taken_whoever_passes_in_the_background() -> None:
    faces = [face(200), face(49), face(20)]

    assert face_of(faces, RULES) is faces[0]


def test_the_largest_of_several_faces_is_taken_if_that_is_wanted() -> None:
    faces = [face(200), face(190)]

    assert face_of(faces, RULES, allow_several=True) is faces[0]


@pytest.mark.parametrize(
    ("new", "before", "refused"),
    [
        ([], [], []),
        ([0], [], []),
        ([0, 90], [], []),  # nobody knows which is the wrong one
        ([0, 5, 90], [], [2]),
        ([90, 0, 5, 100, 7], [], [0, 3]),
        ([0, 20, 40], [], []),  # the first and the last are unlike, the one between them is like both
        ([0, 1, 90, 91], [], [0, 1, 2, 3]),  # as many of one as of the other
        ([0, 45, 90], [], [0, 1, 2]),
        ([5], [0], []),
        ([90], [0], [0]),
        ([90, 91, 92], [0], [0, 1, 2]),  # more of them, but who was enrolled before is the person
        ([15, 30, 90], [0], [2]),
        ([30], [0, 48], []),  # like one of two that are unlike each other
    ],
)
def test_a_face_that_is_unlike_the_others_of_the_person_is_found(new: list[float], before: list[float], refused: list[int]) -> None:
    apart = [min(distance(one, other) for other in before) for one in new] if before else None

    assert sorted(unlike(at(*new), apart, THRESHOLD)) == refused


def test_how_far_an_unlike_face_is_from_the_others_is_told() -> None:
    assert unlike(at(0, 1, 90), None, THRESHOLD) == {2: pytest.approx(1 - np.sin(np.radians(1)), abs=1e-6)}


@pytest.mark.parametrize(
    ("matches", "own", "whose"),
    [
        ([], None, None),
        ([Match("grace", 0.05)], None, "grace"),
        ([Match("grace", 0.05)], 0.06, "grace"),
        ([Match("grace", 0.05)], 0.04, None),  # nearer to the person's own faces
        ([Match("grace", 0.08)], None, None),
        ([Match("ada", 0.01), Match("grace", 0.05)], None, "grace"),
        ([Match("ada", 0.01), Match("grace", 0.05)], 0.01, None),
        ([Match("ada", 0.01)], None, None),
    ],
)
def test_a_face_of_somebody_else_is_found(matches: Sequence[Match], own: float | None, whose: str | None) -> None:
    found = resembling(matches, "ada", own, THRESHOLD)  # type: ignore[arg-type]

    assert (found.identity_id if found else None) == whose
