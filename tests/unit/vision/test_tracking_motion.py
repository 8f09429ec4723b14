"""Where a person should be by now."""

from __future__ import annotations

import numpy as np
import pytest

from genesis.vision.tracking import motion

BOX = np.array([[90.0, 100.0, 110.0, 200.0]])


def seconds(value: float) -> np.ndarray:
    return np.array([value])


def walking(speed: float, frames: int = 40, every: float = 0.1) -> motion.Rows:
    """Follow somebody who walks to the right at so many pixels a second."""
    rows = motion.begun(BOX)
    for index in range(1, frames):
        rows = motion.corrected(motion.expected(rows, seconds(every)), BOX + np.array([1, 0, 1, 0]) * speed * every * index)
    return rows


def test_who_was_seen_once_is_expected_there_and_anywhere_near_after_a_while() -> None:
    rows = motion.begun(BOX)

    later = motion.expected(rows, seconds(1.0))

    assert np.allclose(motion.boxes_of(later), BOX)
    assert motion.deviation(later) > 5 * motion.deviation(rows)


@pytest.mark.parametrize("every", [0.1, 0.2, 0.5])
def test_the_velocity_is_learnt_at_any_frame_rate(every: float) -> None:
    rows = walking(60.0, every=every)

    assert rows[0, 4] == pytest.approx(60, rel=0.1)
    assert abs(rows[0, 5]) < 1


def test_one_step_is_the_same_as_many() -> None:
    rows = walking(60.0)

    one, many = motion.expected(rows, seconds(1.0)), rows
    for _ in range(10):
        many = motion.expected(many, seconds(0.1))

    assert np.allclose(one, many, rtol=1e-9)


def test_no_time_changes_nothing() -> None:
    rows = walking(60.0)

    assert np.allclose(motion.expected(rows, seconds(0.0)), rows, atol=1e-9)


def test_one_who_is_hidden_goes_on_and_slows_down() -> None:
    rows = walking(60.0)

    soon, late = (motion.expected(rows, seconds(value))[0, 0] - rows[0, 0] for value in (0.5, 60.0))

    assert soon == pytest.approx(0.5 * 60, rel=0.15)
    assert late == pytest.approx(60 * motion.KEEPS_GOING, rel=0.1)


def test_a_person_who_is_seen_as_twice_as_large_moves_as_if_twice_as_near() -> None:
    def moved(scale: float) -> motion.Rows:
        later = motion.expected(motion.begun(BOX * scale), seconds(0.5))
        return motion.corrected(later, (BOX + np.array([6, 0, 8, 4])) * scale)

    small, large = moved(1), moved(2)

    assert np.allclose(2 * small[:, :6], large[:, :6])
    assert np.allclose(4 * small[:, 6:], large[:, 6:])


def test_rounded_rows_of_tiny_boxes_stay_sound() -> None:
    random = np.random.default_rng(1)
    rows = motion.begun(motion.solid(np.zeros((50, 4))))
    for _ in range(300):
        rows = motion.expected(rows, random.choice([0.0, 0.001, 0.04, 0.2, 2.0], 50))
        rows = np.round(motion.corrected(rows, motion.solid(random.normal(0, 5, (50, 4)))), 3)

        assert np.isfinite(rows).all()
        assert (rows[:, [6, 8, 9]] >= 0).all()
        assert (rows[:, 2:4] > 0).all()
