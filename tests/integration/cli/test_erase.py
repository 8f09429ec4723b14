"""`genesis erase`: after it, nothing of the person is to be found; what belongs to others is."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import redis
from click.testing import CliRunner, Result

from genesis.analytics.alerting.memory import Alerting, Track, Who
from genesis.bus.ledger import Delivery, Ledger
from genesis.bus.sequence import Line
from genesis.bus.tracks import LedgerTracks
from genesis.cache import FrameCache
from genesis.cli.main import main
from genesis.context import Naming
from genesis.embedded.redis import RedisServer
from genesis.events import AlertEvent, Event, FaceRecognized, SessionEvent, ZoneEvent, completed
from genesis.settings import Settings
from genesis.storage.crops import SNAPSHOTS, Crops
from genesis.storage.database import Database
from genesis.storage.erasure import begin
from genesis.storage.gallery import NewFace, enroll, identities
from genesis.storage.records import store as store_record
from genesis.storage.sightings import store
from tests.catalogue import builtin_subscriptions
from tests.events_of_tests import frame, persons
from tests.integration.cli.conftest import installed
from tests.integration.storage.people import DIMENSION, MODEL, face, photo, seen
from tests.letters_of_tests import buried

NAME = "Ada Lovelace"
ADA, GRACE, STRANGER = 0, 2, 4
GROUP = "face-storage-workers"


class Site:
    """An installation with a database, two Redis servers and a data folder, in which people were seen."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self.database = database
        self.settings = settings
        self.bus = Ledger(settings, builtin_subscriptions())
        self.bus.create_groups()
        self.cache = FrameCache.of(settings)
        self.crops = Crops(settings.data_dir)
        self.ids = {name: self._enrolled(name, who) for name, who in ((NAME, ADA), ("Grace", GRACE))}

    def _enrolled(self, name: str, who: int) -> str:
        faces = [replace(photo(who, nth), crop=self.crops.put(f"photo {name} {nth}".encode())) for nth in range(2)]
        return self.database.run(lambda cursor: enroll(cursor, name, MODEL, faces)).identity.id

    def sees(self, number: int, who: int, name: str | None = None, *, settled: bool = True) -> FaceRecognized:
        """Let somebody be seen: an event, a picture, a cached frame, and a sighting once it is settled."""
        known = {"identity": name, "identity_id": self.ids[name], "distance": 0.01} if name else {}
        event = completed(seen(number, who, number % 10, crop=self.crops.put(f"seen {number}".encode()), **known))
        self.cache.put(f"door-s1-{number}", np.zeros((8, 8, 3), np.uint8))
        self.bus.publish([event])
        if settled:
            self.store(event)
            self.work()
        return event

    def store(self, event: FaceRecognized) -> None:
        self.database.run(lambda cursor: store(cursor, event, unknown_distance=event.threshold))

    def work(self, *streams: tuple[str, str]) -> None:
        """Settle everything that a group has not seen."""
        for stream, group in streams or ((FaceRecognized.STREAM, GROUP),):
            answer: Any = self.bus.client.xreadgroup(group, "test", {f"genesis:{stream}": ">"}, count=1000)
            for _, entries in answer:
                for entry, fields in entries:
                    self.bus.settle(Delivery(f"genesis:{stream}", group, entry.decode(), fields.get(b"framekey", b"").decode()))

    def publish(self, *events: Event) -> None:
        self.bus.publish([completed(event) for event in events])

    def found(self, *words: bytes) -> list[str]:
        """Return where any of the words stand: tables, keys of both servers, files of the data folder."""
        places = [f"table {name}" for name, text in self._tables() if any(word.decode(errors="ignore") in text for word in words)]
        for client in (self.bus.client, self.cache._client):
            for key in client.scan_iter():
                kept = _value(client, key)
                places += [key.decode() for word in words if word in key or word in kept]
        for path in self.settings.data_dir.rglob("*"):
            if path.is_file() and any(word in path.name.encode() or word in path.read_bytes() for word in words):
                places.append(str(path))
        return places

    def _tables(self) -> Iterator[tuple[str, str]]:
        def read(cursor: Any) -> list[tuple[str, str]]:
            cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
            told = []
            for (table,) in cursor.fetchall():
                cursor.execute(f"SELECT t::text FROM {table} t")  # noqa: S608 - names of tables
                told.append((table, "\n".join(row[0] for row in cursor.fetchall())))
            return told

        yield from self.database.run(read)

    def close(self) -> None:
        self.bus.close()
        self.cache.close()


