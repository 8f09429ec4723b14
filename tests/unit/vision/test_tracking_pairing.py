"""Which detection is which track."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from genesis.vision.tracking.pairing import best_pairs, likeness

BOX = np.array([[100.0, 100.0, 140.0, 200.0]])


@pytest.mark.parametrize(
    ("other", "margin", "expected"),
    [
        ([100, 100, 140, 200], 0.0, 1.0),
        ([120, 100, 160, 200], 0.0, 1 / 3),
        ([140, 100, 180, 200], 0.0, 0.0),  # side by side
        ([140, 100, 180, 200], 20.0, 1 / 3),  # the same, grown by 20 pixels: 40 of 120 are shared
        ([100, 150, 140, 200], 0.0, 0.5 * 0.25),  # half as tall
        ([400, 400, 440, 500], 20.0, 0.0),
    ],
)
def test_likeness_is_the_overlap_of_grown_boxes_of_the_same_height(other: list[float], margin: float, expected: float) -> None:
    fits = likeness(BOX, np.array([other], float), np.array([margin]))

    assert fits == pytest.approx(np.array([[expected]]), abs=1e-6)


def test_likeness_has_a_row_for_each_track_and_a_column_for_each_detection() -> None:
    assert likeness(np.repeat(BOX, 3, axis=0), np.zeros((0, 4)), np.zeros(3)).shape == (3, 0)
    assert likeness(np.zeros((0, 4)), BOX, np.zeros(0)).shape == (0, 1)


@pytest.mark.parametrize(
    ("gain", "pairs"),
    [
        (np.zeros((0, 3)), []),
        (np.zeros((3, 0)), []),
        (np.zeros((2, 2)), []),
        ([[0.9, 0.8], [0.8, 0.0]], [(0, 1), (1, 0)]),  # greedy would take 0.9 alone
        ([[0.5, 0.0, 0.9], [0.0, 0.0, 0.8]], [(0, 0), (1, 2)]),
        ([[0.5], [0.6], [0.4]], [(1, 0)]),
    ],
)
def test_the_gains_add_up_to_the_most(gain: list[list[float]], pairs: list[tuple[int, int]]) -> None:
    found = best_pairs(np.array(gain, float))

    assert found == pairs


@hypothesis_settings(max_examples=100)
@given(st.integers(1, 5), st.integers(1, 5), st.integers(0, 2**32 - 1), st.floats(0, 1))
def test_no_other_pairs_are_worth_more(rows: int, columns: int, seed: int, share: float) -> None:
    random = np.random.default_rng(seed)
    gain = random.integers(1, 9, (rows, columns)) / 8.0 * (random.random((rows, columns)) < share)
    wide = gain if rows <= columns else gain.T

    pairs = best_pairs(gain)

    most = max(sum(wide[row, column] for row, column in enumerate(order)) for order in permutations(range(wide.shape[1]), wide.shape[0]))
    assert sum(gain[pair] for pair in pairs) == pytest.approx(most)
    assert all(gain[pair] > 0 for pair in pairs)
    assert len({row for row, _ in pairs}) == len({column for _, column in pairs}) == len(pairs)


def test_it_agrees_with_scipy_on_a_crowd() -> None:
    optimize = pytest.importorskip("scipy.optimize")
    gain = np.random.default_rng(2).random((60, 80))

    pairs = best_pairs(gain)

    rows, columns = optimize.linear_sum_assignment(gain, maximize=True)
    assert pairs == list(zip(rows.tolist(), columns.tolist(), strict=True))
