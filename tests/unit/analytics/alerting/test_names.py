"""Who it was: at once, later, and otherwise than first said."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from genesis.events import ZoneEvent
from tests.alerting_of_tests import alerts_of, book, happened, judged, named, told
from tests.events_of_tests import NOON

ENTERED = happened(0)
ANYONE, KNOWN, UNKNOWN = {"when": "entered"}, {"when": "entered", "person": "known"}, {"when": "entered", "person": "unknown"}
ADA = {"when": "entered", "names": ["Ada"]}
LATE = "at 12:00:00, identified at 12:00:05"

# Each row: the rule, what happens, kinds and messages.
NAMES = [
    pytest.param(ANYONE, [ENTERED], [("raised", "somebody (track 1) entered hall")], id="anyone: at once"),
    pytest.param(
        ANYONE,
        [ENTERED, named(5)],
        [("raised", "somebody (track 1) entered hall"), ("updated", "Ada entered hall")],
        id="anyone: then named",
    ),
    pytest.param(ANYONE, [named(-5), ENTERED, named(5)], [("raised", "Ada entered hall")], id="anyone: known before"),
    pytest.param(
        ANYONE,
        [ENTERED, named(5, "unknown-7"), named(9), named(12), named(13, "unknown-7")],
        [("raised", "somebody (track 1) entered hall"), ("updated", "unknown-7 entered hall"), ("updated", "Ada entered hall")],
        id="anyone: a stranger who turns out to be known",
    ),
    pytest.param(
        ANYONE,
        [ENTERED, named(5), named(9, "unknown-7")],
        [("raised", "somebody (track 1) entered hall"), ("updated", "Ada entered hall")],
        id="anyone: a name is not lost to a look that finds nobody",
    ),
    pytest.param(KNOWN, [ENTERED], [], id="known: waits"),
    pytest.param(KNOWN, [ENTERED, named(5)], [("raised", f"Ada entered hall {LATE}")], id="known: told when named"),
    pytest.param(KNOWN, [named(-5), ENTERED], [("raised", "Ada entered hall")], id="known: at once if named before"),
    pytest.param(KNOWN, [ENTERED, named(5, "unknown-7")], [], id="known: not a stranger"),
    pytest.param(KNOWN, [ENTERED, named(3, "unknown-7"), named(5)], [("raised", f"Ada entered hall {LATE}")], id="known: recognised later"),
    pytest.param(
        KNOWN, [named(-9, "unknown-7"), ENTERED, named(5)], [("raised", f"Ada entered hall {LATE}")], id="known: a stranger at first"
    ),
    pytest.param(KNOWN, [ENTERED, named(5), named(9)], [("raised", f"Ada entered hall {LATE}")], id="known: told once"),
    pytest.param(UNKNOWN, [ENTERED, named(5, "unknown-7")], [("raised", f"unknown-7 entered hall {LATE}")], id="unknown: told when sure"),
    pytest.param(UNKNOWN, [ENTERED, named(4), named(5, "unknown-7")], [], id="unknown: not who was recognised"),
    pytest.param(UNKNOWN, [named(-5), ENTERED, named(5, "unknown-7")], [], id="unknown: not who was recognised before"),
    pytest.param(
        UNKNOWN,
        [ENTERED, named(5, "unknown-7"), named(9)],
        [("raised", f"unknown-7 entered hall {LATE}"), ("updated", "Ada entered hall")],
        id="unknown: corrected",
    ),
    pytest.param(ADA, [ENTERED, named(5)], [("raised", f"Ada entered hall {LATE}")], id="a name"),
    pytest.param(ADA, [ENTERED, named(5, "ada  ")], [("raised", f"ada   entered hall {LATE}")], id="a name written otherwise"),
    pytest.param(ADA, [ENTERED, named(5, "Bob")], [], id="another name"),
    pytest.param(ADA, [ENTERED, named(4, "Bob"), named(5)], [("raised", f"Ada entered hall {LATE}")], id="a name at second sight"),
    pytest.param(
        {"when": "entered", "names": ["UNKNOWN-7"]},
        [ENTERED, named(5, "unknown-7")],
        [("raised", f"unknown-7 entered hall {LATE}")],
        id="the name of a stranger",
    ),
    pytest.param({**ADA, "person": "unknown"}, [ENTERED, named(5)], [], id="both must be true"),
    pytest.param(KNOWN, [ENTERED, named(5, track="s1-2")], [], id="somebody else was named"),
    pytest.param(
        KNOWN, [ENTERED, happened(3, "exited"), named(5)], [("raised", f"Ada entered hall {LATE}")], id="known: named after having left"
    ),
]


@pytest.mark.parametrize(("rule", "events", "expected"), NAMES)
def test_a_rule_tells_who_it_was_as_soon_as_it_may(rule: dict[str, Any], events: list[ZoneEvent], expected: list[tuple[str, str]]) -> None:
    alerts = told(book(rule), *events)

    assert alerts == expected


def test_an_update_names_its_alert_and_the_person() -> None:
    rules = book({"when": "loitering", "seconds": 10, "severity": "high"})
    before = happened(10, "loitering", dwell=10.0, occupancy=2, id="cause")

    raised, updated = alerts_of(rules, before, named(30, id="face"))

    assert (updated.kind, updated.alert, updated.id) == ("updated", raised.id, f"{raised.id}-id-Ada")
    assert (updated.identity, updated.identity_id, updated.known) == ("Ada", "id-Ada", True)
    assert (updated.time, updated.cause) == (NOON + timedelta(seconds=30), "face")
    same = ("camera", "rule", "severity", "zone", "track", "box", "dwell", "persons", "notify")
    assert [getattr(updated, name) for name in same] == [getattr(raised, name) for name in same]


def test_an_alert_that_had_to_wait_has_the_time_of_the_name_and_the_facts_of_what_happened() -> None:
    rules = book({"when": "exited", "person": "known"})

    (alert,) = alerts_of(rules, happened(9, "exited", dwell=9.0, id="cause"), named(30))

    assert (alert.kind, alert.id, alert.alert, alert.cause) == ("raised", "alert-cause-r", "alert-cause-r", "cause")
    assert (alert.time, alert.dwell, alert.zone) == (NOON + timedelta(seconds=30), 9.0, "hall")
    assert (alert.identity, alert.identity_id, alert.known) == ("Ada", "id-Ada", True)


def test_an_update_is_never_muted() -> None:
    rules = book({"when": "entered", "cooldown_per": "track", "cooldown_seconds": 600})

    alerts = alerts_of(rules, happened(0, track="a"), happened(1, track="b"), named(2, track="a"), named(2, "Bob", track="b"))

    assert [(alert.kind, alert.track) for alert in alerts] == [("raised", "a"), ("raised", "b"), ("updated", "a"), ("updated", "b")]


def test_all_that_waits_for_a_name_is_judged_with_it_and_what_is_muted_is_over() -> None:
    waiting = [happened(0), happened(1, zone="yard"), happened(2)]

    per_zone = alerts_of(book(KNOWN), *waiting, named(5), named(100))
    unmuted = alerts_of(book({**KNOWN, "cooldown_seconds": 0}), *waiting, named(5), named(100))

    assert [alert.zone for alert in per_zone] == ["hall", "yard"]
    assert [alert.zone for alert in unmuted] == ["hall", "yard", "hall"]


def test_hours_are_those_of_what_happened_not_of_the_name() -> None:
    rules = book({**KNOWN, "hours": ["12:00-12:01"], "cooldown_seconds": 0})

    alerts = alerts_of(rules, happened(59), happened(61), named(90))

    assert [alert.cause for alert in alerts] == [happened(59).id]


def test_a_person_is_recognised_once_while_in_view() -> None:
    rules = book({"when": "recognised", "cooldown_seconds": 0})
    events = [named(0), named(30), named(60, "Bob"), named(90), named(90, track="s1-2")]

    alerts = alerts_of(rules, *events)

    assert [(alert.kind, alert.identity, alert.track) for alert in alerts if alert.kind == "raised"] == [
        ("raised", "Ada", "s1-1"),
        ("raised", "Bob", "s1-1"),
        ("raised", "Ada", "s1-2"),
    ]


def test_who_was_muted_when_recognised_is_told_of_when_recognised_again() -> None:
    rules = book({"when": "recognised", "cooldown_per": "camera"})

    alerts = alerts_of(rules, named(0, "Bob", track="b"), named(1), named(31), named(61), named(121))

    assert [(alert.identity, alert.time) for alert in alerts] == [("Bob", NOON), ("Ada", NOON + timedelta(seconds=61))]


def test_an_identification_without_a_name_says_nothing() -> None:
    rules = book(ANYONE, {"name": "face", "when": "recognised"})

    alerts = alerts_of(rules, happened(0), named(1, identity=""), happened(2, "identified", "", identity=None))

    assert [alert.kind for alert in alerts if alert.identity is None] == ["raised"]


def test_a_person_without_an_id_is_told_apart_by_name() -> None:
    alerts = alerts_of(book(ANYONE), happened(0, id="e"), named(1, identity_id=None), named(2, identity_id=None))

    assert [alert.id for alert in alerts] == ["alert-e-r", "alert-e-r-Ada"]


@pytest.mark.parametrize(("seconds", "told_of"), [(899, True), (901, False)])
def test_what_waits_for_a_name_is_dropped_when_the_track_is_long_gone(seconds: float, told_of: bool) -> None:
    rules = book(KNOWN)
    gone = [happened(0), happened(10, "exited")]
    others = [happened(10 + seconds, "exited", track="s1-9")]

    alerts = alerts_of(rules, *gone, *others, named(10 + seconds))

    assert bool(alerts) is told_of


def test_what_waits_for_the_name_of_somebody_who_stays_is_kept() -> None:
    events = [happened(0), happened(7200, "exited", track="s1-9"), named(7200)]

    alerts = alerts_of(book(KNOWN), *events)

    assert [alert.message for alert in alerts] == ["Ada entered hall at 12:00:00, identified at 14:00:00"]


def test_a_track_that_left_is_known_no_longer_than_others_would_take_its_place() -> None:
    rules = book(ANYONE)

    state, _ = judged(rules, [happened(0), happened(5, "exited"), happened(2000, track="s1-2")])

    assert list(state.tracks) == ["s1-2"]
