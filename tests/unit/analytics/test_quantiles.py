"""Quantiles from a histogram are those of the values, nearly."""

from __future__ import annotations

from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genesis.analytics.quantiles import ERROR, LEAST_SECONDS, MOST_SECONDS, Histogram, added, quantile


def histogram(values: list[float]) -> Histogram:
    made: Histogram = ()
    for value in values:
        made = added(made, value)
    return made


@given(values=st.lists(st.floats(0.01, 100.0), min_size=1, max_size=100), share=st.sampled_from([0.05, 0.5, 0.95, 1.0]))
def test_a_quantile_is_that_of_the_values_within_the_error(values: list[float], share: float) -> None:
    exact = sorted(values)[ceil(share * len(values)) - 1]

    told = quantile(histogram(values), share)

    assert told == pytest.approx(exact, rel=ERROR + 0.001, abs=0.0001)


@given(values=st.lists(st.floats(-1.0, 1e6), max_size=30), order=st.randoms(use_true_random=False))
def test_the_order_of_the_values_makes_no_difference(values: list[float], order) -> None:
    other = list(values)
    order.shuffle(other)

    assert histogram(other) == histogram(values)


def test_no_values_have_no_quantile() -> None:
    assert quantile((), 0.5) is None


@pytest.mark.parametrize(("value", "told"), [(-3.0, LEAST_SECONDS), (0.0, LEAST_SECONDS), (1e9, MOST_SECONDS)])
def test_what_is_out_of_all_bounds_is_taken_for_the_nearest_bound(value: float, told: float) -> None:
    assert quantile(histogram([value]), 0.5) == pytest.approx(told, rel=ERROR + 0.001)


def test_a_histogram_stays_small_whatever_comes() -> None:
    made = histogram([10 ** (power / 100) for power in range(-400, 600)])

    assert len(made) <= 500
