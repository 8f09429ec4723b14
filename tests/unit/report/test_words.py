"""Lengths of time in words."""

from __future__ import annotations

import pytest

from genesis.report.words import duration, edge


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (None, "-"),
        (0.0, "0.0 s"),
        (4.25, "4.2 s"),
        (59.4, "59 s"),
        (59.6, "1 min"),
        (75.0, "1 min 15 s"),
        (3600.0, "1 h"),
        (7325.0, "2 h 2 min"),
        (90_000.0, "1 d 1 h"),
    ],
)
def test_a_length_has_its_two_largest_units(seconds, said):
    assert duration(seconds) == said


@pytest.mark.parametrize(("seconds", "said"), [(0.0, "0 s"), (30.0, "30 s"), (120.0, "2 min"), (3600.0, "1 h")])
def test_the_begin_of_a_bar_is_short(seconds, said):
    assert edge(seconds) == said
