"""Events of one key are handled in the order of their numbers, whatever order they come in, and a gap holds them up only so long."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genesis.bus.sequence import Gap, Line, Place, arrive, without

GAP = 10.0


def place(number: int, session: str = "a", time: float | None = None, published: int | None = None) -> Place:
    return Place(f"{1000 + number if published is None else published}-0", session, number, float(number) if time is None else time)


def fed(places: list[Place], line: Line | None = None, now_ms: int = 0, gap: float = GAP) -> tuple[list[tuple[str, int]], Line]:
    """Let places arrive one after the other; return whose turn it was, in order, and the line at the end."""
    line, order = line or Line(), []
    for arrival in places:
        while True:
            verdict = arrive(line, arrival, now_ms, Gap(gap, gap))
            line = verdict.steps[-1].line if verdict.steps else verdict.line
            order += [(step.place.session, step.place.number) for step in verdict.steps]
            if verdict.kind != "go" or arrival.entry in {step.place.entry for step in verdict.steps}:
                break
    return order, line


@given(st.permutations(range(30)))
def test_every_order_of_arrival_gives_the_order_of_the_numbers(numbers: list[int]) -> None:
    order, line = fed([place(number, time=number / 100) for number in numbers])

    assert order == [("a", number) for number in range(30)]
    assert (line.held, line.skipped, line.number) == ((), 0, 29)


def test_what_comes_before_its_turn_waits() -> None:
    order, line = fed([place(0), place(2), place(3)])

    assert order == [("a", 0)]
    assert [held.number for held in line.held] == [2, 3]


@pytest.mark.parametrize(
    ("arrivals", "now_ms", "turns", "skipped"),
    [
        ([place(0), place(2), place(3, time=11.9)], 0, [0], 0),
        ([place(0), place(2), place(3, time=12.0)], 0, [0, 2, 3], 1),
        ([place(0), place(5), place(6, time=15.0)], 0, [0, 5, 6], 4),
        ([place(3), place(4, time=13.0)], 0, [3, 4], 3),
    ],
    ids=["not yet", "one missing", "four missing", "the first ones missing"],
)
def test_a_gap_is_passed_over_after_max_gap_of_capture_time(arrivals: list[Place], now_ms: int, turns: list[int], skipped: int) -> None:
    order, line = fed(arrivals, now_ms=now_ms)

    assert [number for _, number in order] == turns
    assert line.skipped == skipped


def test_a_gap_that_nothing_follows_is_passed_over_when_an_event_has_waited_that_long() -> None:
    _, line = fed([place(0), place(2)], now_ms=5_000)

    before, _ = fed([place(2)], line, now_ms=14_999)
    after, line = fed([place(2)], line, now_ms=15_000)

    assert before == []
    assert after == [("a", 2)]
    assert line.skipped == 1


def test_what_comes_after_its_turn_is_late() -> None:
    _, line = fed([place(0), place(2), place(3, time=12.0)])

    assert arrive(line, place(1), 0, Gap(GAP, GAP)).kind == "late"
    assert arrive(line, place(3), 0, Gap(GAP, GAP)).kind == "late"


def test_a_new_session_waits_for_the_last_events_of_the_one_before() -> None:
    _, line = fed([place(0, "a"), place(1, "a")])

    held, line = fed([place(0, "b", time=0.0, published=2000)], line)
    last, line = fed([place(2, "a")], line)
    begun, line = fed([place(1, "b", time=10.0, published=2001)], line)

    assert held == []
    assert last == [("a", 2)]
    assert begun == [("b", 0), ("b", 1)]
    assert arrive(line, place(3, "a"), 0, Gap(GAP, GAP)).kind == "late"


def test_sessions_that_wait_begin_in_the_order_in_which_they_were_published() -> None:
    _, line = fed([place(0, "a")])
    _, line = fed([place(0, "c", published=3000), place(0, "b", published=2000)], line)

    order, line = fed([place(0, "b", published=2000)], line, now_ms=10_000)

    assert order == [("b", 0), ("c", 0)]
    assert line.past == ("a", "b")


def test_a_second_entry_with_the_same_number_is_late() -> None:
    _, line = fed([place(1, published=1), place(1, published=2), place(0)])

    assert line.number == 1
    assert line.held == ()
    assert arrive(line, place(1, published=2), 0, Gap(GAP, GAP)).kind == "late"


def test_an_entry_that_is_gone_is_waited_for_no_more() -> None:
    _, line = fed([place(2), place(1)])

    line = without(line, [place(1).entry])

    assert [held.number for held in line.held] == [2]


@given(st.permutations(range(25)), st.sets(st.integers(0, 23), max_size=8), st.integers(1, 5))
def test_with_numbers_that_never_come_the_others_keep_their_order(numbers: list[int], missing: set[int], gap: int) -> None:
    arrivals = [place(number) for number in numbers if number not in missing]

    order, line = fed(arrivals, gap=float(gap))
    rest, line = fed(list(line.held), line, now_ms=gap * 1000, gap=float(gap))

    turns = [number for _, number in order + rest]
    assert turns == sorted(set(turns))
    assert line.held == ()


def test_a_line_reads_what_it_wrote() -> None:
    _, line = fed([place(0), place(2), place(0, "b")])

    assert Line.parse(line.text.encode()) == line
    assert Line.parse(None) == Line.parse(b"") == Line()


def test_the_capture_times_of_a_recording_say_nothing_about_a_gap() -> None:
    arrivals = [msgspec.structs.replace(place(number, time=number * 100.0), live=False) for number in (0, 2, 3)]

    order, line = fed(arrivals)
    later, _ = fed([msgspec.structs.replace(place(4), live=False)], line, now_ms=10_000)

    assert order == [("a", 0)]
    assert later == [("a", 2), ("a", 3), ("a", 4)]


def test_a_new_session_begins_at_once_when_the_last_event_of_the_old_one_was_handled() -> None:
    end = msgspec.structs.replace(place(1, "a"), last=True)

    order, line = fed([place(0, "a"), end, place(0, "b", published=2000), place(1, "b", published=2001)])
    late = arrive(line, place(0, "a"), 0, Gap(GAP, GAP))

    assert order == [("a", 0), ("a", 1), ("b", 0), ("b", 1)]
    assert late.kind == "late"


def test_a_new_session_that_came_too_early_waits_for_the_last_event_of_the_old_one() -> None:
    end = msgspec.structs.replace(place(2, "a"), last=True)

    early, line = fed([place(0, "a"), place(0, "b", published=2000), end])
    order, _ = fed([place(1, "a")], line)

    assert early == [("a", 0)]
    assert order == [("a", 1), ("a", 2), ("b", 0)]


def test_a_live_camera_and_a_recording_have_gaps_of_their_own() -> None:
    gap = Gap(waited=30.0, captured=12.0)
    live = [place(0), place(2, time=2.0), place(3, time=15.0)]

    _, line = fed(live[:1])
    verdict = [arrive(arrive(line, live[1], 0, gap).line, live[2], now, gap).kind for now in (0, 29_999)]
    recorded = [msgspec.structs.replace(one, live=False) for one in live]
    waiting = [arrive(arrive(line, recorded[1], 0, gap).line, recorded[2], now, gap).kind for now in (0, 29_999, 30_000)]

    assert verdict == ["go", "go"]
    assert waiting == ["wait", "wait", "go"]


@pytest.mark.parametrize("live", [True, False])
def test_the_end_of_a_session_passes_over_none_of_the_frames_that_it_has_overtaken(*, live: bool) -> None:
    """It comes from the camera, they from a detector that may be a long way behind."""
    end = msgspec.structs.replace(place(9, time=900.0), last=True, live=live)
    order, line = fed([place(0), end], now_ms=1_000)
    for number, now_ms in ((2, 60_000), (1, 60_005), (3, 68_000), (5, 75_000), (4, 75_005), (6, 84_000), (7, 93_999)):
        more, line = fed([msgspec.structs.replace(place(number), live=live)], line, now_ms=now_ms)
        order += more
    assert (order, line.skipped) == ([("a", number) for number in range(8)], 0)

    before, _ = fed([end], line, now_ms=103_998)
    after, line = fed([end], line, now_ms=103_999)
    assert (before, after, line.skipped, line.ended) == ([], [("a", 9)], 1, True)
