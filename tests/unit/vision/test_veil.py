"""What is under a veil can't be recognised, and nothing else is changed."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from genesis.events import Box
from genesis.vision.veil import TILES, head, veiled
from tests.people import faces_in
from tests.pictures import noise

SMALL, WIDE = noise(3, 60, 40), noise(4, 640, 480)


def test_a_head_becomes_a_handful_of_flat_tiles_and_the_rest_stays() -> None:
    left, top, right, bottom = head(Box(200, 100, 320, 400), 640, 480)

    hidden = veiled(WIDE, [Box(200, 100, 320, 400)])

    assert (left, top, right, bottom) == (188, 90, 332, 206)
    assert len(np.unique(hidden[top:bottom, left:right].reshape(-1, 3), axis=0)) <= TILES * TILES
    hidden[top:bottom, left:right] = WIDE[top:bottom, left:right]
    assert (hidden == WIDE).all()


def test_the_frame_itself_is_not_changed() -> None:
    before = WIDE.copy()

    assert (veiled(WIDE, [Box(0, 0, 640, 480)]) != WIDE).any()
    assert (before == WIDE).all()


@pytest.mark.parametrize(
    ("person", "share"),
    [
        (Box(100, 0, 200, 300), 0.3),  # stands
        (Box(100, 0, 300, 200), 0.8),  # lies, or is seen from the chest up
        (Box(100, 0, 300, 120), 1.0),
    ],
)
def test_the_less_is_seen_of_somebody_the_more_of_that_is_veiled(person: Box, share: float) -> None:
    _, _, _, bottom = head(person, 640, 480)

    assert bottom >= person.y1 + share * person.height


@pytest.mark.parametrize(
    "person",
    [
        Box(-50, -50, 20, 20), Box(30, 20, 500, 500), Box(-9, -9, 99, 99), Box(70, 50, 90, 90), Box(-90, -90, -10, -10),
        Box(10, 10, 10, 10),
        Box(30, 30, 10, 10), Box(59.5, 39.5, 60, 40), Box(-1e300, -1e300, 1e300, 1e300), Box(1, 1, 3, 3),
    ],
)  # fmt: skip
def test_a_box_may_lie_anywhere(person: Box) -> None:
    hidden = veiled(SMALL, [person])

    assert hidden.shape == SMALL.shape


def test_who_stands_at_the_edge_is_veiled_as_far_as_they_are_seen() -> None:
    hidden = veiled(SMALL, [Box(-20, -20, 20, 20)])

    assert (hidden[:10, :15] != SMALL[:10, :15]).any(axis=2).mean() > 0.9


@pytest.mark.parametrize("photo", ["person-a/img20", "person-b/img17", "person-c/img12", "person-d/img22", "person-e/img15"])
def test_no_face_is_found_under_a_veil_and_sharpening_brings_none_back(shared: Path, photo: str) -> None:
    picture = np.asarray(cv2.imread(str(shared / "data/faces" / f"{photo}.jpg")), np.uint8)
    (x1, y1, x2, y2), *_ = faces_in(shared, picture)
    across, down = x2 - x1, y2 - y1
    person = Box(x1 - across, y1 - 0.3 * down, x2 + across, y2 + 6 * down)

    hidden = veiled(picture, [person])

    softened = cv2.GaussianBlur(hidden, (0, 0), across / 8)  # what makes faces out of tiles for us makes none for a detector
    sharpened = cv2.addWeighted(hidden, 2, cv2.GaussianBlur(hidden, (0, 0), 5), -1, 0)
    assert [faces_in(shared, one) for one in (hidden, softened, sharpened)] == [[], [], []]
