"""What a face is worth."""

from __future__ import annotations

from math import inf, nan

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from genesis.analytics.quality import Rules, refusal, weight
from genesis.settings import Recognition

RULES = Rules(min_face=40, min_sharpness=20, min_frontal=0.3)
ANY = st.floats(allow_nan=True, allow_infinity=True)


@pytest.mark.parametrize(
    ("size", "sharpness", "frontal", "why"),
    [
        (40, 20, 0.3, None),
        (300, 900, 1.0, None),
        (39.9, 900, 1.0, "too small: 40 pixels, 40 are needed"),
        (12, 900, 1.0, "too small: 12 pixels, 40 are needed"),
        (300, 19, 1.0, "too blurred: sharpness 19, 20 is needed"),
        (300, 900, 0.12, "turned away: 0.12 frontal, 0.3 is needed"),
        (12, 3, 0.0, "too small: 12 pixels, 40 are needed"),
        (nan, 900, 1.0, "too small: nan pixels, 40 are needed"),
        (300, nan, 1.0, "too blurred: sharpness nan, 20 is needed"),
        (300, 900, nan, "turned away: nan frontal, 0.3 is needed"),
    ],
)
def test_a_face_that_can_not_be_used_is_refused_in_words(size: float, sharpness: float, frontal: float, why: str | None) -> None:
    assert refusal(size, sharpness, frontal, RULES) == why
    assert (weight(size, sharpness, frontal, 1.0, RULES) == 0) == (why is not None)


@pytest.mark.parametrize(
    ("size", "sharpness", "frontal", "score", "least", "most"),
    [
        (300, 900, 1.0, 0.95, 1.0, 1.0),
        (100, 100, 0.7, 0.85, 1.0, 1.0),
        (40, 900, 1.0, 0.95, 0.4, 0.4),
        (70, 60, 0.8, 0.9, 0.4, 0.6),
        (40, 20, 0.3, 0.5, 0.02, 0.03),
    ],
    ids=["excellent", "just excellent", "small", "middling", "only just usable"],
)
def test_the_better_a_face_the_more_it_counts(
    size: float, sharpness: float, frontal: float, score: float, least: float, most: float
) -> None:
    assert least <= weight(size, sharpness, frontal, score, RULES) <= most


@given(ANY, ANY, ANY, ANY)
@example(40.0, 20.0, 1.0, nan)
def test_every_face_has_a_weight_and_only_refused_ones_have_none(size: float, sharpness: float, frontal: float, score: float) -> None:
    found = weight(size, sharpness, frontal, score, RULES)

    assert 0 <= found <= 1
    assert (found == 0) == (refusal(size, sharpness, frontal, RULES) is not None)


@given(st.floats(40, 1000), st.floats(20, 5000), st.floats(0.3, 1), st.floats(0, 1), st.integers(0, 3), st.floats(0, 100))
def test_a_face_that_is_better_in_one_thing_never_counts_less(
    size: float, sharpness: float, frontal: float, score: float, which: int, more: float
) -> None:
    face = [size, sharpness, frontal, score]
    better = [value + more * (index == which) for index, value in enumerate(face)]

    assert weight(*better, RULES) >= weight(*face, RULES)


def test_the_rules_are_those_of_the_settings_even_the_laxest() -> None:
    assert Rules.of(Recognition(min_sharpness=RULES.min_sharpness)) == RULES
    assert weight(10, 0, 0, 0, Rules.of(Recognition(min_face=10, min_sharpness=0, min_frontal=0))) > 0
    assert weight(inf, inf, inf, inf, RULES) == 1
