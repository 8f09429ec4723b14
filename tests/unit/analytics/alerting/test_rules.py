"""Each kind of rule: what it tells, and what it passes over."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from genesis.analytics.alerting import Alerting, judge_session, judge_zone
from genesis.events import AlertEvent, SessionEvent, ZoneEvent
from tests.alerting_of_tests import BOX, alerts_of, book, happened, judged, named, told
from tests.events_of_tests import NOON

ENTERED, EXITED = happened(0), happened(0, "exited", dwell=35.4)
CROSSED = happened(0, "crossed", "doorstep", direction="in")
SOMEBODY = "somebody (track 1)"

# Each row: the rule, what happens, the messages.
KINDS = [
    pytest.param({"when": "entered"}, [ENTERED], [f"{SOMEBODY} entered hall"], id="entered"),
    pytest.param({"when": "entered"}, [EXITED, CROSSED], [], id="not entered"),
    pytest.param({"when": "entered", "zones": ["yard"]}, [ENTERED], [], id="another zone"),
    pytest.param({"when": "entered", "zones": ["yard", "hall"]}, [ENTERED], [f"{SOMEBODY} entered hall"], id="one of two zones"),
    pytest.param({"when": "entered", "cameras": ["door"]}, [ENTERED], [f"{SOMEBODY} entered hall"], id="this camera"),
    pytest.param({"when": "exited"}, [ENTERED, EXITED], [f"{SOMEBODY} left hall after 35 s"], id="exited"),
    pytest.param({"when": "crossed"}, [CROSSED], [f"{SOMEBODY} crossed doorstep (in)"], id="crossed"),
    pytest.param({"when": "crossed", "direction": "in"}, [CROSSED], [f"{SOMEBODY} crossed doorstep (in)"], id="crossed this way"),
    pytest.param({"when": "crossed", "direction": "out"}, [CROSSED], [], id="crossed the other way"),
    pytest.param({"when": "recognised"}, [ENTERED, named(1)], ["Ada recognised in hall"], id="recognised in a zone"),
    pytest.param({"when": "recognised"}, [named(1)], ["Ada recognised"], id="recognised anywhere"),
    pytest.param({"when": "recognised"}, [named(1, "unknown-7")], ["unknown-7 seen"], id="a stranger seen"),
    pytest.param({"when": "recognised", "person": "known"}, [named(1, "unknown-7")], [], id="no friend"),
    pytest.param({"when": "recognised", "person": "unknown"}, [named(1, "unknown-7")], ["unknown-7 seen"], id="a stranger"),
    pytest.param({"when": "recognised", "names": ["  aDA "]}, [named(1)], ["Ada recognised"], id="by name"),
    pytest.param({"when": "recognised", "names": ["Bob"]}, [named(1)], [], id="by another name"),
    pytest.param({"when": "recognised", "zones": ["hall"]}, [ENTERED, named(1)], ["Ada recognised in hall"], id="in that zone"),
    pytest.param({"when": "recognised", "zones": ["hall"]}, [ENTERED, EXITED, named(1)], [], id="no longer in that zone"),
    pytest.param({"when": "recognised", "zones": ["yard"]}, [ENTERED, named(1)], [], id="in another zone"),
]


@pytest.mark.parametrize(("rule", "events", "messages"), KINDS)
def test_a_rule_tells_what_it_is_about_and_nothing_else(rule: dict[str, Any], events: list[ZoneEvent], messages: list[str]) -> None:
    alerts = alerts_of(book(rule), *events)

    assert [alert.message for alert in alerts] == messages
    assert {alert.kind for alert in alerts} <= {"raised"}


def test_an_alert_tells_all_that_happened() -> None:
    rules = book({"when": "loitering", "severity": "high", "notify": [], "seconds": 30})

    (alert,) = alerts_of(rules, happened(30, "loitering", dwell=30.0, occupancy=2, id="cause"))

    assert alert == AlertEvent(
        id="alert-cause-r",
        alert="alert-cause-r",
        cause="cause",
        camera="door",
        time=NOON + timedelta(seconds=30),
        rule="r",
        severity="high",
        message="somebody (track 1) loitered in hall for 30 s",
        zone="hall",
        track="s1-1",
        box=BOX,
        dwell=30.0,
        persons=2,
    )


def test_a_rule_for_other_cameras_is_none_here() -> None:
    rules = book({"when": "entered", "cameras": ["gate"]}, cameras=())

    after, alerts = judge_zone(rules, Alerting(), ENTERED)

    assert (after, alerts) == (Alerting(), [])


def test_a_rule_holds_at_its_hours_alone() -> None:
    rules = book({"when": "entered", "hours": ["12:00-12:10"], "cooldown_seconds": 0})

    alerts = alerts_of(rules, happened(-1), happened(0), happened(599), happened(600))

    assert [alert.cause for alert in alerts] == ["entered.s1-1.hall.0", "entered.s1-1.hall.599"]


def test_several_rules_are_judged_each_for_itself_in_their_order() -> None:
    rules = book({"name": "b", "when": "entered"}, {"name": "a", "when": "entered", "severity": "low"}, {"name": "c", "when": "exited"})

    alerts = alerts_of(rules, ENTERED)

    assert [(alert.rule, alert.id) for alert in alerts] == [("b", f"alert-{ENTERED.id}-b"), ("a", f"alert-{ENTERED.id}-a")]


# Dwell in seconds of what the zone tells, and of those that each rule tells.
LOITERING = [
    pytest.param({"seconds": 10}, [10, 20, 30], [10], id="its own threshold"),
    pytest.param({"seconds": 30}, [10, 20, 30], [30], id="its own, later threshold"),
    pytest.param({}, [10, 20, 30], [20], id="the zone's threshold"),
    pytest.param({"seconds": 10}, [60, 60, 60], [60], id="all at once, after a gap"),
    pytest.param({"seconds": 10, "hours": ["13:00-14:00"]}, [10, 20, 30], [], id="not in its hours"),
    pytest.param({"seconds": 40}, [10, 20, 30], [], id="not long enough"),
]


@pytest.mark.parametrize(("rule", "dwells", "expected"), LOITERING)
def test_loitering_is_told_once_for_each_stay_at_the_rules_own_threshold(
    rule: dict[str, Any], dwells: list[float], expected: list[float]
) -> None:
    rules = book({"when": "loitering", "cooldown_seconds": 0, **rule})
    stay = [happened(0), *(happened(dwell, "loitering", dwell=dwell) for dwell in dwells), happened(70, "exited")]
    again = [happened(100), *(happened(100 + dwell, "loitering", dwell=dwell) for dwell in dwells)]

    once = alerts_of(rules, *stay)
    twice = alerts_of(rules, *stay, *again)

    assert [alert.dwell for alert in once] == expected
    assert [alert.dwell for alert in twice] == expected * 2


def test_loitering_that_is_muted_at_its_threshold_is_not_told_at_another_one() -> None:
    rules = book({"when": "loitering", "seconds": 10})
    other = happened(5, "loitering", track="s1-2", dwell=10.0)

    alerts = alerts_of(rules, other, happened(10, "loitering", dwell=10.0), happened(90, "loitering", dwell=90.0))

    assert [alert.track for alert in alerts] == ["s1-2"]


@pytest.mark.parametrize(("zone", "cameras", "fires"), [("yard", True, False), ("hall", True, True), ("elsewhere", True, True)])
def test_a_zone_without_loitering_gives_none_to_a_rule_without_seconds(zone: str, cameras: bool, fires: bool) -> None:
    rules = book({"when": "loitering"})

    alerts = alerts_of(rules, happened(20, "loitering", zone, dwell=20.0))

    assert bool(alerts) is fires


# Persons in the hall after each entry (+) or exit (-), and after which of them an alert comes.
CROWDS = [
    pytest.param(0, ["+1", "+2", "+3"], [], id="no more than that"),
    pytest.param(0, ["+3", "+4", "+5", "-4"], [1], id="once while it lasts"),
    pytest.param(0, ["+4", "-3", "+4"], [0, 2], id="again when it comes again"),
    pytest.param(0, ["+4", "-4", "+5"], [0], id="it must end before"),
    pytest.param(60, ["+4", "-3", "+4", "-3"], [0], id="muted"),
    pytest.param(60, ["+4", "-3", "+4", "-3", "+4", "-3", "+4", "-3", "+4"], [0, 6], id="again after the cooldown"),
    pytest.param(60, ["+4", "-3", "+4", "+5", "+6", "+7", "+8"], [0, 6], id="a muted one is told later if it lasts"),
]


@pytest.mark.parametrize(("cooldown", "steps", "expected"), CROWDS)
def test_a_crowd_is_told_once(cooldown: float, steps: list[str], expected: list[int]) -> None:
    rules = book({"when": "crowded", "more_than": 3, "cooldown_seconds": cooldown})
    kinds = {"+": "entered", "-": "exited"}

    alerts = alerts_of(
        rules, *(happened(10 * i, kinds[s[0]], track=f"s1-{i}", occupancy=int(s[1:]), id=f"{i}") for i, s in enumerate(steps))
    )

    assert [int(alert.cause) for alert in alerts] == expected


def test_a_crowd_is_about_nobody_and_each_zone_has_its_own() -> None:
    rules = book({"when": "crowded", "more_than": 1})
    events = [happened(0, occupancy=2), happened(1, zone="yard", occupancy=3), named(2), happened(3, occupancy=3)]

    alerts = alerts_of(rules, *events)

    assert [(alert.message, alert.identity, alert.persons) for alert in alerts] == [
        ("2 persons in hall (more than 1)", None, 2),
        ("3 persons in yard (more than 1)", None, 3),
    ]


def test_a_camera_that_is_lost_is_told_once_for_each_cooldown() -> None:
    rules = book({"when": "camera_lost", "severity": "critical"}, {"name": "entry", "when": "entered"})
    state, alerts = Alerting(), []

    for seconds in range(0, 130, 10):
        event = SessionEvent(
            id=f"e{seconds}",
            camera="door",
            time=NOON + timedelta(seconds=seconds),
            scope="camera",
            kind="lost",
            session="s1",
            reason="no frame for 10 s",
        )
        state, now = judge_session(rules, Alerting.parse(state.plain), event)
        alerts += now

    assert [(alert.id, alert.message, alert.severity) for alert in alerts] == [
        (f"alert-e{seconds}-r", "camera lost: no frame for 10 s", "critical") for seconds in (0, 60, 120)
    ]


@pytest.mark.parametrize(("scope", "kind"), [("camera", "started"), ("camera", "recovered"), ("camera", "ended"), ("person", "lost")])
def test_other_sessions_are_no_alert(scope: str, kind: str) -> None:
    event = SessionEvent(id="e", camera="door", time=NOON, scope=scope, kind=kind, session="s1")

    after, alerts = judge_session(book({"when": "camera_lost"}), Alerting(), event)

    assert (after, alerts) == (Alerting(), [])


def test_a_rule_that_is_no_longer_there_is_forgotten() -> None:
    state, _ = judged(book({"name": "old", "when": "entered"}, {"name": "wait", "when": "entered", "names": ["Ada"]}), [ENTERED])

    after, alerts = judged(book({"name": "new", "when": "exited"}), [named(1)], state)

    assert alerts == []
    assert after.cooldowns == {}
    assert after.tracks["s1-1"].waiting == after.tracks["s1-1"].raised == ()


def test_the_zones_are_asked_for_the_thresholds_of_the_rules() -> None:
    rules = book(
        {"name": "a", "when": "loitering", "seconds": 30, "zones": ["hall"]},
        {"name": "b", "when": "loitering", "seconds": 10, "zones": ["hall", "yard"], "cameras": ["door"]},
        {"name": "c", "when": "loitering", "seconds": 60},
        {"name": "d", "when": "loitering"},
        {"name": "e", "when": "loitering", "seconds": 5, "cameras": ["gate"]},
        {"name": "f", "when": "nobody", "seconds": 3},
        cameras=(),
    )

    asked = rules.loitering("door")

    assert asked == {"hall": (10, 30), "yard": (10,), "*": (60,)}


@pytest.mark.parametrize(
    ("rule", "needs"),
    [
        ({"when": "entered"}, False),
        ({"when": "crowded", "more_than": 3}, False),
        ({"when": "entered", "person": "known"}, True),
        ({"when": "exited", "names": ["Ada"]}, True),
        ({"when": "recognised"}, True),
    ],
)
def test_a_rulebook_says_whether_it_depends_on_names(rule: dict[str, Any], needs: bool) -> None:
    assert book(rule).needs_names is needs


@pytest.mark.parametrize(
    ("event", "text"),
    [
        pytest.param(happened(35, "exited", dwell=35.0, occupancy=2), "door|hall|somebody|s1-1|35 s|2|r|2026-01-02 13:00:35", id="exited"),
        pytest.param(happened(0, "entered", occupancy=1), "door|hall|somebody|s1-1|-|1|r|2026-01-02 13:00:00", id="entered"),
        pytest.param(happened(0, "crossed", "doorstep"), "door|doorstep|somebody|s1-1|-|-|r|2026-01-02 13:00:00", id="crossed"),
    ],
)
def test_a_message_of_ones_own_says_what_is_known(event: ZoneEvent, text: str) -> None:
    message = "{camera}|{zone}|{who}|{track}|{dwell}|{persons}|{rule}|{time}"

    messages = told(book({"when": event.kind, "message": message}, time_zone="Europe/Berlin"), event)

    assert messages == [("raised", text)]


def test_braces_in_a_message_and_in_a_name_are_no_placeholders() -> None:
    rules = book({"when": "entered", "message": "{{x}} {who}"})

    messages = told(rules, named(0, "{rule} {0}"), happened(1))

    assert messages == [("raised", "{x} {rule} {0}")]


def test_an_id_is_never_too_long_for_an_event() -> None:
    rules = book({"when": "entered", "name": "x" * 64})

    raised, updated = alerts_of(rules, happened(0, id="e" * 256), named(1, identity_id="i" * 256))

    assert raised.id == updated.alert == raised.alert
    assert len({raised.id, updated.id}) == 2
    assert max(len(raised.id), len(updated.id)) <= 256
