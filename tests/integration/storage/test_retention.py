"""What is older than it may be kept is removed, with the pictures that nobody needs any more."""

from __future__ import annotations

import os
from datetime import timedelta

import pytest

pytest.importorskip("psycopg2", reason="no PostgreSQL in this environment: make setup")

import psycopg2

from genesis.events import AlertEvent, MetricsEvent, SessionEvent, ZoneEvent
from genesis.settings import Retention
from genesis.storage import retention
from genesis.storage.crops import SNAPSHOTS, Crops
from genesis.storage.erasure import begin
from genesis.storage.gallery import enroll, identities
from genesis.storage.presences import presences
from genesis.storage.records import store as store_record
from genesis.storage.retention import sweep
from genesis.storage.sightings import sightings, store
from tests.integration.storage.people import MODEL, NOON, THRESHOLD, photo, seen

ADA, EVE, DAN = 0, 2, 4
FOR_EVER = Retention(sightings_days=0, unknown_days=0, sessions_days=0, zone_events_days=0, alerts_days=0, metrics_days=0)
LATER = NOON + timedelta(days=10)


@pytest.fixture
def crops(tmp_path):
    return Crops(tmp_path)


@pytest.fixture
def filled(database, crops):
    """Return the database: Ada, Eve and nobody were seen ten days ago, Dan and Ada today."""
    picture = crops.put(b"of the photo")
    ada = database.run(lambda c: enroll(c, "Ada", MODEL, [photo(ADA, crop=picture)])).identity.id
    for number, (who, days, options) in enumerate(
        [(ADA, 0, {"identity_id": ada}), (EVE, 0, {}), (None, 0, {}), (DAN, 9, {}), (ADA, 9, {"identity_id": ada, "crop": picture})]
    ):
        values = {"crop": crops.put(f"{number}".encode()), **options, "time": NOON + timedelta(days=days)}
        database.run(lambda c, n=number, w=who, v=values: store(c, seen(n, w, **v), unknown_distance=THRESHOLD))
    return database


def kept(database):
    return sorted(sighting.number for sighting in database.run(sightings))


def pictures(crops, tmp_path):
    return len(list((tmp_path / "crops").rglob("*.jpg")))


def only(**days):
    return FOR_EVER.model_copy(update=days)


def removed(found):
    return {name: count for name, count in found.items() if count}


def test_nothing_is_removed_where_all_is_kept_for_ever(filled, crops, tmp_path):
    assert removed(sweep(filled, FOR_EVER, crops, LATER)) == {}
    assert kept(filled) == [0, 1, 2, 3, 4]


def test_old_sightings_of_known_people_go_with_their_pictures(filled, crops, tmp_path):
    assert removed(sweep(filled, only(sightings_days=5.0), crops, LATER)) == {"sightings": 1, "crops": 1}
    assert kept(filled) == [1, 2, 3, 4]
    assert [one.label for one in filled.run(identities)] == ["Ada", "unknown-1", "unknown-2"]


def test_old_sightings_of_strangers_go_with_the_strangers(filled, crops, tmp_path):
    found = sweep(filled, only(unknown_days=5.0), crops, LATER)

    assert removed(found) == {"unknown_sightings": 2, "unknown_people": 1, "crops": 2}
    assert kept(filled) == [0, 3, 4]
    assert [one.label for one in filled.run(identities)] == ["Ada", "unknown-2"]
    assert filled.run(lambda c: (c.execute("SELECT known, unknown FROM face_models"), c.fetchall())[1]) == [(1, 1)]


def test_a_picture_that_another_row_has_stays(filled, crops, tmp_path):
    sweep(filled, only(sightings_days=0.001), crops, LATER + timedelta(days=1))

    assert kept(filled) == [1, 2, 3]
    assert crops.path(photo_crop(filled)).exists()


def photo_crop(database):
    return database.run(lambda c: (c.execute("SELECT crop FROM face_embeddings WHERE source = 'photo'"), c.fetchall())[1])[0][0]


def test_all_goes_in_batches_too(filled, crops, tmp_path, monkeypatch):
    monkeypatch.setattr(retention, "BATCH", 1)

    found = sweep(filled, only(sightings_days=0.001, unknown_days=0.001), crops, LATER)

    assert removed(found) == {"sightings": 2, "unknown_sightings": 3, "unknown_people": 2, "crops": 4}


def test_of_who_is_being_erased_all_is_left_to_the_erasure(filled, crops, tmp_path):
    filled.run(lambda c: begin(c, "Ada"))

    assert "sightings" not in removed(sweep(filled, only(sightings_days=0.001), crops, LATER))


