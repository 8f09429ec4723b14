"""Following persons from frame to frame."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from genesis.settings import Tracking
from genesis.vision.tracking import Followed, Rules, Track, Tracks, finish, follow

RULES = Rules()
NOON_MS = 1_700_000_000_000
Box = tuple[float, float, float, float]
Look = tuple[int, Sequence[Box], Sequence[float]]


def person(x: float, y: float = 200.0, height: float = 100.0) -> Box:
    return (x - height / 5, y - height / 2, x + height / 5, y + height / 2)


def looked(
    state: Tracks, ms: int, boxes: Sequence[Box], scores: Sequence[float] | float = 0.8, rules: Rules = RULES, frame=None
) -> Followed:
    scores = [scores] * len(boxes) if isinstance(scores, float) else scores
    return follow(state, NOON_MS + ms, np.array(boxes).reshape(-1, 4), np.array(scores), rules, frame)


def walked(*looks: tuple[int, Sequence[Box]], state: Tracks | None = None, **options) -> list[Followed]:
    """Follow through some frames."""
    done, state = [], state or Tracks()
    for ms, boxes in looks:
        done.append(looked(state, ms, boxes, **options))
        state = done[-1].state
    return done


def standing(frames: int, *boxes: Box, every_ms: int = 100) -> list[tuple[int, Sequence[Box]]]:
    return [(index * every_ms, boxes) for index in range(frames)]


def test_a_person_is_confirmed_in_the_third_frame_and_keeps_the_number() -> None:
    done = walked(*standing(5, person(100)))

    assert [each.numbers for each in done] == [(1,)] * 5
    assert [each.confirmed for each in done] == [(False,), (False,), (True,), (True,), (True,)]
    assert [each.started for each in done] == [(), (), (Track(1, NOON_MS, NOON_MS + 200, 3),), (), ()]


def test_rules_come_from_the_settings() -> None:
    rules = Rules.of(Tracking(confirm_hits=5, confirm_score=0.7, lost_seconds=1.25))

    assert (rules.confirm_hits, rules.confirm_score, rules.lost_ms) == (5, 0.7, 1250)


def test_a_rule_of_one_frame_confirms_at_once() -> None:
    done = looked(Tracks(), 0, [person(100), person(300)], [0.9, 0.55], Rules(confirm_hits=1))

    assert done.confirmed == (True, False)
    assert done.started == (Track(1, NOON_MS, NOON_MS, 1),)


@pytest.mark.parametrize(
    ("scores", "at"),
    [
        ([0.8, 0.8, 0.8, 0.8, 0.8, 0.8], 2),
        ([0.5, 0.5, 0.5, 0.8, 0.8, 0.8], 5),  # the last five are 0.5 0.5 0.8 0.8 0.8
        ([0.8, 0.4, 0.8, 0.4, 0.4, 0.4], 2),
        ([0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.8, 0.8, 0.8, 0.8], 8),  # what was longer ago counts no more
        ([0.55, 0.55, 0.55, 0.55, 0.55, 0.55], None),
    ],
)
def test_the_median_of_the_last_confidences_confirms(scores: list[float], at: int | None) -> None:
    state, confirmed = Tracks(), []
    for index, score in enumerate(scores):
        done = looked(state, index * 100, [person(100)], [score])
        state = done.state
        confirmed.append(bool(done.started))

    assert confirmed == [index == at for index in range(len(scores))]


def test_clutter_of_one_or_two_frames_is_never_confirmed_and_leaves_nothing() -> None:
    done = walked((0, [person(100)]), (100, []), (200, [person(100), person(400)]), (300, [person(100)]), (400, []), (500, []))

    assert not any(any(each.confirmed) or each.started or each.ended for each in done)
    assert done[-1].state.live == ()


def test_a_detection_that_is_not_sure_begins_no_track_but_goes_on_with_one() -> None:
    before = walked(*standing(4, person(100)))[-1].state

    done = looked(before, 400, [person(101), person(500)], [0.4, 0.4])

    assert done.numbers == (1, 0)
    assert done.confirmed == (True, False)


def test_what_is_sure_follows_a_low_confidence_that_confirms() -> None:
    done = walked(*standing(3, person(100)), scores=0.42, rules=Rules(confirm_score=0.4))

    assert done[-1].confirmed == (True,)


def test_a_sure_detection_is_preferred_to_one_that_fits_better() -> None:
    before = walked(*standing(4, person(100)))[-1].state

    done = looked(before, 400, [person(100), person(106)], [0.45, 0.9])

    assert done.numbers == (0, 1)


def test_a_supposition_beside_a_confirmed_person_takes_nothing_from_them() -> None:
    before = walked(*standing(4, person(100)), (400, [person(100), person(108)]))[-1].state

    done = looked(before, 500, [person(106)])

    assert done.numbers == (1,)
    assert [track.number for track in done.state.live] == [1]


def test_persons_who_pass_each_other_keep_their_numbers() -> None:
    looks = [(index * 100, [person(100 + 12 * index, 200), person(580 - 12 * index, 215)]) for index in range(40)]

    done = walked(*looks)

    assert {each.numbers for each in done} == {(1, 2)}


def test_one_who_is_hidden_while_passing_comes_out_on_the_other_side() -> None:
    hidden = range(17, 25)
    looks = [
        (index * 100, [person(100 + 12 * index, 200), *([person(580 - 12 * index, 215)] if index not in hidden else [])])
        for index in range(40)
    ]

    done = walked(*looks)

    assert [each.numbers for each in done] == [(1, 2) if index not in hidden else (1,) for index in range(40)]


@pytest.mark.parametrize("every_ms", [100, 200])
def test_a_gap_of_a_second_is_coasted_over_at_any_frame_rate(every_ms: int) -> None:
    def at(ms: int) -> tuple[int, Sequence[Box]]:
        return ms, [person(100 + 0.08 * ms), person(100 + 0.08 * ms + 90)]

    before = [at(ms) for ms in range(0, 3000, every_ms)]
    after = [at(ms) for ms in range(4000, 5000, every_ms)]

    done = walked(*before, *after)

    assert {each.numbers for each in done} == {(1, 2)}


def test_a_gap_between_frames_is_the_same_as_frames_in_which_a_person_is_hidden() -> None:
    before = [(ms, [person(100 + 0.08 * ms)]) for ms in range(0, 2000, 100)]
    here = (2900, [person(100 + 0.08 * 2900)])

    gap = walked(*before, here)[-1].state
    hidden = walked(*before, *((ms, []) for ms in range(2000, 2900, 100)), here)[-1].state

    assert gap == hidden


def test_a_track_ends_when_it_was_not_seen_for_longer_than_the_rule_says() -> None:
    start = [(ms, [person(100)]) for ms in (0, 100, 200, 300)]

    kept = walked(*start, (2300, []))[-1]
    ended = walked(*start, (2300, []), (2301, []))[-1]

    assert kept.ended == ()
    assert ended.ended == (Track(1, NOON_MS, NOON_MS + 300, 4),)
    assert ended.state.live == ()


def test_after_a_day_without_frames_all_have_left_and_whoever_is_there_is_new() -> None:
    before = walked(*standing(4, person(100), person(300)))[-1].state

    done = looked(before, 86_400_000, [person(100)])

    assert [track.number for track in done.ended] == [1, 2]
    assert done.numbers == (3,)


@pytest.mark.parametrize(("frame", "number"), [((640, 480), 2), (None, 1)])
def test_who_walks_out_of_the_picture_is_not_the_one_who_comes_in_there(frame: tuple[int, int] | None, number: int) -> None:
    def clipped(x: float) -> Box:
        x1, y1, x2, y2 = person(x)
        return x1, y1, min(x2, 640), y2

    out = [(ms, [clipped(540 + 0.05 * ms)]) for ms in range(0, 2100, 100)]

    done = walked(*out, *((ms, []) for ms in range(2100, 2900, 100)), (2900, [clipped(622)]), frame=frame)

    assert done[-1].numbers == (number,)
    assert [track.number for each in done for track in each.ended] == ([1] if frame else [])


def test_nobody_has_left_the_picture_while_there_were_no_frames() -> None:
    out = [(ms, [person(520 + 0.05 * ms)]) for ms in range(0, 2100, 100)]

    done = walked(*out, (2900, [person(622)]), frame=(640, 480))

    assert done[-1].numbers == (1,)


def test_a_clock_that_jumps_back_a_little_is_taken_as_standing_still() -> None:
    before = walked(*standing(4, person(100)))[-1].state

    done = looked(before, 100, [person(101)])

    assert done.numbers == (1,)
    assert done.state.at_ms == before.at_ms


def test_frames_without_anybody_change_nothing() -> None:
    done = walked(*standing(3))

    assert {(each.numbers, each.confirmed, each.started, each.ended) for each in done} == {((), (), (), ())}


def test_finishing_ends_confirmed_tracks_when_they_were_last_seen() -> None:
    before = walked(*standing(4, person(100)), (400, [person(100), person(500)]), (500, [person(500)]))[-1].state

    done = finish(before)

    assert done.ended == (Track(1, NOON_MS, NOON_MS + 400, 5),)
    assert done.state.live == ()
    assert finish(done.state).ended == ()


def test_after_finishing_an_earlier_time_is_as_good_as_any() -> None:
    before = finish(walked(*standing(4, person(100)))[-1].state).state

    done = looked(before, -3_600_000, [person(100)])

    assert done.numbers == (2,)
    assert done.state.at_ms == NOON_MS - 3_600_000


@pytest.mark.parametrize(
    "box", [(5, 5, 5, 5), (10, 10, 10, 90), (10, 10, 90, 10), (50, 50, 10, 10), (0, 0, 0.1, 0.1), (-50, -50, 9e4, 9e4)]
)
def test_boxes_without_area_and_monsters_are_followed_too(box: Box) -> None:
    with np.errstate(all="raise"):
        done = walked(*standing(40, box, person(300)))

    assert {each.numbers for each in done} == {(1, 2)}
    assert done[-1].confirmed == (True, True)


@pytest.mark.parametrize(
    ("boxes", "scores"), [(np.zeros((2, 3)), np.zeros(2)), (np.zeros((2, 4)), np.zeros(3)), (np.zeros(4), np.zeros(1))]
)
def test_wrong_shapes_are_refused(boxes: np.ndarray, scores: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"expected \(n, 4\) and \(n,\)"):
        follow(Tracks(), NOON_MS, boxes, scores, RULES)


def test_a_crowd_of_two_hundred_takes_no_time_worth_the_name() -> None:
    random = np.random.default_rng(3)
    places = random.uniform(0, 1000, (200, 2))  # heaps of them overlap
    state, spent = Tracks(), []
    for index in range(8):
        crowd = [person(x, y) for x, y in places + random.normal(0, 3, places.shape)]
        begun = time.process_time()
        state = looked(state, index * 100, crowd).state
        spent.append(time.process_time() - begun)

    assert min(spent[1:]) < 0.3
    assert sum(track.confirmed for track in state.live) > 190


def test_a_live_track_is_less_than_two_hundred_bytes_of_json() -> None:
    state = walked(*((index * 100, [person(1000.3 + index, 700.7, 433.3)]) for index in range(50)))[-1].state

    assert len(json.dumps(state.plain)) < 200
    assert state.live[0].scores == ()


@pytest.mark.parametrize(
    ("state", "unused"),
    [({}, 1), ({"unused": 7, "live": [[1, 2]]}, 7), ({"unused": "x"}, 1), ({"unused": 9, "at_ms": 5, "live": []}, 9)],
)
def test_a_state_of_another_version_is_forgotten_but_not_which_numbers_were_used(state: dict[str, object], unused: int) -> None:
    parsed = Tracks.parse(state)

    assert (parsed.unused, parsed.live) == (unused, ())


def scenes() -> st.SearchStrategy[list[Look]]:
    """Frames at uneven times with a few persons who jitter, come and go."""
    one = st.tuples(st.integers(0, 3), st.floats(-6, 6), st.sampled_from([0.36, 0.45, 0.55, 0.7, 0.9]))
    look = st.tuples(st.sampled_from([0, 33, 100, 200, 900, 2500]), st.lists(one, max_size=4, unique_by=lambda each: each[0]))

    def played(looks: list) -> list[Look]:
        ms, done = 0, []
        for wait, people in looks:
            ms += wait
            boxes = [tuple(round(side, 1) for side in person(100 + 70 * who + off, 200 + off / 2)) for who, off, _ in people]
            done.append((ms, boxes, [score for *_, score in people]))
        return done

    return st.lists(look, min_size=1, max_size=25).map(played)


@hypothesis_settings(max_examples=60)
@given(scenes())
def test_a_state_that_went_through_json_gives_the_same_to_the_last_bit(scene: list[Look]) -> None:
    kept = read = Tracks()
    for ms, boxes, scores in scene:
        one = looked(kept, ms, boxes, scores, Rules(confirm_hits=2, confirm_score=0.5), (400, 400))
        other = looked(read, ms, boxes, scores, Rules(confirm_hits=2, confirm_score=0.5), (400, 400))
        kept, read = one.state, Tracks.parse(json.loads(json.dumps(other.state.plain)))

        assert one == other
        assert kept == read


@hypothesis_settings(max_examples=60)
@given(scenes(), st.sets(st.integers(0, 24)))
def test_no_number_is_given_twice_and_every_track_that_started_ends_once(scene: list[Look], finishes: set[int]) -> None:
    state, over, started, ended = Tracks(), set(), [], []
    for index, (ms, boxes, scores) in enumerate(scene):
        done = looked(state, ms, boxes, scores, Rules(confirm_hits=2, confirm_score=0.5), (400, 400))
        given = [number for number in done.numbers if number]
        assert len(given) == len(set(given))
        assert not over & set(given)
        over |= {track.number for track in state.live} - {track.number for track in done.state.live}
        started += done.started
        ended += done.ended
        state = done.state
        if index in finishes:
            over |= {track.number for track in state.live}
            ended += (closed := finish(state)).ended
            state = closed.state
    ended += finish(state).ended

    assert sorted(track.number for track in started) == sorted(track.number for track in ended)
    assert len({track.number for track in started}) == len(started)
    assert all(track.first_ms <= track.last_ms and track.hits >= 2 for track in ended)