def _value(client: redis.Redis, key: bytes) -> bytes:
    kind = client.type(key)
    if kind == b"stream":
        return repr(client.xrange(key)).encode()
    if kind == b"hash":
        return repr(client.hgetall(key)).encode()
    if kind == b"zset":
        return repr(client.zrange(key, 0, -1)).encode()
    if kind == b"set":
        return repr(client.smembers(key)).encode()
    return client.get(key) or b""


@pytest.fixture
def site(database: Database, ledger: str, volatile: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """Return an installation in event mode."""
    settings = installed(
        tmp_path, monkeypatch, storage={"dsn": database.dsn}, redis={"url": ledger}, frame_cache={"url": volatile},
        event_driven={"enabled": True},
    )  # fmt: skip
    made = Site(database, settings)
    yield made
    made.close()


def erase(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["erase", *arguments])


def test_nothing_is_found_of_an_erased_person_and_everything_of_the_others(site: Site) -> None:
    for number in range(1, 4):
        site.sees(number, ADA, NAME)
        site.sees(number + 70, GRACE, "Grace")
    site.sees(30, STRANGER)
    site.publish(AlertEvent(camera="door", time=frame().time, rule="known", message=f"{NAME} came", cause="event-1", id="alert-1"))
    site.work(("alerts", "alert-workers"), ("alerts", "notification-workers"))
    buried(site.bus, seen(4, ADA, identity=NAME, identity_id=site.ids[NAME]), GROUP)
    words = (NAME.encode(), site.ids[NAME].encode(), b"event-1", b"event-2", b"event-4")
    assert len(site.found(*words)) >= 8

    erased = erase(NAME.lower(), "--yes")

    assert erased.exit_code == 0, erased.output
    # What stays: that there was somebody with this id, who is not to be stored again.
    assert [place for place in site.found(*words) if place != "table erasures"] == []
    assert site.found(NAME.encode(), *(word for word in words[2:4])) == []
    assert site.cache.has("door-s1-1", "door-s1-2", "door-s1-3") == 0
    assert [identity.label for identity in site.database.run(identities)] == ["Grace", "unknown-1"]
    assert site.cache.has("door-s1-71", "door-s1-72", "door-s1-73") == 3
    assert len(list(site.settings.data_dir.glob("crops/*/*.jpg"))) == 2 + 3 + 1
    first, second, *rest = erased.stdout.splitlines()
    assert first == f"erase {NAME}: 2 photos, 2 faces, 3 sightings, by door, 5 pictures. It can't be undone."
    assert second == (f"removed: {NAME}, 3 cached frames, 5 stream entries, 1 dead letter, 5 pictures, 2 photos, 2 embeddings, 3 sightings")
    assert re.fullmatch(r"note: \d settled entr(y|ies) beside them went, too: they shared their memory", rest[0])


def test_presences_alerts_and_what_is_remembered_of_a_person_lose_the_name(site: Site) -> None:
    site.sees(1, ADA, NAME)
    site.sees(71, GRACE, "Grace")
    snapshots = Crops(site.settings.data_dir, SNAPSHOTS)
    pictures = {name: snapshots.put(f"view of {name}".encode()) for name in (NAME, "Grace")}
    for name, track in ((NAME, "s1-1"), ("Grace", "s1-2")):
        told = {"camera": "door", "time": frame().time, "identity": name, "identity_id": site.ids[name], "known": True}
        events = [
            SessionEvent(**told, scope="person", kind="updated", session=track, track=track),
            SessionEvent(**told, scope="person", kind="ended", session=track, track=track, duration=9.0),
            ZoneEvent(**told, kind="identified", track=track),
            AlertEvent(**told, rule="seen", track=track, message=f"{name} came", snapshot=pictures[name]),
            AlertEvent(camera="door", time=frame().time, rule="text", message=f"who is {name}?"),
        ]
        site.publish(*events)
        for event in map(completed, events):
            site.database.run(lambda cursor, event=event: store_record(cursor, event))
        LedgerTracks(site.bus).named(track, Naming(name, site.ids[name], known=True))
    for row in builtin_subscriptions():
        site.work((row.event.STREAM, row.group))
    who = {track: Track(who=Who(name, site.ids[name], known=True)) for name, track in ((NAME, "s1-1"), ("Grace", "s1-2"))}
    states = site.bus.keys.states("genesis:zones", "zone-workers")
    site.bus.client.hset(states, "door", f"7 {Line(number=3, state=Alerting(tracks=who).plain).text}")
    words = (NAME.encode(), site.ids[NAME].encode())
    of_grace = len(site.found(b"Grace"))
    assert {"genesis:zones", "genesis:sessions", "genesis:alerts", "genesis:track:s1-1", states} <= set(site.found(*words))

    erased = erase(NAME, "--yes")

    assert erased.exit_code == 0, erased.output
    assert [place for place in site.found(*words) if place != "table erasures"] == []
    assert (snapshots.path(pictures[NAME]).exists(), snapshots.path(pictures["Grace"]).exists()) == (False, True)
    assert "1 named track" in erased.stdout
    assert "1 snapshot" in erased.stdout
    assert "note: 1 presence and 1 alert stay without anything that tells whose they are" in erased.stdout
    version, _, kept = site.bus.client.hget(states, "door").partition(b" ")
    assert (version, Line.parse(kept).number, list(Alerting.parse(Line.parse(kept).state).tracks)) == (b"8", 3, ["s1-2"])
    assert len(site.found(b"Grace")) >= of_grace - 4  # settled entries beside the others may go with them
    assert LedgerTracks(site.bus).naming("s1-2") is not None


def test_an_unknown_person_is_erased_with_the_faces_that_were_refused(site: Site) -> None:
    site.sees(1, STRANGER)
    site.sees(2, GRACE + 4)
    site.database.run(lambda cursor: begin(cursor, "unknown-1"))
    site.sees(3, STRANGER)  # is not stored any more

    erased = erase("unknown-1", "--yes", "--json")

    assert erased.exit_code == 0, erased.output
    told = json.loads(erased.stdout)
    assert (told["finished"], told["removed"]["stream entries"], told["removed"]["sightings"]) == (True, 2, 1)
    assert site.found(b"event-1", b"event-3") == []
    assert [identity.label for identity in site.database.run(identities)] == [NAME, "Grace", "unknown-2"]


def test_what_is_not_handled_yet_keeps_the_mark_and_is_finished_later(site: Site) -> None:
    site.sees(1, ADA, NAME)
    site.publish(frame(5), persons(6))
    site.cache.put("frame-5", np.zeros((8, 8, 3), np.uint8))
    site.cache.put("frame-6", np.zeros((8, 8, 3), np.uint8))

    first = erase(NAME, "--yes", "--wait", "0.1")

    assert first.exit_code == 1
    assert "NOT REMOVED: 1 entry of frames that the workers have not handled yet (Redis)" in first.stdout
    assert f"NOT FINISHED: nothing more is stored of {NAME}" in first.stdout
    late = seen(9, ADA, 9, identity=NAME, identity_id=site.ids[NAME], distance=0.01)
    assert site.database.run(lambda cursor: store(cursor, late, unknown_distance=0.3)).refused == "erased"
    site.work(("frames", "frame-workers"), ("frames", "detection-workers"), ("persons", "person-workers"), ("persons", "face-workers"))
    second = erase(NAME, "--yes", "--wait", "5")
    assert second.exit_code == 0, second.output
    assert "begun before, and not finished" in second.stdout
    assert site.found(NAME.encode()) == []


def test_without_waiting_it_is_finished_and_what_is_left_is_told(site: Site) -> None:
    site.sees(1, ADA, NAME)
    site.sees(2, ADA, NAME, settled=False)

    erased = erase(NAME, "--yes", "--wait", "0")

    assert erased.exit_code == 1
    assert "NOT REMOVED: 1 entry of faces about this person, not handled yet (Redis)" in erased.stdout
    assert NAME not in [identity.label for identity in site.database.run(identities)]


def test_frames_that_nobody_can_look_at_any_more_are_not_waited_for(site: Site) -> None:
    site.publish(frame(5), persons(6))

    erased = erase(NAME, "--yes", "--wait", "30")

    assert erased.exit_code == 0, erased.output


def test_a_frame_that_is_waited_for_stays_and_the_newest_of_the_camera_goes(site: Site) -> None:
    site.sees(1, ADA, NAME)
    for number in (2, 3):
        site.cache.put(f"door-s1-{number}", np.zeros((8, 8, 3), np.uint8))
    site.bus.client.hset("genesis:references", mapping={"door-s1-2": 1, "door-s1-3": 1})
    site.bus.client.hset(site.bus.keys.camera("door"), "frame_key", "door-s1-3")

    erased = erase(NAME, "--yes")

    assert erased.exit_code == 1
    assert "NOT REMOVED: 1 cached frame that a task waits for" in erased.stdout
    assert [site.cache.has(f"door-s1-{number}") for number in (1, 2, 3)] == [0, 1, 0]


def test_an_interrupted_erasure_is_finished_by_the_next_one(site: Site) -> None:
    site.sees(1, ADA, NAME)
    site.database.run(lambda cursor: begin(cursor, NAME))
    site.crops.delete([path.stem for path in site.settings.data_dir.glob("crops/*/*.jpg")][:2])

    erased = erase(NAME, "--yes")

    assert erased.exit_code == 0, erased.output
    assert site.found(NAME.encode()) == []


def test_somebody_who_was_merged_is_erased_under_all_ids(site: Site) -> None:
    from genesis.storage.gallery import merge

    site.sees(1, GRACE, "Grace")
    site.sees(2, ADA, NAME)
    site.database.run(lambda cursor: merge(cursor, NAME, "Grace"))

    erased = erase(NAME, "--yes")

    assert erased.exit_code == 0, erased.output
    assert site.found(b"Grace", NAME.encode()) == []


def test_a_dry_run_and_a_question_that_nobody_answers_change_nothing(site: Site) -> None:
    site.sees(1, ADA, NAME)

    tried, asked = erase(NAME, "--dry-run"), erase(NAME)

    assert (tried.exit_code, asked.exit_code) == (0, 2)
    assert tried.stdout.splitlines()[-1] == "(dry run: nothing was done)"
    assert "nobody to ask" in asked.stderr
    assert [identity.erasing for identity in site.database.run(identities)] == [False, False]
    assert site.bus.client.xlen("genesis:faces") == 1


def test_a_name_that_nobody_has_is_answered_with_near_ones(site: Site) -> None:
    erased = erase("Ada Lovelase", "--yes")

    assert (erased.exit_code, erased.stderr) == (1, f"genesis: nobody is called 'Ada Lovelase' (near: {NAME})\n")


@pytest.mark.parametrize("mode", [{"enabled": False}, {"enabled": True}])
def test_a_redis_that_is_away_matters_only_where_events_are_published(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: dict[str, Any]
) -> None:
    installed(tmp_path, monkeypatch, storage={"dsn": database.dsn}, redis={"url": "redis://127.0.0.1:1/0"}, event_driven=mode)
    database.run(lambda cursor: enroll(cursor, NAME, MODEL, [photo(ADA)]))

    erased = erase(NAME, "--yes")

    there = [identity.label for identity in database.run(identities)]
    if mode["enabled"]:
        assert (erased.exit_code, there) == (1, [NAME])
        assert "NOT REMOVED: Redis at redis://127.0.0.1:1/0 (redis.url) can't be reached" in erased.stdout
        assert erase(NAME, "--yes", "--wait", "0").exit_code == 1
        assert database.run(identities) == []
    else:
        assert (erased.exit_code, there) == (0, []), erased.output
        assert "can't be reached" in erased.stdout


def test_what_genesis_up_has_left_in_its_ledger_goes_too(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, redis_program: Path
) -> None:
    settings = installed(tmp_path, monkeypatch, storage={"dsn": database.dsn}, redis={"url": "redis://127.0.0.1:1/0"})
    (made,) = [database.run(lambda cursor: enroll(cursor, NAME, MODEL, [photo(ADA)])).identity]
    folder = settings.data_dir / "redis" / "ledger"
    with RedisServer("ledger", folder) as server:
        bus = Ledger(
            settings.model_copy(update={"redis": settings.redis.model_copy(update={"url": server.url()})}), builtin_subscriptions()
        )
        bus.create_groups()
        event = completed(seen(1, ADA, identity=NAME, identity_id=made.id, distance=0.01))
        bus.publish([event])
        database.run(lambda cursor: store(cursor, event, unknown_distance=0.3))
        answer: Any = bus.client.xreadgroup(GROUP, "test", {"genesis:faces": ">"})
        bus.settle(Delivery("genesis:faces", GROUP, answer[0][1][0][0].decode()))
        bus.close()
    assert any(NAME.encode() in path.read_bytes() for path in folder.rglob("*") if path.is_file())

    erased = erase(NAME, "--yes")

    assert erased.exit_code == 0, erased.output
    assert "1 stream entry" in erased.stdout
    assert not any(NAME.encode() in path.read_bytes() for path in folder.rglob("*") if path.is_file())
    assert not (folder / "ledger.sock").exists()


def test_a_face_of_another_length_is_no_trouble(site: Site) -> None:
    site.sees(1, STRANGER)
    odd = seen(2, 1, model="Other", embedding=np.ones(2 * DIMENSION, "<f4").tobytes())
    site.publish(odd, seen(3, 1, embedding=np.ones(3, "<f4").tobytes()), seen(4, 1, embedding=b"xyz"))
    site.database.run(lambda cursor: enroll(cursor, "Other", "Other", [NewFace(face(7), "photo", "0" * 64)]))
    site.work()

    erased = erase("unknown-1", "--yes")

    assert erased.exit_code == 0, erased.output
