"""What the judge of a run of chaos must notice, with made-up evidence: it would be worth nothing if it were blind."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from genesis.chaos.audit import judge
from genesis.chaos.evidence import Books, Effect, Entry, Evidence, Letter
from genesis.chaos.mixed import Mixed
from genesis.chaos.pipeline import counted, event_id, stage_ids

CAMERAS = 2
GROUPS = {
    "persons": ("chaos-relay", "person-workers"),
    "zones": ("chaos-zones", "chaos-poison"),
    "alerts": ("chaos-ledger",),
}


def evidence(events: int = 4) -> Evidence:
    """Return what is seen of a run in which all went well."""
    seen = Evidence()
    for place in range(events):
        camera, number = f"cam{place % CAMERAS}", place // CAMERAS
        for stage, (stream, _, event) in enumerate(stage_ids(event_id(camera, number))):
            seen.entries.append(Entry(stream, f"{place}-{stage}", event, "", float(place)))
        seen.lines.append(Effect(camera, str(number), f"alerts/chaos-ledger/{place}-2", place + 0.5))
    return seen


def books(seen: Evidence) -> Books:
    """Return what the ledger says of itself when all went well."""
    counts = {}
    for stream, groups in GROUPS.items():
        for group in groups:
            buried = sum((letter.stream, letter.group) == (stream, group) for letter in seen.letters)
            counts[f"{stream}|{group}|buried"] = buried
            counts[f"{stream}|{group}|settled"] = seen.count(stream) - buried
    none = dict.fromkeys(((stream, group) for stream, groups in GROUPS.items() for group in groups), 0)
    return Books(
        counts=counts, pending=none, unread=dict(none), attempts=dict.fromkeys(GROUPS, 0), references=0, frames=0, states=states(seen)
    )  # fmt: skip


def states(seen: Evidence) -> dict[str, tuple[int, int]]:
    kept: dict[str, tuple[int, int]] = {}
    for event in dict.fromkeys(entry.event for entry in seen.entries if entry.stream == "persons" and not entry.mark):
        _, camera, number = event.split("-")
        kept[camera] = counted(*kept.get(camera, (0, 0)), int(number))
    return kept


def findings(seen: Evidence, told: Books | None = None, acknowledged: int = 4, mixed: tuple[Mixed, ...] = ()) -> list[str]:
    verdict = judge(seen, told or books(seen), range(acknowledged), CAMERAS, mixed)
    return [f"{finding.sort}: {finding.what}" for finding in verdict.findings]


def persons(seen: Evidence, place: int) -> Entry:
    return [entry for entry in seen.entries if entry.stream == "persons"][place]


def test_nothing_is_found_where_all_went_well() -> None:
    assert findings(evidence()) == []


def test_a_number_without_a_line_is_lost() -> None:
    seen = evidence()
    del seen.lines[2]

    assert findings(seen) == ["lost: chaos-cam0-1 has no line and no dead letter"]


def test_an_acknowledged_number_that_is_not_in_its_stream_is_lost() -> None:
    assert findings(evidence(), acknowledged=5) == ["lost: chaos-cam0-2 was acknowledged, and is not in its stream"]


def test_two_deliveries_that_took_effect_for_one_number_are_a_duplicate() -> None:
    seen = evidence()
    seen.lines.append(replace(seen.lines[1], key="alerts/chaos-ledger/9-9"))

    assert findings(seen) == ["doubled: chaos-cam1-0 took effect 2 times: alerts/chaos-ledger/1-2, alerts/chaos-ledger/9-9"]


def test_a_second_run_of_one_delivery_is_a_repeat_and_no_duplicate() -> None:
    seen = evidence()
    seen.lines.append(replace(seen.lines[1], at=7.0))

    verdict = judge(seen, books(seen), range(4), CAMERAS, ())

    assert not verdict.findings
    assert [each.repeats for each in verdict.numbered] == [[], [7.0], [], []]


@pytest.mark.parametrize("stream", ["persons", "zones", "alerts"])
def test_an_event_that_is_twice_in_a_stream_is_a_duplicate(stream: str) -> None:
    seen = evidence()
    first = next(entry for entry in seen.entries if entry.stream == stream)
    seen.entries.append(replace(first, entry="9-9"))

    assert findings(seen) == [f"doubled: {first.event} is in {stream} more than once (9-9)"]


def test_a_number_whose_frame_was_lost_is_in_the_dead_letters_and_not_lost() -> None:
    seen = evidence()
    event = persons(seen, 0)
    seen.lines.pop(0)
    seen.entries = [entry for entry in seen.entries if entry.event == event.event or not entry.entry.startswith("0-")]
    seen.letters.append(Letter("persons", "chaos-relay", event.entry, event.event, "", "stale_frame", 3.0))

    assert findings(seen) == []


def test_a_number_that_was_buried_for_another_reason_is_found() -> None:
    seen = evidence()
    event = persons(seen, 0)
    seen.letters.append(Letter("persons", "chaos-relay", event.entry, event.event, "", "poison", 3.0))

    assert findings(seen) == ["buried: chaos-cam0-0 of persons for chaos-relay was buried as poison (0-0)"]


def test_two_dead_letters_of_one_delivery_are_a_duplicate() -> None:
    seen = evidence()
    event = persons(seen, 0)
    letter = Letter("persons", "chaos-relay", event.entry, event.event, "", "stale_frame", 3.0)
    seen.letters += [letter, letter]

    assert "doubled: chaos-cam0-0 of persons for chaos-relay has two dead letters" in findings(seen)


BROKEN = Mixed("broken-0", "alerts", {"chaos-ledger": frozenset({"malformed"})})
FLAKY = Mixed("flaky-1", "zones", {}, effect="1")


def put(seen: Evidence, mixed: Mixed) -> None:
    seen.entries.append(Entry(mixed.stream, "50-0", "", mixed.mark, 2.0))


@pytest.mark.parametrize(
    ("letters", "expected"),
    [
        (["malformed"], []),
        ([], ["buried: broken-0 of alerts is not among the dead letters of chaos-ledger"]),
        (["poison"], ["buried: broken-0 of alerts for chaos-ledger was buried as poison (50-0)"]),
    ],
)
def test_what_was_put_in_must_be_buried_for_the_right_reason(letters: list[str], expected: list[str]) -> None:
    seen = evidence()
    put(seen, BROKEN)
    seen.letters += [Letter("alerts", "chaos-ledger", "50-0", "", "broken-0", reason, 3.0) for reason in letters]

    assert findings(seen, mixed=(BROKEN,)) == expected


@pytest.mark.parametrize(
    ("times", "expected"),
    [(1, []), (0, ["lost: flaky-1 took effect 0 times"]), (2, ["doubled: flaky-1 took effect 2 times"])],
)
def test_what_fails_at_first_must_take_effect_once(times: int, expected: list[str]) -> None:
    seen = evidence()
    put(seen, FLAKY)
    seen.lines += [Effect("flaky", "1", f"alerts/chaos-ledger/{index}-7", 4.0) for index in range(times)]

    assert findings(seen, mixed=(FLAKY,)) == expected


def test_what_was_put_in_and_is_not_there_is_lost() -> None:
    assert findings(evidence(), mixed=(BROKEN,)) == ["lost: broken-0 was put into alerts, and is not there"]


PLACE = ("alerts", "chaos-ledger")


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (lambda told: replace(told, references=2), "leak: 2 frames are still referenced"),
        (lambda told: replace(told, frames=1), "leak: 1 frames are still in the cache"),
        (lambda told: replace(told, attempts={**told.attempts, "zones": 1}), "leak: 1 attempts of zones are still noted"),
        (
            lambda told: replace(told, counts={**told.counts, "janitor|references": 3}),
            "leak: 3 references were left over, and swept up by the janitor",
        ),
        (
            lambda told: replace(told, pending={**told.pending, PLACE: 1}),
            "lost: 1 entries of alerts are pending in chaos-ledger and 0 unread",
        ),
        (
            lambda told: replace(told, unread={**told.unread, PLACE: 3}),
            "lost: 0 entries of alerts are pending in chaos-ledger and 3 unread",
        ),
        (
            lambda told: replace(told, counts={**told.counts, "alerts|chaos-ledger|settled": 5}),
            "books: alerts had 4 entries, and chaos-ledger counts 5 settled",
        ),
        (
            lambda told: replace(told, counts={**told.counts, "alerts|chaos-ledger|settled": 3, "alerts|chaos-ledger|buried": 1}),
            "books: chaos-ledger counts 1 entries of alerts as buried, and 0 dead letters are there",
        ),
        (
            lambda told: replace(told, counts={**told.counts, "alerts|chaos-ledger|lost": 1}),
            "lost: chaos-ledger found 1 entries of alerts deleted",
        ),
    ],
)
def test_books_that_do_not_agree_and_leftovers_are_found(spoil: Callable[[Books], Books], expected: str) -> None:
    seen = evidence()

    assert findings(seen, spoil(books(seen))) == [expected]


def test_an_ordered_group_must_have_counted_every_event_once_and_in_order() -> None:
    seen = evidence()
    swapped = counted(*counted(0, 0, 1), 0)

    assert findings(seen, replace(books(seen), states={**states(seen), "cam1": swapped})) == [
        f"order: chaos-count has counted {swapped} of cam1, and in order it is {states(seen)['cam1']}"
    ]


def test_what_an_ordered_group_says_must_be_there() -> None:
    seen = evidence(events=CAMERAS * 25)

    assert findings(seen, acknowledged=CAMERAS * 25) == [
        "lost: chaos-count has not told that it has counted 25 events of cam0",
        "lost: chaos-count has not told that it has counted 25 events of cam1",
    ]


@pytest.mark.parametrize("outcome", ["skipped", "late"])
def test_an_ordered_group_passes_nothing_over(outcome: str) -> None:
    seen = evidence()
    told = books(seen)

    assert findings(seen, replace(told, counts={**told.counts, f"persons|chaos-count|{outcome}": 1})) == [
        f"order: chaos-count counts 1 events as {outcome}"
    ]
