"""A presence is one row, whatever tells of it first; it is told with the name that the person has now."""

from __future__ import annotations

from datetime import timedelta

import pytest

pytest.importorskip("psycopg2", reason="no PostgreSQL in this environment: make setup")

from genesis.errors import MalformedEventError
from genesis.events import Box, SessionEvent
from genesis.storage.erasure import begin, finish
from genesis.storage.gallery import NewFace, enroll, find, merge, name_unknown, rename
from genesis.storage.presences import PresenceFilters, presences
from genesis.storage.records import store
from genesis.storage.sightings import store as store_sighting
from tests.integration.storage.people import MODEL, NOON, THRESHOLD, crop, face, photo, seen

ADA, BOB, EVE = 0, 2, 4
FACE, OTHER = crop("Ada's"), crop("another")


def event(kind, at=0.0, **changes):
    """Return what is told of the presence `s-1` at so many seconds after noon."""
    values = {"id": f"{kind}-{at:g}", "camera": "door", "scope": "person", "kind": kind, "session": "s-1", "track": "s-1"}
    return SessionEvent(**{**values, "time": NOON + timedelta(seconds=at), **changes})


STARTED = event("started", 1, frames=3, box=Box(0, 0, 1, 1))
ENDED = event("ended", 9.5, frames=80, duration=8.5, zones={"yard": 4.0}, box=Box(5, 5, 9, 9), reason="the camera's session ended")


@pytest.fixture
def ada(database):
    return database.run(lambda c: enroll(c, "Ada", MODEL, [photo(ADA)])).identity.id


def keep(database, *events):
    for one in events:
        database.run(lambda c, one=one: store(c, one))


def only(database):
    (found,) = database.run(presences)
    return found


def test_the_begin_alone_is_an_open_presence_that_lasts_until_the_last_word_of_it(database, ada):
    keep(database, STARTED)
    first = only(database)
    keep(database, event("updated", 4, identity="Ada", identity_id=ada, known=True, score=0.9, face=FACE))
    second = only(database)

    assert (first.started, first.ended, first.seconds, first.frames, first.identity) == (STARTED.time, None, 0.0, 3, None)
    assert (second.ended, second.last_event, second.seconds) == (None, NOON + timedelta(seconds=4), 3.0)
    assert (second.identity, second.identity_id, second.known, second.score, second.face) == ("Ada", ada, True, 0.9, FACE)
    assert list(second.box) == [0, 0, 1, 1]


def test_the_end_alone_says_all_that_the_begin_had_said(database):
    keep(database, ENDED)

    found = only(database)
    assert (found.started, found.ended, found.seconds) == (STARTED.time, ENDED.time, 8.5)
    assert (found.frames, dict(found.zones), list(found.box)) == (80, {"yard": 4.0}, [5, 5, 9, 9])
    assert found.reason == "the camera's session ended"


def test_a_begin_that_comes_after_the_end_opens_nothing_again(database):
    keep(database, ENDED, STARTED)

    assert (only(database).ended, only(database).frames, dict(only(database).zones)) == (ENDED.time, 80, {"yard": 4.0})


@pytest.mark.parametrize("backwards", [False, True])
def test_who_it_was_is_what_was_surest(database, ada, backwards):
    database.run(lambda c: store_sighting(c, seen(1, EVE), unknown_distance=THRESHOLD))
    stranger = database.run(lambda c: find(c, "unknown-1")).id
    told = [
        event("updated", 2, identity="unknown-1", identity_id=stranger, score=1.0),
        event("updated", 3, identity="Ada", identity_id=ada, known=True, score=0.7, face=OTHER),
        event("updated", 4, identity="Ada", identity_id=ada, known=True, score=0.8, face=FACE),
        event("ended", 5, duration=5.0),
    ]

    keep(database, *(reversed(told) if backwards else told))

    assert (only(database).identity, only(database).score, only(database).face) == ("Ada", 0.8, FACE)


