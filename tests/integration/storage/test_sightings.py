"""Who was seen is kept once; strangers join those whom they resemble; of erased people nothing is kept."""

from __future__ import annotations

import threading
import uuid
from datetime import timedelta

import pytest

pytest.importorskip("psycopg2", reason="no PostgreSQL in this environment: make setup")

import psycopg2

from genesis.errors import MalformedEventError
from genesis.storage.erasure import begin, finish
from genesis.storage.gallery import enroll, find, identities, merge
from genesis.storage.sightings import Filters, NoSuchSightingError, Stored, face_of, get, sightings, store
from genesis.storage.vectors import EmbeddingError
from tests.integration.storage.people import MODEL, NOON, THRESHOLD, crop, face, photo, seen
from tests.processes import wait_until

ADA, BOB, EVE, DAN = 0, 2, 4, 6


@pytest.fixture
def ada(database):
    """Return the id of Ada, who is enrolled."""
    return database.run(lambda c: enroll(c, "Ada", MODEL, [photo(ADA, 1), photo(ADA, 2)])).identity.id


def keep(database, event, distance=THRESHOLD):
    return database.run(lambda c: store(c, event, unknown_distance=distance))


def rows(database, query):
    return database.run(lambda c: (c.execute(query), c.fetchall())[1])


def test_a_known_person_is_seen_once_however_often_the_event_comes(database, ada):
    event = seen(1, ADA, identity_id=ada, identity="Ada", distance=0.1, margin=0.2)

    first, second = keep(database, event), keep(database, event)

    assert first == Stored(new=True, identity_id=ada, label="Ada", known=True)
    assert second == Stored(new=False, identity_id=ada, label="Ada", known=True)
    (kept,) = database.run(sightings)
    assert (kept.name, kept.distance, kept.margin, kept.number, kept.time) == ("Ada", 0.1, 0.2, 1, event.time)
    assert (list(kept.box), list(kept.person)) == ([10, 10, 30, 30], [0, 0, 50, 100])
    assert (database.run(lambda c: face_of(c, kept)).embedding == face(ADA)).all()
    assert database.run(lambda c: find(c, "Ada")).embeddings == 2  # sightings of known people do not enter the gallery


def test_strangers_join_those_whom_they_resemble(database):
    stored = [keep(database, seen(number, who, number)) for number, who in enumerate([EVE, DAN, EVE, EVE, DAN])]

    assert [one.label for one in stored] == ["unknown-1", "unknown-2", "unknown-1", "unknown-1", "unknown-2"]
    assert all(one.new for one in stored)
    assert [(one.label, one.sightings, one.embeddings) for one in database.run(identities)] == [("unknown-1", 3, 3), ("unknown-2", 2, 2)]


def test_a_stranger_is_stored_once_however_often_the_event_comes(database):
    first, second = keep(database, seen(1, EVE)), keep(database, seen(1, EVE))

    assert (first.new, second.new, first.label, second.label) == (True, False, "unknown-1", "unknown-1")
    assert rows(database, "SELECT count(*) FROM face_embeddings") == [(1,)]


@pytest.mark.parametrize(("event", "distance"), [(seen(1), THRESHOLD), (seen(1, EVE), None)])
def test_who_cannot_be_compared_is_kept_as_nobody(database, event, distance):
    stored = keep(database, event, distance)

    assert stored == Stored(new=True)
    (kept,) = database.run(sightings)
    assert (kept.label, kept.kind) == (None, "unknown")
    assert database.run(lambda c: sightings(c, Filters(unknown=True))) == [kept]


def test_the_gallery_of_a_stranger_keeps_the_best_faces(database):
    for number in range(25):
        keep(database, seen(number, EVE, number, size=100.0 - number if number < 22 else 300.0))

    kept = rows(database, "SELECT origin FROM face_embeddings ORDER BY size * sharpness DESC, id")
    assert [origin for (origin,) in kept] == [f"event-{number}" for number in (22, 23, 24, *range(17))]
    assert rows(database, "SELECT unknown FROM face_models") == [(20,)]


