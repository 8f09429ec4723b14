"""How good a face is to compare."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from genesis.vision.faces.quality import frontal, sharpness


def pattern(size: int) -> np.ndarray:
    """Return a picture with detail of all sizes, as photographs have."""
    random = np.random.default_rng(3)
    layers = [cv2.resize(random.normal(0, 40, (n, n)), (size, size), interpolation=cv2.INTER_CUBIC) for n in (4, 8, 16, 32, 64)]
    return np.repeat(np.clip(128 + sum(layers), 0, 255).astype(np.uint8)[:, :, None], 3, axis=2)


def test_a_blurred_face_is_less_sharp_the_more_it_is_blurred() -> None:
    face = pattern(224)

    values = [sharpness(face if sigma == 0 else cv2.GaussianBlur(face, (0, 0), sigma)) for sigma in (0, 2, 4, 8, 16)]

    assert values == sorted(values, reverse=True)
    assert values[0] > 100 * values[-1]


def test_sharpness_is_that_of_one_size_whatever_the_size_of_the_face() -> None:
    face = cv2.GaussianBlur(pattern(448), (0, 0), 8)
    smaller = cv2.resize(face, (224, 224), interpolation=cv2.INTER_AREA)

    assert sharpness(smaller) == pytest.approx(sharpness(face), rel=0.3)


@pytest.mark.parametrize(
    ("points", "expected"),
    [
        ([(0, 0), (40, 0), (20, 25)], 1.0),
        ([(0, 0), (40, 0), (10, 25)], 0.5),
        ([(0, 0), (40, 0), (30, 25)], 0.5),
        ([(0, 0), (40, 0), (0, 25)], 0.0),
        ([(0, 0), (40, 0), (-15, 25)], 0.0),
        ([(0, 0), (0, 40), (-25, 20)], 1.0),  # a head on its side
        ([(0, 0), (0, 0), (0, 0)], 0.0),
        ([(0, 0), (42, 0)], 1.0),
        ([(0, 0), (15, 0)], 0.0),
        ([], 0.5),
    ],
)
def test_a_face_looks_into_the_camera_when_its_nose_is_between_its_eyes(points: list[tuple[int, int]], expected: float) -> None:
    landmarks = np.array(points, np.float32).reshape(-1, 2)

    assert frontal(landmarks, 100.0) == pytest.approx(expected, abs=0.01)
