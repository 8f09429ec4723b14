"""Cooldown, storms, and what is kept: bounded, plain, and the same each time."""

from __future__ import annotations

import json
import random
from collections import defaultdict
from datetime import datetime, timedelta
from itertools import combinations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genesis.analytics.alerting import Alerting, Rulebook, judge_zone
from genesis.analytics.alerting.memory import MOST_TRACKS
from genesis.analytics.view import milliseconds
from genesis.events import AlertEvent, ZoneEvent
from tests.alerting_of_tests import alerts_of, book, happened, judged, named
from tests.events_of_tests import NOON

# Seconds at which somebody (a, b) enters a zone (h, y), and which of them are told.
STEPS = (
    (0, "a", "hall"),
    (10, "a", "yard"),
    (20, "b", "hall"),
    (59.999, "a", "hall"),
    (60, "b", "hall"),
    (65, "a", "yard"),
    (70, "a", "yard"),
)
PER = [("camera", [0, 4]), ("zone", [0, 1, 4, 6]), ("track", [0, 2, 5])]


def seconds_of(alert: AlertEvent) -> float:
    return (alert.time - NOON).total_seconds()


@pytest.mark.parametrize(("per", "expected"), PER)
def test_there_is_no_second_alert_for_the_time_that_was_asked_for(per: str, expected: list[int]) -> None:
    rules = book({"when": "entered", "cooldown_per": per})

    alerts = alerts_of(rules, *(happened(at, "entered", zone, track) for at, track, zone in STEPS))

    assert [seconds_of(alert) for alert in alerts] == [STEPS[index][0] for index in expected]


TIMES = [
    pytest.param([0, 30, 60], [0, 60], id="in order"),
    pytest.param([90, 70, 91], [90], id="told late, and too near"),
    pytest.param([200, 150, 201, 211], [200], id="told late, still too near"),
    pytest.param([1000, 500, 530, 560], [1000, 500, 560], id="a clock that was set back"),
    pytest.param([1000, 500, 1000], [1000, 500, 1000], id="the same time once more"),
    pytest.param([3600, 3599, 0, 59, 60], [3600, 0, 60], id="late first, then set back"),
]


@pytest.mark.parametrize(("times", "expected"), TIMES)
def test_a_cooldown_goes_by_capture_time_and_never_mutes_for_ever(times: list[float], expected: list[float]) -> None:
    rules = book({"when": "entered", "cooldown_per": "camera"})

    alerts = alerts_of(rules, *(happened(at, id=f"e{index}") for index, at in enumerate(times)))

    assert [seconds_of(alert) for alert in alerts] == expected


def test_a_clock_set_back_does_not_mute_for_a_long_cooldown() -> None:
    rules = book({"when": "entered", "cooldown_seconds": 604_800})

    alerts = alerts_of(rules, happened(0), happened(-3600), happened(-3500))

    assert [seconds_of(alert) for alert in alerts] == [0, -3600]


@pytest.mark.parametrize(
    ("event", "clock"),
    [
        (happened(-900, "exited"), 0),
        (named(-900), 0),
        (happened(-59), 0),
        (happened(-61), -61),
        (happened(-61, "loitering"), -61),
        (happened(5, "exited"), 5),
    ],
    ids=["a late exit", "a late name", "a little late", "set back", "set back while inside", "newer"],
)
def test_the_cameras_clock_is_set_back_only_by_what_can_not_be_late(event: ZoneEvent, clock: float) -> None:
    state, _ = judged(book({"when": "entered"}), [happened(0, track="s1-2"), event])

    assert state.clock_ms == milliseconds(NOON) + clock * 1000


def allowed(events: list[ZoneEvent], per: str, cooldown: float) -> list[str]:
    """Return the ids of the entries that a cooldown lets pass, by going through each place or person for itself."""
    groups: dict[str, list[ZoneEvent]] = defaultdict(list)
    for event in events:
        groups[{"camera": "", "zone": event.zone, "track": event.track}[per]].append(event)
    passed = set()
    for group in groups.values():
        free: datetime | None = None
        for event in group:
            if free is None or event.time >= free:
                passed.add(event.id)
                free = event.time + timedelta(seconds=cooldown)
    return [f"alert-{event.id}-r" for event in events if event.id in passed]


@pytest.mark.parametrize("per", ["camera", "zone", "track"])
def test_a_storm_of_events_gives_exactly_the_alerts_that_the_cooldown_allows(per: str) -> None:
    chance = random.Random(7)
    times = sorted(chance.randrange(0, 3_600_000) for _ in range(10_000))
    events = [
        happened(at / 1000, "entered", chance.choice(["hall", "yard"]), f"s1-{chance.randrange(20)}", id=f"e{index}")
        for index, at in enumerate(times)
    ]
    rules, state, alerts = book({"when": "entered", "cooldown_per": per, "cooldown_seconds": 45}), Alerting(), []

    for event in events:
        state, now = judge_zone(rules, state, event)
        alerts += now

    expected = allowed(events, per, 45)
    assert [alert.id for alert in alerts] == expected
    assert 75 <= len(expected) <= 20 * 81


