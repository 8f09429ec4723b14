"""Who is in which zone, since when, and who crosses a line."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genesis.analytics.zones import Change, Inside, Places, Spot, caught_up, leave, observe, occupancy
from genesis.settings import Line, Zone

SQUARE = [[0.2, 0.2], [0.6, 0.2], [0.6, 0.6], [0.2, 0.6]]
INSIDE, OUTSIDE = (0.4, 0.4), (0.8, 0.8)
GONE = None


def zone(name: str = "hall", polygon: Sequence[Sequence[float]] = SQUARE, **values: object) -> Zone:
    return Zone.model_validate({"name": name, "polygon": polygon, **values})


PROMPT = Places.of([zone(inertia=1, inertia_of=1)], [])
USUAL = Places.of([zone()], [])


def play(
    places: Places, frames: Iterable[tuple[int, dict[str, tuple[float, float] | None]]], state: Inside | None = None
) -> tuple[Inside, list[Change]]:
    """Show frames, each a time and where its persons stand."""
    state, told = state or Inside(), []
    for at_ms, people in frames:
        spots = [Spot(track, *place) for track, place in people.items() if place is not None]
        state, changes = observe(places, state, at_ms, spots, aspect=4 / 3)
        told += changes
    return state, told


def one(pattern: str, step_ms: int = 100) -> list[tuple[int, dict[str, tuple[float, float] | None]]]:
    """Return frames of one person: `i` inside, `o` outside, `-` not seen, a space: no frame at all."""
    places = {"i": INSIDE, "o": OUTSIDE, "-": GONE}
    return [(index * step_ms, {"a": places[look]}) for index, look in enumerate(pattern) if look != " "]


def brief(changes: Iterable[Change]) -> list[tuple[str, int, int]]:
    return [(change.kind, change.at_ms, change.dwell_ms) for change in changes]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        pytest.param("ii", [], id="not enough looks"),
        pytest.param("iii", [("entered", 0, 0)], id="enough"),
        pytest.param("ooiii", [("entered", 200, 0)], id="the first of the looks inside is the time"),
        pytest.param("ioioi", [("entered", 0, 0)], id="three of five"),
        pytest.param("ioooiooi", [], id="three of eight"),
        pytest.param("iiooooii", [], id="looks too long ago do not count"),
        pytest.param("ii-----i", [("entered", 0, 0)], id="frames that do not show the person are no looks"),
        pytest.param("iii" + "o" * 9, [("entered", 0, 0)], id="not gone for long enough"),
        pytest.param("iii" + "o" * 10, [("entered", 0, 0), ("exited", 200, 200)], id="gone for long enough"),
        pytest.param("iii" + "-" * 10, [("entered", 0, 0), ("exited", 200, 200)], id="not seen for long enough"),
        pytest.param("iii" + "o-" * 5, [("entered", 0, 0), ("exited", 200, 200)], id="not seen or elsewhere for long enough"),
        pytest.param("iii" + "ooooi" * 9, [("entered", 0, 0)], id="inside now and then is inside"),
        pytest.param("iii" + "oi" * 40, [("entered", 0, 0)], id="on the border nothing flickers"),
        pytest.param("oi" * 40, [("entered", 100, 0)], id="on the border from the start, neither"),
        pytest.param(
            "iii" + "o" * 10 + "iii",
            [("entered", 0, 0), ("exited", 200, 200), ("entered", 1300, 0)],
            id="who comes again enters again",
        ),
        pytest.param("iii" + " " * 40 + "i", [("entered", 0, 0)], id="frames that nobody looked at end nothing"),
        pytest.param("iii" + " " * 40 + "o", [("entered", 0, 0), ("exited", 200, 200)], id="the first frame after them may"),
        pytest.param("iiio" + " " * 40 + "i", [("entered", 0, 0), ("exited", 200, 200)], id="elsewhere before them, inside after them"),
        pytest.param("iiio" + " " * 40 + "iii", [("entered", 0, 0), ("exited", 200, 200), ("entered", 4400, 0)], id="and again"),
        pytest.param("iii i i i  i" + "o" * 11, [("entered", 0, 0), ("exited", 1100, 1100)], id="skipped frames do not shorten a stay"),
    ],
)
def test_stays_begin_and_end_at_the_looks_inside(pattern: str, expected: list[tuple[str, int, int]]) -> None:
    _, told = play(USUAL, one(pattern))

    assert brief(told) == expected


@pytest.mark.parametrize(
    ("values", "pattern", "expected"),
    [
        ({"inertia": 1, "inertia_of": 1}, "oi", [("entered", 100, 0)]),
        ({"inertia": 5, "inertia_of": 5}, "iiiioiiiii", [("entered", 500, 0)]),
        ({"exit_grace_seconds": 0}, "iiio", [("entered", 0, 0), ("exited", 200, 200)]),
        ({"exit_grace_seconds": 0}, "iii-", [("entered", 0, 0), ("exited", 200, 200)]),
        ({"exit_grace_seconds": 0.3}, "iiiooiioooo", [("entered", 0, 0), ("exited", 600, 600)]),
        ({"exit_grace_seconds": 0.3}, "iiioooi", [("entered", 0, 0), ("exited", 200, 200)]),
        ({"exit_grace_seconds": 0, "inertia": 1}, "ioi", [("entered", 0, 0), ("exited", 0, 0), ("entered", 200, 0)]),
    ],
)
def test_inertia_and_grace_are_settings(values: dict[str, object], pattern: str, expected: list[tuple[str, int, int]]) -> None:
    _, told = play(Places.of([zone(**values)], []), one(pattern))

    assert brief(told) == expected


def test_loitering_is_told_once_for_each_threshold_when_it_is_reached() -> None:
    places = Places.of([zone(loitering_seconds=1), zone("yard", [[0, 0], [0.7, 0], [0, 0.7]])], [], {"hall": [2.0, 1.0], "*": [0.5]})

    _, told = play(places, one("o" + "i" * 25))

    loitering = [(change.zone, change.at_ms, change.dwell_ms) for change in told if change.kind == "loitering"]
    assert loitering == [("hall", 600, 500), ("hall", 1100, 1000), ("hall", 2100, 2000)]
    _, told = play(Places.of([zone()], [], {"elsewhere": [0.5]}), one("i" * 25))
    assert brief(told) == [("entered", 0, 0)]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        pytest.param("iiiiioooo", [], id="not seen inside at that time"),
        pytest.param("iiiiiooooi", [(900, 500)], id="inside again within the grace"),
        pytest.param("iii" + " " * 30 + "i", [(3300, 500), (3300, 1000)], id="two at once after a gap"),
        pytest.param("i" * 8 + "o" * 11 + "i" * 7, [(500, 500), (2400, 500)], id="again in the next stay"),
        pytest.param("i" * 6, [(500, 500)], id="to the millisecond"),
        pytest.param("i    ii", [(600, 500)], id="at the entry itself"),
    ],
)
def test_loitering_needs_somebody_who_is_inside(pattern: str, expected: list[tuple[int, int]]) -> None:
    places = Places.of([zone(loitering_seconds=0.5)], [], {"*": [1.0]})

    _, told = play(places, one(pattern))

    assert [(change.at_ms, change.dwell_ms) for change in told if change.kind == "loitering"] == expected


def test_every_change_tells_how_many_are_there_after_it() -> None:
    frames = [
        (0, {"a": INSIDE, "b": INSIDE}),
        (100, {"a": INSIDE, "b": INSIDE, "c": INSIDE}),
        (1200, {"b": INSIDE, "d": INSIDE, "c": OUTSIDE}),
    ]

    state, told = play(PROMPT, frames)

    assert [(change.kind, change.track, change.occupancy) for change in told] == [
        ("entered", "a", 1),
        ("entered", "b", 2),
        ("entered", "c", 3),
        ("exited", "a", 2),
        ("exited", "c", 1),
        ("entered", "d", 2),
    ]
    assert occupancy(state) == {"hall": 2}
    assert occupancy(Inside()) == {}


def test_changes_of_a_frame_are_told_by_kind_then_by_zone_then_by_who_came_first() -> None:
    wide, left = zone("wide", [[0, 0], [1, 0], [1, 1], [0, 1]], inertia=1), zone("left", [[0, 0], [0.5, 0], [0.5, 1], [0, 1]], inertia=1)
    right = zone("right", [[0.5, 0], [1, 0], [1, 1], [0.5, 1]], inertia=1, exit_grace_seconds=0)
    places = Places.of([wide, left, right], [Line(name="middle", start=(0.5, 0.0), end=(0.5, 1.0))])

    _, told = play(places, [(0, {"b": (0.9, 0.5), "a": (0.8, 0.5)}), (100, {"a": (0.1, 0.5), "b": (0.2, 0.5), "c": (0.3, 0.5)})])

    assert [(change.kind, change.zone, change.track) for change in told] == [
        ("entered", "wide", "b"), ("entered", "wide", "a"), ("entered", "right", "b"), ("entered", "right", "a"),
        ("exited", "right", "b"), ("exited", "right", "a"),
        ("entered", "wide", "c"), ("entered", "left", "b"), ("entered", "left", "a"), ("entered", "left", "c"),
        ("crossed", "middle", "b"), ("crossed", "middle", "a"),
    ]  # fmt: skip
    assert {change.direction for change in told if change.kind == "crossed"} == {"in"}


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("iiiii", [("exited", 400, 400)]),
        ("iiiooo", [("exited", 200, 200)]),
        ("iii---", [("exited", 200, 200)]),
        ("ii", []),
        ("ooo", []),
        ("", []),
        ("iii" + "o" * 10, []),
    ],
)
def test_a_track_that_ends_exits_at_its_last_look_inside(pattern: str, expected: list[tuple[str, int, int]]) -> None:
    state, _ = play(USUAL, one(pattern))

    state, told = leave(USUAL, state, "a")

    assert brief(told) == expected
    assert [change.occupancy for change in told] == [0] * len(expected)
    assert state == Inside()


def test_a_track_that_ends_takes_nobody_with_it() -> None:
    state, _ = play(USUAL, [(at_ms, {"a": INSIDE, "b": INSIDE}) for at_ms in (0, 100, 200)])

    after, told = leave(USUAL, state, "b")

    assert [(change.track, change.occupancy) for change in told] == [("b", 1)]
    assert (list(after.people), occupancy(after)) == (["a"], {"hall": 1})
    assert leave(USUAL, after, "b") == (after, ())


def test_who_is_in_a_zone_that_is_taken_away_leaves_it() -> None:
    state, _ = play(USUAL, one("iii"))
    line = Line(name="hall", start=(0.1, 0.5), end=(0.9, 0.5))

    for places in (Places(), Places.of([zone("yard")], []), Places.of([], [line])):
        after, told = play(places, [(300, {"a": INSIDE})], state)

        assert brief(told) == [("exited", 200, 200)]
        assert (told[0].zone, told[0].occupancy, occupancy(after)) == ("hall", 0, {})
    assert brief(leave(Places(), state, "a")[1]) == [("exited", 200, 200)]


def test_who_stands_in_a_zone_that_is_moved_away_leaves_it_after_the_grace() -> None:
    state, _ = play(USUAL, one("iii"))
    moved = Places.of([zone(polygon=[[0.9, 0.9], [1, 0.9], [1, 1]])], [])

    _, told = play(moved, [(at_ms, {"a": INSIDE}) for at_ms in range(300, 1400, 100)], state)

    assert brief(told) == [("exited", 200, 200)]


def test_a_line_counts_a_track_that_was_not_seen_for_a_while() -> None:
    places = Places.of([], [Line(name="doorstep", start=(0.2, 0.5), end=(0.8, 0.5))])

    state, told = play(places, [(0, {"a": (0.5, 0.3)}), (100, {"a": GONE}), (900, {"a": GONE}), (1800, {"a": (0.5, 0.7)})])

    assert told == [Change("crossed", "doorstep", "a", 1800, direction="in")]
    assert leave(places, state, "a") == (Inside(), ())


def test_a_line_that_is_new_starts_with_where_somebody_is() -> None:
    old, new = Line(name="old", start=(0.2, 0.5), end=(0.8, 0.5)), Line(name="new", start=(0.2, 0.6), end=(0.8, 0.6))
    state, _ = play(Places.of([], [old]), [(0, {"a": (0.5, 0.3)})])

    _, told = play(Places.of([], [new]), [(100, {"a": (0.5, 0.8)}), (200, {"a": (0.5, 0.3)})], state)

    assert [(change.zone, change.direction) for change in told] == [("new", "out")]


def test_feet_below_the_frame_are_in_the_zone_that_reaches_its_edge() -> None:
    places = Places.of([zone(polygon=[[0, 0.5], [1, 0.5], [1, 1], [0, 1]], inertia=1)], [])

    _, told = play(places, [(0, {"a": (0.5, 1.0), "b": (1.0, 1.04)})])

    assert [change.track for change in told] == ["a", "b"]


def test_nothing_is_kept_of_who_is_nowhere() -> None:
    state, _ = play(USUAL, one("iiiooooooooooooo"))

    assert state == Inside()


def test_the_state_is_small_plain_data() -> None:
    places = Places.of([zone(), zone("yard"), zone("far", [[0.9, 0], [1, 0], [1, 0.1]])], [Line(name="doorstep", start=(0, 0), end=(1, 1))])
    now = 1_767_225_600_000

    state, _ = play(places, [(now + at_ms, {f"20260101-000000-abcd-{number}": INSIDE for number in range(50)}) for at_ms in (0, 100, 200)])

    text = json.dumps(state.plain, separators=(",", ":"))
    assert Inside.parse(json.loads(text)) == state
    assert len(text) < 50 * 200


@pytest.mark.parametrize("state", [{}, {"people": 3}, {"people": {"a": [1, 2]}}, {"people": {"a": [1, {}, {"hall": ["x"]}]}}])
def test_a_state_that_can_not_be_read_is_nobody(state: dict[str, object]) -> None:
    assert Inside.parse(state) == Inside()


# A frame: how long after the one before, and where each of three people is, or that they are not seen.
STEPS = st.integers(0, 700)
PLACE = st.one_of(st.none(), st.tuples(st.integers(0, 10), st.integers(0, 10)).map(lambda p: (p[0] / 10, p[1] / 10)))
FRAMES = st.lists(st.tuples(STEPS, st.fixed_dictionaries({"a": PLACE, "b": PLACE, "c": PLACE})), max_size=40)
SCENE = Places.of(
    [
        zone(inertia=2, inertia_of=3, loitering_seconds=1),
        zone("wide", [[0, 0], [1, 0], [1, 1], [0, 0.7]], inertia=1, exit_grace_seconds=0.5),
        zone("hook", [[0.1, 0.1], [0.9, 0.1], [0.9, 0.9], [0.7, 0.9], [0.7, 0.3], [0.1, 0.3]], exit_grace_seconds=0),
    ],
    [Line(name="doorstep", start=(0.2, 0.5), end=(0.8, 0.5)), Line(name="gate", start=(0.5, 0.1), end=(0.5, 0.9), hysteresis=0)],
    {"*": [0.7, 2.5]},
)


def timed(frames: Sequence[tuple[int, dict[str, tuple[float, float] | None]]]) -> list[tuple[int, dict[str, tuple[float, float] | None]]]:
    now, found = 0, []
    for wait, people in frames:
        now += wait
        found.append((now, people))
    return found


def ended(places: Places, state: Inside) -> list[Change]:
    told: list[Change] = []
    for track in list(state.people):
        state, changes = leave(places, state, track)
        told += changes
    assert state == Inside()
    return told


@given(FRAMES)
@settings(max_examples=100)
def test_entries_and_exits_alternate_and_times_never_go_back(frames: list[tuple[int, dict[str, tuple[float, float] | None]]]) -> None:
    shown = timed(frames)

    state, told = play(SCENE, shown)
    told += ended(SCENE, state)

    by_place, spent, counts = defaultdict(list), defaultdict(int), defaultdict(int)
    for change in told:
        if change.kind == "crossed":
            continue
        by_place[change.track, change.zone].append(change)
        counts[change.zone] += {"entered": 1, "exited": -1}.get(change.kind, 0)
        assert change.occupancy == counts[change.zone] >= 0
    for (track, place), changes in by_place.items():
        stays = [change for change in changes if change.kind != "loitering"]
        assert [change.kind for change in stays] == ["entered", "exited"] * (len(stays) // 2)
        assert all(one.at_ms <= other.at_ms for one, other in pairwise(changes))
        for entry, leaving in zip(stays[::2], stays[1::2], strict=True):
            assert leaving.dwell_ms == leaving.at_ms - entry.at_ms >= 0
            spent[track, place] += leaving.dwell_ms
            reached = [c.dwell_ms for c in changes if c.kind == "loitering" and entry.at_ms <= c.at_ms <= leaving.at_ms]
            assert reached == sorted(reached)
            assert all(threshold <= leaving.dwell_ms for threshold in reached)
        seen = [at_ms for at_ms, people in shown if people[track] is not None]
        assert spent[track, place] <= seen[-1] - seen[0]
    assert set(counts.values()) <= {0}


@given(FRAMES)
@settings(max_examples=60)
def test_the_same_frames_give_the_same_changes_also_through_json(frames: list[tuple[int, dict[str, tuple[float, float] | None]]]) -> None:
    kept = written = Inside()

    for at_ms, people in timed(frames):
        spots = [Spot(track, *place) for track, place in people.items() if place is not None]
        before = json.dumps(kept.plain)
        first = observe(SCENE, kept, at_ms, spots, aspect=1.5)
        again = observe(SCENE, kept, at_ms, iter(spots), aspect=1.5)
        through = observe(SCENE, written, at_ms, spots, aspect=1.5)
        assert first == again == through
        assert json.dumps(kept.plain) == before
        kept, written = first[0], Inside.parse(json.loads(json.dumps(through[0].plain)))


@given(
    st.integers(10, 40), st.integers(45, 90), st.sets(st.integers(0, 99), max_size=60), st.sampled_from([GONE, OUTSIDE])
)  # fmt: skip
@settings(max_examples=100)
def test_skipped_frames_move_the_ends_of_a_stay_by_no_more_than_the_gap(
    first: int, last: int, skipped: set[int], elsewhere: tuple[float, float] | None
) -> None:
    whole = [(number * 100, {"a": INSIDE if first <= number <= last else elsewhere}) for number in range(130)]
    some = [frame for frame in whole if frame[0] // 100 not in skipped]
    looks = [at_ms for at_ms, people in some if people["a"] == INSIDE]

    _, told = play(USUAL, some)

    if len(looks) >= 3:
        assert brief(told) == [("entered", looks[0], 0), ("exited", looks[-1], looks[-1] - looks[0])]
    else:
        assert told == []


def test_somebody_who_is_taken_for_real_late_has_been_in_the_zone_since_the_first_look() -> None:
    others, _ = play(PROMPT, [(0, {"b": INSIDE}), (100, {"b": INSIDE}), (200, {"b": INSIDE})])

    state, early = caught_up(USUAL, others, "a", [(0, *OUTSIDE), (100, *INSIDE), (200, *INSIDE)], aspect=4 / 3)
    state, late = play(USUAL, [(300, {"a": INSIDE, "b": INSIDE})], state)

    assert early == ()
    assert [(change.kind, change.track, change.at_ms, change.occupancy) for change in late] == [("entered", "a", 100, 2)]
    assert occupancy(state) == {"hall": 2}


def test_what_has_happened_before_somebody_was_taken_for_real_is_told_in_full_and_others_are_left_alone() -> None:
    others, _ = play(PROMPT, [(0, {"b": INSIDE})])

    state, told = caught_up(PROMPT, others, "a", [(5000, *INSIDE), (5100, *INSIDE)], aspect=4 / 3)

    assert [(change.kind, change.track, change.at_ms, change.occupancy) for change in told] == [("entered", "a", 5000, 2)]
    assert state.people["b"] == others.people["b"]