def test_it_is_told_with_the_name_of_today(database, ada):
    keep(database, event("ended", 5, identity="Ada", identity_id=ada, known=True, score=0.9))

    database.run(lambda c: rename(c, "Ada", "Ada Lovelace"))
    renamed = only(database).identity
    bob = database.run(lambda c: enroll(c, "Bob", MODEL, [photo(BOB)])).identity.id
    database.run(lambda c: merge(c, "Bob", "Ada Lovelace"))

    assert renamed == "Ada Lovelace"
    assert (only(database).identity, only(database).identity_id) == ("Bob", bob)
    assert len(database.run(lambda c: presences(c, PresenceFilters(identity_id=bob)))) == 1


def test_a_stranger_who_gets_a_name_had_it_then_too(database):
    database.run(lambda c: store_sighting(c, seen(1, EVE, track="s-1"), unknown_distance=THRESHOLD))
    stranger = database.run(lambda c: find(c, "unknown-1")).id
    keep(database, event("updated", 2, identity="unknown-1", identity_id=stranger, score=0.5))

    database.run(lambda c: name_unknown(c, "unknown-1", "Eve"))

    assert (only(database).identity, only(database).known) == ("Eve", True)


def test_who_is_enrolled_from_a_sighting_takes_the_presence_along(database):
    database.run(lambda c: store_sighting(c, seen(1, EVE, track="s-1"), unknown_distance=THRESHOLD))
    stranger = database.run(lambda c: find(c, "unknown-1")).id
    keep(database, event("updated", 2, identity="unknown-1", identity_id=stranger, score=0.5))

    eve = database.run(lambda c: enroll(c, "Eve", MODEL, [NewFace(face(EVE), "sighting", "event-1")])).identity.id

    assert (only(database).identity, only(database).identity_id, only(database).known) == ("Eve", eve, True)


def test_who_is_gone_keeps_the_label_of_then(database, ada):
    keep(database, event("updated", 2, identity="Ada", identity_id=ada, known=True))
    database.run(lambda c: c.execute("DELETE FROM identities"))

    assert (only(database).identity, only(database).known) == ("Ada", True)


def test_who_is_being_erased_is_not_named_any_more_nor_shown(database, ada):
    keep(database, event("started", 1), event("updated", 2, identity="Ada", identity_id=ada, known=True, score=0.9, face=FACE))
    erasure = database.run(lambda c: begin(c, "Ada"))
    hidden = database.run(presences)
    keep(database, event("updated", 3, session="s-2", identity="Ada", identity_id=ada, known=True, face=FACE))
    database.run(lambda c: finish(c, erasure))
    keep(database, event("ended", 6, identity="Ada", identity_id=ada, known=True, score=1.0, face=FACE, duration=5.0))

    text = database.run(lambda c: (c.execute("SELECT p::text FROM presences p UNION ALL SELECT s::text FROM sessions s"), c.fetchall())[1])
    assert hidden == []
    assert [(one.session, one.identity, one.known, one.face) for one in database.run(presences)] == [
        ("s-2", None, False, ""),
        ("s-1", None, False, ""),
    ]
    assert [trace for trace in ("Ada", ada, FACE) if any(trace in row for (row,) in text)] == []


def test_a_name_that_no_erasure_would_find_is_not_kept(database):
    keep(database, event("updated", 2, identity="Ada", known=True, face=FACE))

    assert (only(database).identity, only(database).known, only(database).face) == (None, False, "")


def test_an_id_that_is_none_is_refused(database):
    with pytest.raises(MalformedEventError, match="SessionEvent: identity_id is 'Ada', expected a UUID"):
        keep(database, event("updated", 2, identity="Ada", identity_id="Ada"))


@pytest.mark.parametrize(
    ("filters", "chosen"),
    [
        ({}, ["s-3", "s-2", "s-1"]),
        ({"camera": "yard"}, ["s-2"]),
        ({"open": True}, ["s-3"]),
        ({"since": NOON + timedelta(seconds=20)}, ["s-3", "s-2"]),
        ({"until": NOON + timedelta(seconds=20)}, ["s-1"]),
        ({"limit": 1}, ["s-3"]),
    ],
)
def test_presences_are_chosen_the_newest_first(database, filters, chosen):
    keep(database, ENDED, event("ended", 21, session="s-2", camera="yard", duration=1.0), event("started", 30, session="s-3"))

    assert [one.session for one in database.run(lambda c: presences(c, PresenceFilters(**filters)))] == chosen


def test_a_camera_has_no_presence(database):
    keep(database, event("started", scope="camera"))

    assert database.run(presences) == []
