"""Fitting a frame into a network's input, and boxes back out of it."""

from __future__ import annotations

import numpy as np
import pytest

from genesis.vision.detectors.letterbox import Letterbox


@pytest.mark.parametrize(
    ("frame", "stride", "size", "scaled", "corner"),
    [
        ((480, 640), 0, (640, 640), (640, 480), (0, 80)),
        ((576, 768), 0, (640, 640), (640, 480), (0, 80)),
        ((1080, 1920), 0, (640, 640), (640, 360), (0, 140)),
        ((640, 640), 0, (640, 640), (640, 640), (0, 0)),
        ((333, 501), 0, (640, 640), (640, 425), (0, 107)),
        ((100, 31), 0, (640, 640), (198, 640), (221, 0)),
        ((1, 3000), 0, (640, 640), (640, 1), (0, 319)),
        ((480, 640), 32, (640, 480), (640, 480), (0, 0)),
        ((1080, 1920), 32, (640, 384), (640, 360), (0, 12)),
        ((333, 501), 32, (640, 448), (640, 425), (0, 11)),
    ],
)
def test_a_frame_lies_in_the_middle_as_large_as_it_can(
    frame: tuple[int, int], stride: int, size: tuple[int, int], scaled: tuple[int, int], corner: tuple[int, int]
) -> None:
    picture = np.full((*frame, 3), 7, np.uint8)

    place = Letterbox.of(picture, (640, 640), stride)
    fitted = place.apply(picture)

    assert (place.size, place.scaled, (place.left, place.top)) == (size, scaled, corner)
    assert fitted.shape == (size[1], size[0], 3)
    inside = np.zeros(fitted.shape[:2], bool)
    inside[corner[1] : corner[1] + scaled[1], corner[0] : corner[0] + scaled[0]] = True
    assert (fitted[inside] == 7).all()
    assert (fitted[~inside] == 114).all()


@pytest.mark.parametrize("frame", [(480, 640), (333, 501), (2160, 3840)])
def test_the_corners_of_the_frame_come_back(frame: tuple[int, int]) -> None:
    place = Letterbox.of(np.zeros((*frame, 3), np.uint8), (640, 640))
    left, top, (width, height) = place.left, place.top, place.scaled

    back = place.undo(np.array([[left, top, left + width, top + height]], np.float32))

    np.testing.assert_allclose(back, [[0, 0, frame[1], frame[0]]], atol=1e-3)
