"""Where a point lies."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genesis.analytics.geometry import Area, Point, Segment, placed

SQUARE = ((0.2, 0.2), (0.6, 0.2), (0.6, 0.6), (0.2, 0.6))
HOOK = ((0.1, 0.1), (0.9, 0.1), (0.9, 0.9), (0.7, 0.9), (0.7, 0.3), (0.1, 0.3))  # concave: an L upside down
STAR = ((0.5, 0.1), (0.6, 0.4), (0.9, 0.5), (0.6, 0.6), (0.5, 0.9), (0.4, 0.6), (0.1, 0.5), (0.4, 0.4))
SHARES = st.integers(0, 1000).map(lambda thousandths: thousandths / 1000)
POINTS = st.tuples(SHARES, SHARES).map(lambda point: placed(*point))


@pytest.mark.parametrize("turned", [False, True], ids=["clockwise", "the other way round"])
@pytest.mark.parametrize(
    ("corners", "point", "inside"),
    [
        (SQUARE, (0.4, 0.4), True),
        (SQUARE, (0.1, 0.4), False),
        (SQUARE, (0.7, 0.4), False),
        (SQUARE, (0.4, 0.1), False),
        (SQUARE, (0.4, 0.7), False),
        (SQUARE, (0.2, 0.2), True),
        (SQUARE, (0.2, 0.4), True),
        (SQUARE, (0.4, 0.2), True),
        (SQUARE, (0.6, 0.4), False),
        (SQUARE, (0.4, 0.6), False),
        (SQUARE, (0.6, 0.6), False),
        (HOOK, (0.2, 0.2), True),
        (HOOK, (0.8, 0.8), True),
        (HOOK, (0.4, 0.6), False),
        (HOOK, (0.4, 0.3), False),
        (STAR, (0.5, 0.5), True),
        (STAR, (0.5, 0.15), True),
        (STAR, (0.4, 0.15), False),
        (STAR, (0.05, 0.5), False),
        (STAR, (0.05, 0.4), False),
    ],
)
def test_a_point_is_in_an_area_or_not(corners: tuple[Point, ...], point: Point, inside: bool, turned: bool) -> None:
    area = Area.of(corners[::-1] if turned else corners)

    assert area.contains(point) is inside


@pytest.mark.parametrize(("x", "y"), [(0.5, 1.0), (1.0, 1.0), (0.5, 1.3), (1.0, 0.2), (0.0, 0.0), (-0.1, 0.5), (0.5, 0.999999)])
def test_feet_at_the_edge_of_the_frame_are_in_the_area_that_ends_there(x: float, y: float) -> None:
    whole = Area.of(((0, 0), (1, 0), (1, 1), (0, 1)))

    assert whole.contains(placed(x, y))


@given(st.lists(st.tuples(SHARES, SHARES), min_size=2, max_size=5, unique_by=lambda point: point[1]), POINTS)
@settings(max_examples=100)
def test_every_point_is_in_exactly_one_of_two_areas_that_share_a_border(border: list[Point], point: Point) -> None:
    border = [(0.5, 0.0), *sorted((p for p in border if 0 < p[1] < 1), key=lambda p: p[1]), (0.5, 1.0)]
    left = Area.of(((0.0, 0.0), *border, (0.0, 1.0)))
    right = Area.of(((1.0, 1.0), *border[::-1], (1.0, 0.0)))

    on_corner = {placed(*corner) for corner in border}

    for place in (point, *on_corner):
        assert left.contains(place) + right.contains(place) == 1


@pytest.mark.parametrize(
    ("segment", "point", "aspect", "expected"),
    [
        (Segment((0.2, 0.5), (0.8, 0.5)), (0.5, 0.6), 2.0, 0.1),
        (Segment((0.2, 0.5), (0.8, 0.5)), (0.5, 0.4), 2.0, -0.1),
        (Segment((0.8, 0.5), (0.2, 0.5)), (0.5, 0.6), 2.0, -0.1),
        (Segment((0.2, 0.5), (0.8, 0.5)), (0.99, 0.6), 2.0, 0.1),
        (Segment((0.5, 0.2), (0.5, 0.8)), (0.6, 0.5), 2.0, -0.2),
        (Segment((0.5, 0.2), (0.5, 0.8)), (0.6, 0.5), 1.0, -0.1),
        (Segment((0.0, 0.0), (0.5, 1.0)), (0.5, 0.0), 2.0, -(0.5**0.5)),
    ],
)
def test_distance_is_in_shares_of_the_height_and_positive_on_the_right(
    segment: Segment, point: Point, aspect: float, expected: float
) -> None:
    assert segment.distance(point, aspect) == pytest.approx(expected)


ACROSS = Segment((0.2, 0.5), (0.8, 0.5))


@pytest.mark.parametrize(
    ("before", "now", "passed"),
    [
        ((0.5, 0.4), (0.5, 0.6), 1),
        ((0.5, 0.6), (0.5, 0.4), -1),
        ((0.5, 0.1), (0.5, 0.3), 0),
        ((0.1, 0.4), (0.1, 0.6), 0),
        ((0.9, 0.4), (0.9, 0.6), 0),
        ((0.1, 0.4), (0.4, 0.6), 1),
        ((0.1, 0.2), (0.25, 0.8), 0),
        ((0.5, 0.4), (0.5, 0.5), 1),
        ((0.5, 0.5), (0.5, 0.6), 0),
        ((0.5, 0.5), (0.5, 0.4), -1),
        ((0.3, 0.5), (0.7, 0.5), 0),
        ((0.5, 0.4), (0.5, 0.4), 0),
    ],
    ids=[
        "down", "up", "not so far", "left of it", "right of it", "aslant", "aslant, beyond its end", "onto it", "on from it",
        "back from it", "along it", "nowhere",
    ],
)  # fmt: skip
def test_a_way_passes_through_the_segment_itself_or_not(before: Point, now: Point, passed: int) -> None:
    assert ACROSS.passed(before, now) == passed


@given(st.lists(POINTS, min_size=2, max_size=12))
@settings(max_examples=100)
def test_steps_pass_an_endless_line_as_often_as_the_whole_way_does(way: list[Point]) -> None:
    endless = Segment((0.0, 0.5), (1.0, 0.5))

    assert sum(endless.passed(*step) for step in pairwise(way)) == endless.passed(way[0], way[-1])