def test_what_is_kept_stays_bounded_in_a_storm_of_tracks() -> None:
    rules = book(
        {"name": "a", "when": "entered", "cooldown_per": "track", "cooldown_seconds": 604_800},
        {"name": "b", "when": "entered", "person": "known"},
        {"name": "c", "when": "recognised", "cooldown_seconds": 0},
        {"name": "d", "when": "crowded", "more_than": 1, "cooldown_seconds": 0},
    )
    state, most = Alerting(), 0

    for number in range(800):
        track = f"0123456789abcdef-{number}"
        for event in (happened(number, "entered", "hall", track, id=f"{number:032x}", occupancy=number), named(number, "unknown-1", track)):
            state, _ = judge_zone(rules, state, event)
        if number % 100 == 99:
            most = max(most, len(json.dumps(state.plain)))

    assert len(state.tracks) == MOST_TRACKS
    assert len(state.cooldowns) <= MOST_TRACKS
    assert most < 200_000
    assert f"0123456789abcdef-{799}" in state.tracks


def test_one_track_that_goes_in_and_out_does_not_grow() -> None:
    rules = book({"when": "entered", "names": ["Nobody"]}, {"name": "b", "when": "exited", "cooldown_seconds": 0})
    state = Alerting()

    for number in range(500):
        state, _ = judge_zone(rules, state, happened(2 * number))
        state, _ = judge_zone(rules, state, happened(2 * number + 1, "exited"))
        state, _ = judge_zone(rules, state, named(2 * number + 1, f"unknown-{number}"))

    assert len(json.dumps(state.plain)) < 5000


def test_those_who_stay_are_remembered_before_those_who_have_left() -> None:
    rules = book({"when": "entered"})
    stays = happened(0, track="stays")
    left = [
        event
        for n in range(MOST_TRACKS + 50)
        for event in (happened(1 + n / 10, track=f"{n}"), happened(1 + n / 10, "exited", track=f"{n}"))
    ]

    state, _ = judged(rules, [stays, *left])

    assert "stays" in state.tracks
    assert len(state.tracks) == MOST_TRACKS


RULES: tuple[dict[str, Any], ...] = (
    {"name": "any", "when": "entered", "cooldown_per": "zone"},
    {"name": "out", "when": "exited", "cooldown_per": "camera", "cooldown_seconds": 20},
    {"name": "known", "when": "entered", "person": "known", "cooldown_per": "track"},
    {"name": "stranger", "when": "exited", "person": "unknown", "cooldown_per": "zone", "cooldown_seconds": 30},
    {"name": "seen", "when": "recognised", "cooldown_per": "camera"},
    {"name": "crowd", "when": "crowded", "more_than": 2, "cooldown_seconds": 15},
    {"name": "long", "when": "loitering", "seconds": 10, "cooldown_per": "track"},
)
SECONDS = {"any": 60, "out": 20, "known": 60, "stranger": 30, "seen": 60, "crowd": 15, "long": 60}
PERS = {"any": "zone", "out": "camera", "known": "track", "stranger": "zone", "seen": "camera", "crowd": "zone", "long": "track"}


@st.composite
def histories(draw: st.DrawFn) -> list[ZoneEvent]:
    """Events whose times never are late by more than 30 s."""
    now, events = 0.0, []
    kinds = st.sampled_from(["entered", "entered", "exited", "loitering", "identified"])
    for index in range(draw(st.integers(1, 40))):
        now += draw(st.integers(0, 30))
        kind, track = draw(kinds), draw(st.sampled_from(["s1-1", "s1-2", "s1-3"]))
        at = now - (draw(st.integers(0, 30)) if kind == "exited" else 0)
        if kind == "identified":
            events.append(named(at, draw(st.sampled_from(["Ada", "Bob", "unknown-1"])), track, id=f"e{index}"))
        else:
            zone = draw(st.sampled_from(["hall", "yard"]))
            events.append(
                happened(at, kind, zone, track, id=f"e{index}", dwell=draw(st.integers(0, 40)), occupancy=draw(st.integers(0, 5)))
            )
    return events


@given(histories())
@settings(max_examples=60)
def test_alerts_are_never_too_close_and_updates_never_without_their_alert(events: list[ZoneEvent]) -> None:
    rules = book(*RULES)

    _, alerts = judged(rules, events)

    groups: dict[tuple[str, str], list[float]] = defaultdict(list)
    raised: dict[str, AlertEvent] = {}
    ids = [alert.id for alert in alerts]
    for alert in alerts:
        if alert.kind == "updated":
            assert alert.identity_id
            assert alert.identity_id != raised[alert.alert].identity_id
            assert alert.rule == raised[alert.alert].rule
            continue
        raised[alert.id] = alert
        what = {"camera": "", "zone": alert.zone, "track": alert.track}[PERS[alert.rule]]
        groups[alert.rule, what].append(seconds_of(alert))
    assert len(ids) == len(set(ids))
    for (rule, _), times in groups.items():
        assert all(abs(one - other) >= SECONDS[rule] for one, other in combinations(times, 2))


@given(histories())
@settings(max_examples=30)
def test_the_same_events_give_the_same_alerts_whether_the_state_was_written_or_not(events: list[ZoneEvent]) -> None:
    rules: Rulebook = book(*RULES)
    state, alerts = Alerting(), []

    for event in events:
        before = state.plain
        state, now = judge_zone(rules, state, event)
        alerts += now
        assert judge_zone(rules, Alerting.parse(before), event) == (state, now)
    through_json = judged(rules, events)

    assert through_json == (state, alerts)
    assert Alerting.parse(json.loads(json.dumps(state.plain))) == state


@pytest.mark.parametrize("state", [{"clock_ms": "x"}, {"tracks": {"a": [1]}, "clock_ms": []}, {"cooldowns": 3}, {"crowds": [["a"]]}])
def test_a_state_that_can_not_be_read_is_begun_anew(state: dict[str, Any]) -> None:
    assert Alerting.parse(state) == Alerting()
