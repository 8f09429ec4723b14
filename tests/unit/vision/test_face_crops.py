"""Persons and faces are cut out of frames without ever leaving them."""

from __future__ import annotations

import cv2
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from genesis.events import Box
from genesis.vision.faces.crops import cut, face_jpeg

FRAME = np.random.default_rng(1).integers(0, 255, (90, 160, 3), dtype=np.uint8)
NUMBERS = st.floats(-500, 500)


def test_a_crop_is_what_lies_in_the_box() -> None:
    crop, corner = cut(FRAME, Box(10.2, 20, 30, 45.5))

    assert corner == (10, 20)
    assert np.array_equal(crop, FRAME[20:46, 10:30])


def test_a_border_is_a_share_of_the_box_and_ends_at_the_frame() -> None:
    crop, corner = cut(FRAME, Box(140, 10, 160, 50), 0.5)

    assert corner == (130, 0)
    assert crop.shape == (70, 30, 3)


@given(NUMBERS, NUMBERS, NUMBERS, NUMBERS, st.floats(0, 2))
def test_any_box_gives_a_crop_that_lies_in_the_frame(x1: float, y1: float, x2: float, y2: float, share: float) -> None:
    crop, (x, y) = cut(FRAME, Box(min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2)), share)

    assert crop.size > 0
    assert np.array_equal(crop, FRAME[y : y + crop.shape[0], x : x + crop.shape[1]])


def test_the_picture_of_a_face_has_what_is_around_it() -> None:
    picture = cv2.imdecode(np.frombuffer(face_jpeg(FRAME, Box(60, 30, 80, 60)), np.uint8), cv2.IMREAD_COLOR)

    assert picture.shape == (60, 40, 3)
