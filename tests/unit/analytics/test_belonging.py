"""Whose face it is that was found in a person's crop."""

from __future__ import annotations

import pytest

from genesis.analytics.belonging import Found, belonging
from genesis.events import Box

FRONT, BEHIND, ALONE = Box(100, 100, 200, 400), Box(150, 60, 260, 380), Box(500, 100, 600, 400)
FACE_OF_FRONT, FACE_OF_BEHIND = Box(130, 130, 170, 180), Box(190, 90, 225, 140)


@pytest.mark.parametrize(
    ("found", "whose"),
    [
        ([Found(0, 0, FACE_OF_FRONT)], {0: 0}),
        ([Found(0, 0, FACE_OF_FRONT), Found(1, 0, FACE_OF_FRONT)], {0: 0}),
        ([Found(0, 0, FACE_OF_FRONT), Found(0, 1, FACE_OF_BEHIND), Found(1, 0, FACE_OF_BEHIND), Found(1, 1, FACE_OF_FRONT)], {0: 0, 1: 0}),
        ([Found(1, 0, FACE_OF_FRONT)], {}),
        ([Found(0, 0, Box(700, 0, 740, 50))], {}),
        ([Found(2, 0, Box(530, 130, 540, 140)), Found(2, 1, Box(530, 150, 570, 190))], {2: 1}),
        ([Found(2, 0, Box(530, 130, 560, 160)), Found(2, 1, Box(520, 300, 560, 340))], {2: 0}),
        ([Found(2, 0, Box(520, 300, 560, 340))], {2: 0}),
        ([], {}),
    ],
    ids=[
        "its own", "found in both crops", "both in both crops", "only the other's shows", "outside of everybody", "the larger one",
        "a picture held below the face", "only a low one", "none",
    ],
)  # fmt: skip
def test_a_face_belongs_to_one_person(found: list[Found], whose: dict[int, int]) -> None:
    given = belonging([FRONT, BEHIND, ALONE], found)

    assert {person: one.face for person, one in given.items()} == whose
    assert all(one.person == person for person, one in given.items())


def test_the_face_of_somebody_who_was_not_looked_at_is_not_given_to_the_one_behind() -> None:
    in_the_crop_of_the_one_behind = [Found(1, 0, FACE_OF_FRONT)]

    assert belonging([FRONT, BEHIND], in_the_crop_of_the_one_behind) == {}


def test_boxes_without_a_size_are_no_error() -> None:
    assert belonging([Box(5, 5, 5, 5)], [Found(0, 0, Box(5, 5, 5, 5))]) == {0: Found(0, 0, Box(5, 5, 5, 5))}