def test_a_stranger_who_was_enrolled_meanwhile_is_known(database, ada):
    stored = keep(database, seen(1, ADA, distance=0.9))  # the recognition knew somebody else, far away

    assert stored.label == "Ada"
    assert database.run(lambda c: find(c, "Ada")).embeddings == 2


def test_somebody_whom_the_recognition_did_not_believe_in_is_not_joined(database, ada):
    stored = keep(database, seen(1, ADA, 1, distance=0.0))  # near Ada, but near others, too, or only once

    assert stored.label == "unknown-1"


def test_a_merged_id_leads_to_whom_it_became(database, ada):
    bob = database.run(lambda c: enroll(c, "Bob", MODEL, [photo(BOB)])).identity.id
    database.run(lambda c: merge(c, "Ada", "Bob"))

    assert keep(database, seen(1, BOB, identity_id=bob)).identity_id == ada


def test_of_who_is_erased_nothing_is_stored_and_the_picture_is_to_go(database, ada):
    database.run(lambda c: finish(c, begin(c, "Ada")))

    stored = keep(database, seen(1, ADA, identity_id=ada))

    assert stored == Stored(new=False, refused="erased", crop_to_delete=crop("event 1"))
    assert rows(database, "SELECT count(*) FROM sightings") == [(0,)]


@pytest.mark.parametrize("known", [True, False])
def test_of_who_is_being_erased_nothing_is_stored(database, ada, known):
    database.run(lambda c: begin(c, "Ada"))

    stored = keep(database, seen(1, ADA, 1, identity_id=ada if known else None, distance=0.0))

    assert (stored.refused, stored.crop_to_delete) == ("erased", crop("event 1"))
    assert [one.label for one in database.run(identities)] == ["Ada"]


def test_a_stranger_who_is_being_erased_is_refused_too(database):
    keep(database, seen(1, EVE))
    database.run(lambda c: begin(c, "unknown-1"))

    assert keep(database, seen(2, EVE, 1)).refused == "erased"


def test_a_picture_that_another_has_stays_when_a_sighting_is_refused(database, ada):
    keep(database, seen(1, EVE, crop=crop("both")))
    database.run(lambda c: finish(c, begin(c, "Ada")))

    stored = keep(database, seen(2, ADA, identity_id=ada, crop=crop("both")))

    assert (stored.refused, stored.crop_to_delete) == ("erased", None)


def test_an_event_without_a_picture_leaves_none_to_delete(database):
    stored = keep(database, seen(1, ADA, identity_id=str(uuid.uuid4()), crop=""))

    assert stored == Stored(new=False, refused="erased")


def test_an_identity_that_is_no_id_is_malformed(database):
    with pytest.raises(MalformedEventError, match="identity_id is 'Ada', expected a UUID"):
        keep(database, seen(1, ADA, identity_id="Ada"))


def test_an_embedding_of_another_length_is_refused(database, ada):
    with pytest.raises(EmbeddingError, match="of 4 numbers"):
        keep(database, seen(1, ADA, embedding=face(ADA)[:4].tobytes()))


def test_zero_characters_do_not_stop_an_event(database):
    keep(database, seen(1, session="s\x001", track="\x00"))

    assert [(one.session, one.track) for one in database.run(sightings)] == [("s\ufffd1", "\ufffd")]


