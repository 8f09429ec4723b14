"""An alert is listed once, with what became known of it later."""

from __future__ import annotations

from datetime import timedelta

import pytest

pytest.importorskip("psycopg2", reason="no PostgreSQL in this environment: make setup")

from genesis.events import AlertEvent
from genesis.storage.alerts import AlertFilters, Kept, alerts, as_word, keep
from genesis.storage.erasure import begin, finish
from genesis.storage.gallery import enroll, rename
from tests.integration.storage.people import MODEL, NOON, crop, photo

ADA, BOB = 0, 2
VIEW, OTHER = crop("the yard"), crop("the yard, later")


@pytest.fixture
def ada(database):
    return database.run(lambda c: enroll(c, "Ada", MODEL, [photo(ADA)])).identity.id


def raised(number=1, **changes):
    values = {"id": f"a{number}", "alert": f"a{number}", "camera": "door", "time": NOON + timedelta(seconds=number), "rule": "night"}
    return AlertEvent(**{**values, "message": "somebody is in the yard", "zone": "yard", "track": "s-1", "snapshot": VIEW, **changes})


def updated(number=1, **changes):
    values = {"id": f"a{number}-named", "alert": f"a{number}", "kind": "updated", "message": "Ada is in the yard", "snapshot": ""}
    return raised(number, **{**values, "time": NOON + timedelta(seconds=number + 60), **changes})


def told(database, *events):
    return [database.run(lambda c, event=event: keep(c, event)) for event in events]


def listed(database, **filters):
    return database.run(lambda c: alerts(c, AlertFilters(**filters)))


@pytest.mark.parametrize("backwards", [False, True])
def test_an_alert_is_listed_once_with_the_newest_name(database, ada, backwards):
    bob = database.run(lambda c: enroll(c, "Bob", MODEL, [photo(BOB)])).identity.id
    events = [
        raised(),
        updated(id="u1", identity="Bob", identity_id=bob, known=True, message="Bob is in the yard"),
        updated(id="u2", identity="Ada", identity_id=ada, known=True, time=NOON + timedelta(seconds=90)),
    ]

    told(database, *(reversed(events) if backwards else events))

    (found,) = listed(database)
    assert (found.alert, found.time, found.updated) == ("a1", NOON + timedelta(seconds=1), NOON + timedelta(seconds=90))
    assert (found.identity, found.identity_id, found.known, found.message) == ("Ada", ada, True, "Ada is in the yard")
    assert (found.snapshot, found.zone, found.track) == (VIEW, "yard", "s-1")


def test_an_update_without_its_alert_is_not_listed_yet(database, ada):
    told(database, updated(identity="Ada", identity_id=ada))

    assert listed(database) == []


def test_an_alert_is_told_with_the_name_of_today(database, ada):
    told(database, raised(identity="Ada", identity_id=ada, known=True))
    database.run(lambda c: rename(c, "Ada", "Ada Lovelace"))

    assert listed(database)[0].identity == "Ada Lovelace"


def test_an_alert_of_a_handler_that_knows_no_ids_is_one_too(database):
    told(database, raised(alert=""))

    assert [(one.alert, one.identity, one.known, one.updated) for one in listed(database)] == [("a1", None, False, None)]


@pytest.mark.parametrize(
    ("filters", "chosen"),
    [
        ({}, ["a4", "a3", "a2", "a1"]),
        ({"rule": "day"}, ["a2"]),
        ({"camera": "yard"}, ["a3"]),
        ({"severity": "low"}, ["a4", "a3", "a2", "a1"]),
        ({"severity": "high"}, ["a4", "a3"]),
        ({"since": NOON + timedelta(seconds=3)}, ["a4", "a3"]),
        ({"until": NOON + timedelta(seconds=3), "limit": 1}, ["a2"]),
    ],
)
def test_alerts_are_chosen_the_newest_first(database, filters, chosen):
    told(
        database,
        raised(1),
        raised(2, rule="day", severity="low"),
        raised(3, camera="yard", severity="high"),
        raised(4, severity="critical"),
    )

    assert [one.alert for one in listed(database, **filters)] == chosen


def test_an_alert_about_somebody_who_is_being_erased_is_kept_without_name_and_picture(database, ada):
    told(database, raised(1, identity="Ada", identity_id=ada, known=True, snapshot=OTHER))
    erasure = database.run(lambda c: begin(c, "Ada"))

    hidden = listed(database)
    late = told(database, raised(2, identity="Ada", identity_id=ada, known=True, message="ADA came"), updated(2, identity="Ada"))
    again = told(database, raised(3, identity="Ada", identity_id=ada, snapshot=OTHER))

    assert hidden == []
    assert late == [Kept(new=True, snapshot_to_delete=VIEW), Kept(new=True)]
    assert again == [Kept(new=True)]  # another alert still has it
    assert [(one.identity, one.message, one.snapshot) for one in listed(database)][-1] == (None, "(erased) is in the yard", "")
    erased = database.run(lambda c: finish(c, erasure))
    assert (erased.snapshots, erased.alerts) == ((OTHER,), 1)
    assert told(database, raised(2, identity="Ada", identity_id=ada)) == [Kept(new=False, snapshot_to_delete=VIEW)]


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        ("unknown-1", "unknown-1 came", True),
        ("unknown-1", "unknown-17 came", False),
        ("Ж. (2)", "Ж. (2) came", True),
        ("Ada", "Adas came", False),
    ],
)
def test_a_name_is_found_as_a_word(name, text, *, found):
    import re

    assert bool(re.search(as_word(name), text)) is found
