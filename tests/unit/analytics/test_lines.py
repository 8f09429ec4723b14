"""Who crosses a line, and which way."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genesis.analytics.geometry import Point, placed
from genesis.analytics.lines import Gate, Side, walked
from genesis.settings import Line

ACROSS = Gate.of(Line(name="doorstep", start=(0.2, 0.5), end=(0.8, 0.5), hysteresis=0.02))  # its left is the upper side
UPRIGHT = Gate.of(Line(name="gate", start=(0.5, 0.2), end=(0.5, 0.8), hysteresis=0.02))  # its left is the right side
BARE = Gate.of(Line(name="bare", start=(0.2, 0.5), end=(0.8, 0.5), hysteresis=0))


def crossings(gate: Gate, *way: Point, aspect: float = 1.0) -> list[tuple[int, str]]:
    """Return at which steps of a way the line was crossed, and which way."""
    side, before, found = Side(), None, []
    for step, (x, y) in enumerate(way):
        now = placed(x, y)
        side, direction = walked(gate, side, before, now, aspect)
        before = now
        if direction is not None:
            found.append((step, direction))
    return found


def down(*ys: float) -> list[Point]:
    return [(0.5, y) for y in ys]


@pytest.mark.parametrize(
    ("gate", "way", "expected"),
    [
        pytest.param(ACROSS, down(0.3, 0.4, 0.6, 0.7), [(2, "in")], id="left to right"),
        pytest.param(ACROSS, down(0.7, 0.6, 0.4, 0.3), [(2, "out")], id="right to left"),
        pytest.param(ACROSS, down(0.3, 0.6, 0.3, 0.6), [(1, "in"), (2, "out"), (3, "in")], id="to and fro"),
        pytest.param(ACROSS, down(0.1, 0.9), [(1, "in")], id="a jump"),
        pytest.param(ACROSS, down(0.4, 0.49, 0.495, 0.505, 0.51, 0.53), [(5, "in")], id="slowly"),
        pytest.param(ACROSS, down(0.4, 0.49, 0.51, 0.49, 0.51, 0.49, 0.4), [], id="trembling on the line, and back"),
        pytest.param(ACROSS, down(0.4, 0.49, 0.51, 0.49, 0.51, 0.49, 0.6), [(6, "in")], id="trembling on the line, and across"),
        pytest.param(ACROSS, down(0.4, 0.515, 0.4, 0.515, 0.4), [], id="never clearly beyond it"),
        pytest.param(ACROSS, down(0.4, 0.519, 0.53), [(2, "in")], id="not yet as far as the hysteresis"),
        pytest.param(ACROSS, down(0.49, 0.51, 0.6), [], id="came into view on the line"),
        pytest.param(ACROSS, down(0.49, 0.51, 0.6, 0.4), [(3, "out")], id="came into view on the line, and crossed it later"),
        pytest.param(ACROSS, [(0.1, 0.4), (0.1, 0.6)], [], id="beyond its end"),
        pytest.param(ACROSS, [(0.5, 0.4), (0.9, 0.45), (0.9, 0.6), (0.5, 0.6)], [], id="around its end"),
        pytest.param(ACROSS, [(0.5, 0.4), (0.9, 0.4), (0.9, 0.6), (0.5, 0.6), (0.5, 0.4)], [(4, "out")], id="around it, and back through"),
        pytest.param(ACROSS, [(0.1, 0.4), (0.5, 0.6)], [(1, "in")], id="a jump aslant"),
        pytest.param(ACROSS, [(0.1, 0.45), (0.3, 0.9)], [], id="a jump aslant, past its end"),
        pytest.param(ACROSS, [(0.7, 0.4), (0.75, 0.51), (0.9, 0.51), (0.9, 0.6)], [(3, "in")], id="through it, then along it"),
        pytest.param(ACROSS, [(0.7, 0.4), (0.7, 0.51), (0.9, 0.51), (0.9, 0.4)], [], id="a little through it, and around its end"),
        pytest.param(UPRIGHT, [(0.6, 0.5), (0.4, 0.5)], [(1, "in")], id="an upright line"),
        pytest.param(UPRIGHT, [(0.4, 0.5), (0.6, 0.5)], [(1, "out")], id="an upright line, the other way"),
        pytest.param(BARE, down(0.4, 0.5, 0.4, 0.5, 0.6), [(4, "in")], id="without hysteresis, by way of the line itself"),
        pytest.param(BARE, down(0.49, 0.51, 0.49), [(1, "in"), (2, "out")], id="without hysteresis"),
        pytest.param(ACROSS, down(0.4), [], id="one look"),
        pytest.param(ACROSS, down(0.4, 0.4, 0.4), [], id="standing"),
    ],
)
def test_a_line_is_crossed_by_who_gets_through_it_to_the_other_side(gate: Gate, way: list[Point], expected: list[tuple[int, str]]) -> None:
    assert crossings(gate, *way) == expected


@pytest.mark.parametrize(("aspect", "expected"), [(1.0, []), (2.0, [(1, "in")])])
def test_hysteresis_is_measured_in_the_height_of_the_frame(aspect: float, expected: list[tuple[int, str]]) -> None:
    way = [(0.515, 0.5), (0.485, 0.5)]  # 1.5 % of the width on either side

    assert crossings(UPRIGHT, *way, aspect=aspect) == expected


POINTS = st.tuples(st.integers(0, 50), st.integers(40, 60)).map(lambda point: (point[0] / 50, point[1] / 100))


@given(st.lists(POINTS, max_size=30), st.sampled_from([ACROSS, BARE]), st.booleans())
@settings(max_examples=100)
def test_ins_and_outs_alternate_unless_somebody_goes_around_the_line(way: list[Point], gate: Gate, wide: bool) -> None:
    if wide:
        gate = Gate(gate.name, type(gate.segment)((0.0, 0.5), (1.0, 0.5)), gate.hysteresis)

    found = [direction for _, direction in crossings(gate, *way)]

    around = any(x <= 0.2 or x >= 0.8 for x, _ in way)
    if wide or not around:
        assert all(one != other for one, other in pairwise(found))


@given(st.lists(POINTS, max_size=30))
@settings(max_examples=100)
def test_the_other_way_round_in_is_out(way: list[Point]) -> None:
    segment = ACROSS.segment
    turned = Gate("turned", type(segment)(segment.end, segment.start), ACROSS.hysteresis)
    way = [(x, y) for x, y in way if y != 0.5]  # what lies on the line itself is on its right

    found = crossings(turned, *way)

    assert [(step, "in" if direction == "out" else "out") for step, direction in found] == crossings(ACROSS, *way)