@pytest.mark.parametrize(
    ("event", "setting", "name"),
    [
        (SessionEvent(id="e", camera="c", time=NOON, scope="camera", kind="ended", session="s"), "sessions_days", "sessions"),
        (ZoneEvent(id="e", camera="c", time=NOON, kind="entered", zone="z", track="1"), "zone_events_days", "zone_events"),
        (AlertEvent(id="e", camera="c", time=NOON, rule="r"), "alerts_days", "alerts"),
        (MetricsEvent(id="e", camera="c", time=NOON, window=1.0), "metrics_days", "metrics"),
    ],
)
def test_each_kind_has_its_time(database, crops, event, setting, name):
    database.run(lambda c: store_record(c, event))

    early = sweep(database, only(**{setting: 5.0}), crops, NOON + timedelta(days=4.9))
    late = sweep(database, only(**{setting: 5.0}), crops, NOON + timedelta(days=5.1))

    assert (removed(early), removed(late)) == ({}, {name: 1})


def presence(number, at, **naming):
    values = {"id": f"p{number}", "camera": "c", "scope": "person", "kind": "ended", "session": f"s-{number}", "duration": 60.0}
    return SessionEvent(**{**values, "time": at, **naming})


def test_presences_go_with_the_sessions(database, crops):
    database.run(lambda c: store_record(c, presence(1, NOON)))
    database.run(lambda c: store_record(c, presence(2, NOON + timedelta(days=9))))

    found = sweep(database, only(sessions_days=5.0), crops, LATER)

    assert removed(found) == {"sessions": 1, "presences": 1}
    assert [one.session for one in database.run(presences)] == ["s-2"]


def test_what_a_presence_knows_of_somebody_goes_with_the_sightings(filled, crops, tmp_path):
    people = {one.label: one.id for one in filled.run(identities)}
    for number, (who, known) in enumerate([("Ada", True), ("unknown-1", False)]):
        face = filled.run(sightings)[-1 - number].crop  # of ten days ago
        naming = {"identity": who, "identity_id": people[who], "known": known, "score": 0.5, "face": face}
        filled.run(lambda c, n=number, naming=naming: store_record(c, presence(n, NOON, **naming)))

    found = sweep(filled, only(sightings_days=5.0, unknown_days=5.0), crops, LATER)

    told = removed(found)
    assert (told["presence_faces"], told["presence_labels"], told["session_labels"], told["crops"]) == (1, 1, 1, 3)
    assert {(one.session, one.identity, one.face) for one in filled.run(presences)} == {("s-0", "Ada", ""), ("s-1", None, "")}
    assert filled.run(lambda c: (c.execute("SELECT identity FROM sessions ORDER BY session"), c.fetchall())[1]) == [("Ada",), (None,)]


def test_the_face_of_a_presence_stays_while_a_presence_has_it(filled, crops, tmp_path):
    ada = filled.run(identities)[0]
    face = filled.run(sightings)[-1].crop
    naming = {"identity": "Ada", "identity_id": ada.id, "known": True, "face": face}
    filled.run(lambda c: store_record(c, presence(1, LATER, **naming)))

    sweep(filled, only(sightings_days=5.0), crops, LATER)

    assert crops.path(face).exists()


def test_pictures_of_alerts_go_with_their_last_alert_or_after_a_day_without_one(database, crops, tmp_path):
    snapshots = Crops(tmp_path, SNAPSHOTS)
    shared, old, orphan = (snapshots.put(name) for name in (b"shared", b"old", b"orphan"))
    for number, (picture, days) in enumerate([(shared, 0), (shared, 9), (old, 0)]):
        alert = AlertEvent(id=f"a{number}", camera="c", time=NOON + timedelta(days=days), rule="r", snapshot=picture)
        database.run(lambda c, alert=alert: store_record(c, alert))
    os.utime(snapshots.path(orphan), ((LATER - timedelta(hours=25)).timestamp(),) * 2)

    found = sweep(database, only(alerts_days=5.0), crops, LATER, snapshots)

    assert removed(found) == {"alerts": 2, "snapshots": 2}
    assert [snapshots.path(picture).exists() for picture in (shared, old, orphan)] == [True, False, False]


def test_pictures_that_never_got_a_row_go_after_a_day(filled, crops, tmp_path):
    old, young = crops.put(b"old"), crops.put(b"young")
    for name, hours in ((old, 25), (young, 23)):
        os.utime(crops.path(name), ((LATER - timedelta(hours=hours)).timestamp(),) * 2)
    now = pictures(crops, tmp_path)

    assert removed(sweep(filled, FOR_EVER, crops, LATER)) == {"crops": 1}
    assert (crops.path(old).exists(), pictures(crops, tmp_path)) == (False, now - 1)


def test_nothing_is_done_while_another_process_does_it(filled, reused_database, crops, tmp_path):
    with psycopg2.connect(reused_database) as other, other.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", (retention._LOCK,))

        found = sweep(filled, only(sightings_days=0.001, unknown_days=0.001), crops, LATER)
    other.close()

    assert removed(found) == {}
    assert kept(filled) == [0, 1, 2, 3, 4]
