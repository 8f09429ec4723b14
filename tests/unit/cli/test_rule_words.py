"""Rules in words."""

from __future__ import annotations

import pytest

from genesis.cli.rule_words import made_up, notifier_words, pause_words, rule_words
from genesis.settings import Camera, Line, Notifier, Rule, Settings, Zone
from tests.events_of_tests import NOON

HALL = Zone(name="hall", polygon=((0, 0), (1, 0), (1, 1)))
STEP = Line(name="step", start=(0, 0), end=(1, 1))


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ({"when": "entered"}, "somebody enters a zone"),
        ({"when": "entered", "zones": ["hall"], "person": "unknown"}, "somebody unknown enters hall"),
        ({"when": "entered", "names": ["Ada", "Grace", "Alan"]}, "Ada, Grace or Alan enters a zone"),
        ({"when": "exited", "zones": ["hall", "yard"]}, "somebody leaves hall or yard"),
        ({"when": "loitering", "seconds": 90}, "somebody stays in a zone for 90 s"),
        ({"when": "loitering", "seconds": 1800}, "somebody stays in a zone for 30 min"),
        ({"when": "loitering", "zones": ["hall"]}, "somebody stays in hall longer than its loitering_seconds"),
        ({"when": "crossed"}, "somebody crosses a line"),
        ({"when": "crossed", "zones": ["step"], "direction": "in"}, "somebody crosses step (in)"),
        ({"when": "crowded", "more_than": 3, "zones": ["hall"]}, "more than 3 persons are in hall"),
        ({"when": "recognised", "person": "known"}, "somebody known is recognised"),
        ({"when": "camera_lost", "cameras": ["door", "yard"]}, "no pictures come on camera door or yard"),
        ({"when": "nobody", "seconds": 120, "days": ["sat", "sun"]}, "nobody is seen for 2 min, on sat or sun"),
        ({"when": "entered", "hours": ["22:00-06:00"], "days": ["mon"]}, "somebody enters a zone, at 22:00-06:00, on mon"),
    ],
)
def test_a_rule_reads_as_a_sentence(rule, words):
    assert rule_words(Rule(name="r", **rule)) == words


@pytest.mark.parametrize(
    ("seconds", "per", "words"),
    [(60, "zone", "every 60 s per zone"), (7200, "camera", "every 2 h per camera"), (0, "track", "no pause")],
)
def test_a_pause_is_said(seconds, per, words):
    assert pause_words(Rule(name="r", when="entered", cooldown_seconds=seconds, cooldown_per=per)) == words


@pytest.mark.parametrize(("changes", "words"), [({}, "guard (webhook)"), ({"severity": "high"}, "guard (webhook, from high on)")])
def test_a_notifier_is_said_without_its_address(changes, words):
    assert notifier_words(Notifier(name="guard", kind="webhook", url="https://h/s3cret", **changes)) == words


@pytest.mark.parametrize(
    ("rule", "camera", "zone"),
    [
        ({"when": "entered"}, "door", "hall"),
        ({"when": "crossed"}, "door", "step"),
        ({"when": "camera_lost"}, "door", ""),
        ({"when": "entered", "cameras": ["yard"]}, "yard", "zone"),
        ({"when": "entered", "cameras": ["yard"], "zones": ["gate"]}, "yard", "gate"),
    ],
)
def test_a_made_up_alert_is_as_the_rule_could_raise_it(rule, camera, zone):
    settings = Settings(cameras=(Camera(name="door", source="sample", zones=(HALL,), lines=(STEP,)),))

    event = made_up(Rule(name="r", severity="high", notify=("guard",), **rule), settings, NOON, "ab")

    assert (event.camera, event.zone, event.rule, event.severity, event.notify, event.time) == (camera, zone, "r", "high", ("guard",), NOON)
    assert event.id == event.alert
    assert event.snapshot == "ab"


def test_where_there_are_no_cameras_one_is_made_up_too():
    event = made_up(Rule(name="r", when="entered"), Settings(), NOON)

    assert (event.camera, event.zone) == ("camera", "zone")
