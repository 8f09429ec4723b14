"""Who is in view, and at whom to look."""

from __future__ import annotations

import json
from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genesis.analytics.decision import Decision, Look
from genesis.analytics.view import MOST_LOOKS, Pace, Scene, Seen, View, entered, looked, looked_in_vain
from genesis.events import Box, Person, PersonDetected
from genesis.settings import Recognition
from tests.events_of_tests import NOON, persons

PACE = Pace(interval_ms=200, again_ms=30_000, most_looks=10, least_side=40)
EXCELLENT, GOOD = Look(1.0, "ada", 0.03, 0.2), Look(0.6, "ada", 0.03, 0.2)
HERE, BESIDE, FAR = Box(100, 100, 200, 400), Box(120, 110, 220, 410), Box(600, 100, 700, 400)


def frame(seconds: float, *found: Box | Person, session: str = "s1") -> PersonDetected:
    people = tuple(box if isinstance(box, Person) else Person(box=box, confidence=0.9) for box in found)
    return persons(0, persons=people, time=NOON + timedelta(seconds=seconds), session=session)


def tracked(box: Box, track: str) -> Person:
    return Person(box=box, confidence=0.9, track=track)


def after(*looks: tuple[float, Look]) -> tuple[Scene, Decision | None, int]:
    """Look at one person at these times."""
    view, answer, count = View(), None, 0
    for seconds, look in looks:
        scene = entered(view, frame(seconds, HERE), PACE)
        assert scene.due == (0,)
        scene, answer, count = looked(scene, 0, look, 0.07, 0.1, PACE)
        view = scene.view
    return scene, answer, count


def due(view: View, seconds: float, *found: Box | Person) -> tuple[int, ...]:
    return entered(view, frame(seconds, *found), PACE).due


def test_who_is_new_is_looked_at_and_then_again_after_the_interval() -> None:
    scene, answer, count = after((0, GOOD))

    assert (answer, count) == (None, 1)
    assert due(scene.view, 0.1, HERE) == ()
    assert due(scene.view, 0.2, BESIDE) == (0,)
    assert due(scene.view, 0.1, HERE, FAR) == (1,)
    assert due(scene.view, 0.1) == ()


def test_a_decision_ends_the_round_and_who_stays_is_seen_again_later() -> None:
    scene, answer, count = after((0, GOOD), (0.2, GOOD))
    view = scene.view

    assert answer == Decision("ada", 0.923)
    assert count == 2
    assert view.people[0].votes == {}
    for second in range(1, 30):
        scene = entered(view, frame(second, HERE), PACE)
        assert scene.due == ()
        view = scene.view
    assert due(view, 30.2, HERE) == (0,)


def test_looks_are_bounded_and_the_last_one_decides() -> None:
    unsure = Look(0.05, "ada", 0.03)

    scene, answer, count = after(*[(number / 5, unsure) for number in range(10)])

    assert (answer, count) == (Decision(None, 0.0), 10)
    assert due(scene.view, 2.0, HERE) == ()


def test_a_person_whose_face_does_not_show_is_looked_at_ever_less_often() -> None:
    view, times = View(), []

    for tick in range(80):
        scene = entered(view, frame(tick / 10, HERE), PACE)
        if scene.due:
            times.append(tick)
            scene = looked_in_vain(scene, 0, PACE)
        view = scene.view

    assert [later - earlier for earlier, later in pairwise(times)] == [2, 4, 8, 10, 10, 10, 10, 10, 10]
    scene, _, count = looked(scene, 0, GOOD, 0.07, 0.1, PACE)
    assert (scene.view.people[0].blind, count) == (0, 1)


@pytest.mark.parametrize(
    ("seconds", "found", "same"),
    [
        (1.0, BESIDE, True),
        (1.5, HERE, True),
        (1.6, HERE, False),
        (0.2, FAR, False),
        (0.2, Box(160, 100, 260, 400), False),
        (-1.0, HERE, True),
        (-9.0, HERE, False),
    ],
    ids=["a step aside", "just in time", "gone", "elsewhere", "hardly overlapping", "a clock that goes back", "far back"],
)
def test_a_person_is_known_again_by_the_box_while_it_overlaps(seconds: float, found: Box, *, same: bool) -> None:
    scene, _, _ = after((0, GOOD))

    scene = entered(scene.view, frame(seconds, found), PACE)

    assert bool(scene.view.people[0].looks) is same


