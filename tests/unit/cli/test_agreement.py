"""Two runs are compared person by person."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genesis.cli.agreement import agreement, by_frame, match
from genesis.events import Box, Person
from tests.events_of_tests import persons


def person(x: float, width: float = 10) -> Person:
    return Person(box=Box(x, 0, x + width, 20), confidence=0.5)


@pytest.mark.parametrize(
    ("first", "second", "matched"),
    [
        ([], [], 0),
        ([person(0)], [], 0),
        ([person(0)], [person(0)], 1),
        ([person(0)], [person(0), person(0)], 1),
        ([person(0)], [person(0.4)], 1),
        ([person(0)], [person(1)], 0),
        ([person(0), person(100)], [person(100), person(0)], 2),
    ],
)
def test_each_person_is_matched_at_most_once(first: list[Person], second: list[Person], matched: int) -> None:
    assert len(match(first, second, 0.9)) == matched


def test_the_best_overlap_is_taken_first() -> None:
    (overlap,) = match([person(0)], [person(0.5), person(0.1)], 0.9)

    assert overlap == pytest.approx(9.9 / 10.1)


def test_frames_that_only_one_run_saw_are_counted_and_not_compared() -> None:
    first = by_frame([persons(0, 2), persons(1, 1)])
    second = by_frame([persons(1, 1), persons(2, 3)])

    result = agreement(first, second)

    assert (result.frames, result.only_first, result.only_second) == (1, 1, 1)
    assert (result.identical, result.same_count, result.share) == (1, 1, 1.0)


def test_the_frames_that_disagree_most_come_first() -> None:
    first = by_frame([persons(0, 1), persons(1, 5)])
    second = by_frame([persons(0, 2), persons(1, 1)])

    result = agreement(first, second)

    assert result.worst == (("door", 1, 4), ("door", 0, 1))
    assert result.share == pytest.approx(2 * 2 / 9)


def test_sessions_are_told_apart_only_when_asked() -> None:
    here, there = persons(0, session="a"), persons(0, session="b")

    assert agreement(by_frame([here]), by_frame([there])).frames == 0
    assert agreement(by_frame([here], sessions=False), by_frame([there], sessions=False)).frames == 1


boxes = st.lists(st.floats(0, 500).map(person), max_size=8)


@given(boxes, boxes)
def test_the_comparison_is_symmetric(first: list[Person], second: list[Person]) -> None:
    assert len(match(first, second, 0.5)) == len(match(second, first, 0.5))
    assert len(match(first, first, 0.999)) == len(first)
