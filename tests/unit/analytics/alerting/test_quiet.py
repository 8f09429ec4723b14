"""Nobody is there."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genesis.analytics.alerting import Quiet, Rulebook, watch
from genesis.analytics.view import milliseconds
from genesis.events import AlertEvent
from tests.alerting_of_tests import book
from tests.events_of_tests import NOON

START = milliseconds(NOON)
RULE = {"when": "nobody", "seconds": 120, "cooldown_seconds": 0}


def watched(rules: Rulebook, frames: Iterable[tuple[float, int] | tuple[float, int, str]]) -> list[AlertEvent]:
    """Look at frames: seconds after noon, persons, session."""
    state, alerts = Quiet(), []
    for at, persons, *session in frames:
        before = Quiet.parse(json.loads(json.dumps(state.plain)))
        state, now = watch(rules, before, "door", START + round(at * 1000), persons, session[0] if session else "s1")
        alerts += now
    return alerts


def seconds_of(alerts: list[AlertEvent]) -> list[float]:
    return [(alert.time - NOON).total_seconds() for alert in alerts]


def every(step: float, begin: float, end: float, persons: int = 0) -> list[tuple[float, int]]:
    return [(begin + step * index, persons) for index in range(round((end - begin) / step))]


def test_nobody_for_long_enough_is_told_once() -> None:
    (alert,) = watched(book({**RULE, "severity": "low"}), every(5, 0, 600))

    assert alert == AlertEvent(
        id=f"alert-door-s1-{START}-r",
        alert=f"alert-door-s1-{START}-r",
        camera="door",
        time=NOON + timedelta(seconds=120),
        rule="r",
        severity="low",
        message="nobody seen for 120 s",
        dwell=120.0,
    )


COUNTS = [
    pytest.param({}, [*every(5, 0, 60), (60, 1), *every(5, 65, 400)], [180], id="since somebody was seen last"),
    pytest.param({}, [*every(5, 0, 200), (200, 1), *every(5, 205, 400)], [120, 320], id="again after somebody was seen"),
    pytest.param({"cooldown_seconds": 300}, [*every(5, 0, 200), (200, 1), *every(5, 205, 500)], [120, 420], id="muted, then told later"),
    pytest.param({"cooldown_seconds": 300}, [*every(5, 0, 200), (200, 1), *every(5, 205, 400), (400, 1)], [120], id="muted, then over"),
    pytest.param({}, [*every(5, 0, 100), *every(5, 200, 400)], [320], id="a gap does not count"),
    pytest.param({}, every(59, 0, 300), [177], id="slow frames do"),
    pytest.param({}, [(at, 0, "s1" if at < 60 else "s2") for at in range(0, 300, 5)], [180], id="a new session"),
    pytest.param({}, [*every(5, 0, 100), *every(5, -1000, -800)], [-880], id="a clock that was set back"),
    pytest.param({"hours": ["12:05-12:30"]}, every(5, 0, 1000), [415], id="its hours count alone"),
    pytest.param({"hours": ["12:00-12:01", "12:04-12:10"]}, every(5, 0, 1000), [355], id="two spans are two counts"),
    pytest.param({"cameras": ["gate"]}, every(5, 0, 300), [], id="another camera"),
    pytest.param({}, every(5, 0, 300, persons=2), [], id="somebody all the time"),
]


@pytest.mark.parametrize(("rule", "frames", "expected"), COUNTS)
def test_the_count_begins_with_who_was_there_last(rule: dict[str, Any], frames: list[Any], expected: list[float]) -> None:
    alerts = watched(book({**RULE, **rule}, cameras=()), frames)

    assert seconds_of(alerts) == expected


def test_without_such_a_rule_nothing_is_kept() -> None:
    state, alerts = watch(book({"when": "entered"}), Quiet("s1", 5), "door", START, 0, "s1")

    assert (state, alerts) == (Quiet(), [])


def test_each_rule_counts_for_itself() -> None:
    rules = book({**RULE, "name": "short", "seconds": 30}, {**RULE, "name": "long", "seconds": 60})

    alerts = watched(rules, every(5, 0, 100))

    assert [(alert.rule, alert.dwell) for alert in alerts] == [("short", 30.0), ("long", 60.0)]


@pytest.mark.parametrize("state", [{"session": 3}, {"absences": {"r": ["x"]}}, {"last_ms": []}])
def test_a_state_that_can_not_be_read_is_begun_anew(state: dict[str, Any]) -> None:
    assert Quiet.parse(state) == Quiet()


@given(st.lists(st.tuples(st.integers(1, 40), st.integers(0, 1)), max_size=60), st.sampled_from([0, 50, 500]))
@settings(max_examples=60)
def test_an_alert_follows_only_on_nobody_for_long_enough(steps: list[tuple[int, int]], cooldown: int) -> None:
    frames, at = [], 0
    for step, persons in steps:
        at += step
        frames.append((at, persons))
    rules = book({**RULE, "cooldown_seconds": cooldown})

    alerts = watched(rules, frames)

    times = seconds_of(alerts)
    assert all(not persons for at, persons in frames for time in times if time - 120 < at <= time)
    assert all(later - earlier >= max(cooldown, 120) for earlier, later in pairwise(times))
    assert len({alert.id for alert in alerts}) == len(alerts)