def test_the_best_overlap_goes_first_and_each_person_is_taken_once() -> None:
    scene, _, _ = after((0, GOOD))

    scene = entered(scene.view, frame(0.1, BESIDE, HERE), PACE)

    assert [seen.looks for seen in scene.view.people] == [0, 1]
    assert scene.due == (0,)


def test_a_tracker_knows_better_than_the_boxes() -> None:
    scene = entered(View(), frame(0, tracked(HERE, "7"), tracked(FAR, "8")), PACE)
    scene, _, _ = looked(scene, 0, GOOD, 0.07, 0.1, PACE)

    swapped = entered(scene.view, frame(0.1, tracked(HERE, "8"), tracked(FAR, "7")), PACE)
    other = entered(scene.view, frame(0.1, tracked(HERE, "9")), PACE)
    untracked = entered(scene.view, frame(0.1, BESIDE), PACE)

    assert [(seen.track, seen.looks) for seen in swapped.view.people] == [("8", 0), ("7", 1)]
    assert [(seen.track, seen.looks) for seen in other.view.people] == [("9", 0), ("7", 1), ("8", 0)]
    assert [(seen.track, seen.looks) for seen in untracked.view.people] == [("7", 1), ("8", 0)]


def test_a_new_session_is_a_new_view() -> None:
    scene, _, _ = after((0, GOOD))

    scene = entered(scene.view, frame(0.1, HERE, session="s2"), PACE)

    assert scene.due == (0,)
    assert scene.view.session == "s2"
    assert scene.view.people[0].looks == 0


def test_who_is_too_small_for_a_face_is_not_looked_at() -> None:
    assert due(View(), 0, Box(0, 0, 39, 100), Box(0, 200, 100, 239), Box(200, 0, 240, 100)) == (2,)


def test_of_a_crowd_some_are_looked_at_in_each_frame_and_all_in_turn() -> None:
    crowd = [Box(50 * number, 0, 50 * number + 45, 90) for number in range(40)]
    view, seen = View(), set()

    for number in range(3):
        scene = entered(view, frame(number / 10, *crowd), PACE)
        assert len(scene.due) <= MOST_LOOKS
        seen |= set(scene.due)
        for index in scene.due:
            scene, _, _ = looked(scene, index, GOOD, 0.07, 0.1, PACE)
        view = scene.view

    assert seen == set(range(40))


def test_the_state_is_small_plain_data_without_names() -> None:
    scene, _, _ = after((0, GOOD))

    text = json.dumps(scene.view.plain)

    assert View.parse(json.loads(text)) == scene.view
    assert len(text) < 150
    assert View.parse({}) == View()


@pytest.mark.parametrize("state", [{"session": 3}, {"people": [[1, 2]]}, {"people": "x"}, {"session": "s", "people": [[[1, 2], 3, 4]]}])
def test_a_state_that_can_not_be_read_is_begun_anew(state: dict[str, object]) -> None:
    assert View.parse(state) == View()


def test_the_pace_is_that_of_the_settings() -> None:
    assert Pace.of(Recognition()) == Pace(200, 30_000, 10, 40)


BOXES = st.builds(lambda x, y, w, h: Box(x, y, x + w, y + h), *[st.integers(0, 300)] * 2, *[st.integers(0, 200)] * 2)
FRAMES = st.lists(st.tuples(st.floats(0, 2), st.lists(BOXES, max_size=5)), max_size=8)


@given(FRAMES)
def test_every_person_of_a_frame_is_in_view_once_and_nobody_who_has_gone(frames: list[tuple[float, list[Box]]]) -> None:
    view, now = View(), 0.0

    for wait, found in frames:
        now += wait
        scene = entered(view, frame(now, *found), PACE)
        view = scene.view
        here = view.people[: len(found)]
        assert [Box(*seen.box) for seen in here] == found
        assert all(seen.at_ms == scene.at_ms for seen in here)
        assert all(isinstance(seen, Seen) and scene.at_ms - 1500 <= seen.at_ms <= scene.at_ms for seen in view.people)
        assert view == View.parse(json.loads(json.dumps(view.plain)))