def test_newcomers_that_come_at_once_are_one_person(database):
    barrier, stored = threading.Barrier(4), []

    def one(number: int) -> None:
        barrier.wait()
        stored.append(keep(database, seen(number, EVE, number)))

    threads = [threading.Thread(target=one, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert {one.label for one in stored} == {"unknown-1"}
    assert len(database.run(identities)) == 1


def test_the_same_event_twice_at_once_is_one_sighting(database, ada):
    barrier, stored = threading.Barrier(4), []

    def one() -> None:
        barrier.wait()
        stored.append(keep(database, seen(1, EVE)))

    threads = [threading.Thread(target=one) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(one.new for one in stored) == [False, False, False, True]
    assert rows(database, "SELECT count(*) FROM sightings") == [(1,)]


@pytest.mark.parametrize("known", [True, False])
def test_an_erasure_that_begins_while_a_sighting_is_stored_waits_and_finds_it(database, reused_database, ada, known):
    if not known:
        keep(database, seen(1, EVE))
    who, event = ("Ada", seen(2, ADA, identity_id=ada)) if known else ("unknown-1", seen(2, EVE, 1))
    found = []
    with psycopg2.connect(reused_database) as writer, writer.cursor() as cursor:
        store(cursor, event, unknown_distance=THRESHOLD)
        eraser = threading.Thread(target=lambda: found.append(database.run(lambda c: begin(c, who))))
        eraser.start()
        wait_until(lambda: _somebody_waits(database), "the erasure waits for the sighting")
        before = list(found)
    eraser.join()
    writer.close()

    assert before == []
    assert "event-2" in found[0].event_ids


@pytest.mark.parametrize("ended", ["commit", "rollback"])
def test_a_sighting_that_comes_while_an_erasure_ends_waits_and_is_refused(database, reused_database, ada, ended):
    stored = []
    erasure = database.run(lambda c: begin(c, "Ada"))
    with psycopg2.connect(reused_database) as eraser, eraser.cursor() as cursor:
        finish(cursor, erasure)
        writer = threading.Thread(target=lambda: stored.append(keep(database, seen(1, ADA, identity_id=ada))))
        writer.start()
        wait_until(lambda: _somebody_waits(database), "the sighting waits for the erasure")
        getattr(eraser, ended)()
    writer.join()
    eraser.close()

    assert stored[0].refused == "erased"
    assert rows(database, "SELECT count(*) FROM sightings") == [(0,)]


def test_a_sighting_that_comes_while_people_are_merged_goes_to_whom_they_become(database, reused_database, ada):
    bob = database.run(lambda c: enroll(c, "Bob", MODEL, [photo(BOB)])).identity.id
    stored = []
    with psycopg2.connect(reused_database) as merger, merger.cursor() as cursor:
        merge(cursor, "Ada", "Bob")
        writer = threading.Thread(target=lambda: stored.append(keep(database, seen(1, BOB, identity_id=bob))))
        writer.start()
        wait_until(lambda: _somebody_waits(database), "the sighting waits for the merge")
    writer.join()
    merger.close()

    assert stored[0].label == "Ada"


def test_sightings_are_listed_by_what_is_asked(database, ada):
    keep(database, seen(1, ADA, identity_id=ada))
    keep(database, seen(2, EVE, camera="yard"))
    keep(database, seen(3, ADA, identity_id=ada, camera="yard"))
    keep(database, seen(4))

    def numbers(**filters):
        return [one.number for one in database.run(lambda c: sightings(c, Filters(**filters)))]

    assert numbers() == [4, 3, 2, 1]
    assert numbers(identity_id=ada) == [3, 1]
    assert numbers(camera="yard") == [3, 2]
    assert numbers(unknown=True) == [4, 2]
    assert numbers(since=NOON + timedelta(seconds=2), until=NOON + timedelta(seconds=4)) == [3, 2]
    assert numbers(limit=1) == [4]
    assert numbers(camera="roof") == []


def test_a_sighting_has_a_short_number_for_people(database, ada):
    keep(database, seen(7, ADA, identity_id=ada))

    (one,) = database.run(sightings)

    assert one.id == 1
    assert database.run(lambda c: get(c, 1)) == database.run(lambda c: get(c, "event-7")) == one


@pytest.mark.parametrize("number", [2, 0, -1, 10**30, "x", "", "٣"])
def test_a_number_that_no_sighting_has_is_said(database, number):
    with pytest.raises(NoSuchSightingError, match="genesis sightings lists them"):
        database.run(lambda c: get(c, number))


def _somebody_waits(database):
    return rows(database, "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()")
