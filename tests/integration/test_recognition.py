"""Recognition and storage with real servers: the same in sync and event mode, once whatever happens, and nothing of who is erased."""

from __future__ import annotations

import contextlib
import hashlib
import os
import signal
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import tasks.recognition
import tasks.storage
from genesis.bus.delivery import deliver
from genesis.bus.ledger import Delivery
from genesis.bus.process import Process
from genesis.bus.runs import Again, Run
from genesis.cache import Frame
from genesis.capture.inprocess import InProcess
from genesis.context import Naming
from genesis.errors import NotYetError, ServerUnavailableError
from genesis.events import Box, FaceRecognized, Person, PersonDetected, SessionEvent, completed
from genesis.settings import Settings
from genesis.vision.faces.base import Worth, always
from genesis.vision.types import Face
from tests.catalogue import builtin_subscriptions
from tests.events_of_tests import NOON, persons

MODEL, DIMENSION = "Dlib", 128
LEFT, RIGHT = Box(20, 20, 120, 140), Box(180, 20, 280, 140)
ADA, STRANGER, OTHER = 1, 2, 3
FACES = "genesis:faces"


def embedding(who: int, variant: int = 0) -> npt.NDArray[np.float32]:
    """Return a face of somebody: those of one person are near each other, those of two are not."""
    vector = np.zeros(DIMENSION, np.float32)
    vector[who], vector[100 + variant] = 1.0, 0.05
    return vector / np.linalg.norm(vector)


class Engine:
    """Knows people by the shade that they are painted in."""

    name, model, dimension, threshold = "made-up", MODEL, DIMENSION, 0.07

    def find(self, pictures: Sequence[Frame], worth: Worth = always) -> list[list[Face]]:
        return [self._faces(picture) for picture in pictures]

    @staticmethod
    def _faces(picture: Frame) -> list[Face]:
        who, variant = divmod(int(picture[picture.shape[0] // 2, picture.shape[1] // 2, 0]), 20)
        return [Face((20, 20, 80, 80), 0.95, np.zeros((5, 2), np.float32), 120.0, 500.0, 0.9, embedding(who, variant))]


@dataclass(frozen=True)
class Moment:
    """One frame: who is on the left and who on the right, with which face."""

    left: tuple[int, int] | None = None
    right: tuple[int, int] | None = None

    def event(self, number: int, **changes: Any) -> PersonDetected:
        found = tuple(Person(box=box, confidence=0.9) for box, who in ((LEFT, self.left), (RIGHT, self.right)) if who)
        time = NOON + timedelta(seconds=number / 2)
        return completed(persons(number, persons=found, time=time, id=f"{number:032x}", width=320, height=160, **changes))  # type: ignore[return-value]

    def frame(self) -> Frame:
        picture = np.full((160, 320, 3), 5, np.uint8)
        for box, who in ((LEFT, self.left), (RIGHT, self.right)):
            if who:
                picture[int(box.y1) : int(box.y2), int(box.x1) : int(box.x2)] = who[0] * 20 + who[1]
        return picture


# Ada comes; a stranger beside her; they leave; the stranger comes back with another face, beside another stranger; Ada comes back.
STORY = [
    *[Moment(left=(ADA, 1))] * 4,
    *[Moment(left=(ADA, 2), right=(STRANGER, 1))] * 3,
    *[Moment()] * 4,
    *[Moment(left=(STRANGER, 3), right=(OTHER, 1))] * 4,
    *[Moment()] * 4,
    *[Moment(right=(ADA, 4))] * 3,
]
EXPECTED = [(0, "Ada"), (4, "first"), (11, "first"), (11, "second"), (19, "Ada")]


@pytest.fixture
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Run a PostgreSQL of the test's own that may be killed."""
    storage = pytest.importorskip("genesis.storage.server")
    from genesis.storage.cluster import missing_packages

    if reason := missing_packages():
        pytest.skip(reason)
    with storage.PostgresServer(tmp_path_factory.mktemp("postgres"), durable=False) as running:
        yield running


@pytest.fixture
def site(settings: Settings, server: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """Return an installation whose gallery knows Ada."""
    made = Site(settings, server)
    monkeypatch.setattr(tasks.recognition, "engine_for", lambda _settings: Engine())
    yield made
    made.close()


class Site:
    """An installation whose workers do what the test says, one step at a time."""

    def __init__(self, settings: Settings, server: Any) -> None:
        import psycopg2

        from genesis.storage.database import database_of
        from genesis.storage.schema import upgrade

        with contextlib.closing(psycopg2.connect(server.url("postgres"))) as admin, admin.cursor() as cursor:
            admin.autocommit = True
            cursor.execute("CREATE DATABASE genesis")
        upgrade(server.url())
        storage = settings.storage.model_copy(update={"dsn": server.url(), "give_up_seconds": 0.3, "connect_seconds": 2.0})
        recognition = settings.recognition.model_copy(update={"engine": "deepface"})
        self.settings = settings.model_copy(update={"storage": storage, "recognition": recognition})
        self.database = database_of(self.settings)
        self.process = Process.open(self.settings)
        self.process.ledger.create_groups()
        self.rows = {row.name.rpartition(".")[2]: row for row in builtin_subscriptions()}
        self.enroll("Ada", embedding(ADA))

    def close(self) -> None:
        self.database.close()
        self.process.ledger.close()
        self.process.cache.close()

    def enroll(self, name: str, face: npt.NDArray[np.float32]) -> None:
        from genesis.storage.gallery import NewFace, enroll

        photo = NewFace(
            embedding=face, source="photo", sha256=hashlib.sha256(face.tobytes()).hexdigest(), size=100, sharpness=500, frontal=1
        )
        self.database.run(lambda cursor: enroll(cursor, name, MODEL, [photo]))

    def publish(self, moments: Sequence[Moment], *, followed: bool = True) -> list[str]:
        """Publish the persons of frames, and have them followed; return their entries, which a bridge has taken."""
        events = [moment.event(number) for number, moment in enumerate(moments)]
        for moment, event in zip(moments, events, strict=True):
            self.process.cache.put(event.frame_key, moment.frame())
        self.process.ledger.publish(events)
        if followed:
            self.follow()
        return self.taken("genesis:persons", "face-workers")

    def follow(self) -> None:
        """Let the tracker come to all frames."""
        for entry in self.taken("genesis:persons", "person-workers"):
            assert self.run("follow_persons", "genesis:persons", entry) is None

    def taken(self, stream: str, group: str) -> list[str]:
        answer: Any = self.process.ledger.client.xreadgroup(group, "bridge-a-1", {stream: ">"}, count=1000)
        return [entry.decode() for _, entries in answer for entry, _ in entries]

    def run(self, name: str, stream: str, entry: str, *, again: bool = False) -> Again | None:
        ((_, fields),) = self.process.ledger.client.xrange(stream, entry, entry)
        texts = {key.decode(): value.decode() for key, value in fields.items()}
        row = self.rows[name]
        return deliver(Run(self.process, row, Delivery(stream, row.group, entry), "t", "w@host", again), texts)

    def recognise(self, entries: Sequence[str]) -> None:
        for entry in entries:
            assert self.run("recognise_faces", "genesis:persons", entry, again=True) is None

    def store(self) -> None:
        for entry in self.taken(FACES, "face-storage-workers"):
            assert self.run("store_face", FACES, entry) is None

    def pending(self, stream: str, group: str) -> int:
        found: Any = self.process.ledger.client.xpending(stream, group)
        return int(found["pending"])

    def told(self) -> list[FaceRecognized]:
        from genesis.cli.journal import events
        from genesis.events import Keys

        return [event for _, event in events(self.process.ledger.client, Keys("genesis"), FaceRecognized)]

    def sessions(self) -> list[SessionEvent]:
        from genesis.cli.journal import events
        from genesis.events import Keys

        return [event for _, event in events(self.process.ledger.client, Keys("genesis"), SessionEvent)]

    def stored(self) -> list[tuple[int, str]]:
        """Return the frame and the person of every sighting; strangers are called by the order of their coming."""
        rows = self.query("SELECT number, kind, label, name FROM sightings JOIN identities ON identities.id = identity_id")
        ordered = sorted(rows, key=lambda row: (row[0], row[1] != "known", row[2]))
        strangers = list(dict.fromkeys(row[2] for row in ordered if row[1] != "known"))
        return [(row[0], row[3] or ("first", "second", "third")[strangers.index(row[2])]) for row in ordered]

    def query(self, statement: str) -> list[Any]:
        def ask(cursor: Any) -> list[Any]:
            cursor.execute(statement)
            return list(cursor.fetchall())

        return self.database.run(ask)

    def crops(self) -> set[str]:
        return {path.stem for path in (Path(self.settings.data_dir) / "crops").rglob("*.jpg")}


def shuffled(entries: Sequence[str], most: int) -> list[str]:
    """Return entries in an order in which none comes more than so many places too late or too early."""
    random = Random(7)
    blocks = [list(entries[start : start + most]) for start in range(0, len(entries), most)]
    return [entry for block in blocks for entry in random.sample(block, len(block))]


def in_process(site: Site) -> InProcess:
    """Play the story in sync mode."""
    pipeline = InProcess(site.settings, builtin_subscriptions())
    for number, moment in enumerate(STORY):
        event = moment.event(number)
        pipeline.frames.hold(event.frame_key, moment.frame())
        pipeline.handle(event)
        pipeline.frames.release(event.frame_key)
    return pipeline


def test_sync_mode_stores_a_sighting_for_each_decision_and_strangers_keep_their_labels(site: Site) -> None:
    pipeline = in_process(site)

    assert site.stored() == EXPECTED
    assert not pipeline.failed
    assert len(site.crops()) == len({row[0] for row in site.query("SELECT crop FROM sightings")}) > 0
    assert {row[0] for row in site.query("SELECT crop FROM sightings")} == site.crops()


def test_event_mode_stores_the_same_whatever_the_order_and_however_often_it_runs(site: Site) -> None:
    entries = site.publish(STORY)
    site.recognise(shuffled(entries, 8))
    faces = site.taken(FACES, "face-storage-workers")
    for entry in faces:
        assert site.run("store_face", FACES, entry) is None
    for event in site.told():  # a worker that was taken for dead
        site.rows["store_face"].handler(event, site.process.context)

    assert site.stored() == EXPECTED
    assert site.pending("genesis:persons", "face-workers") == site.pending(FACES, "face-storage-workers") == 0
    assert [event.number for event in site.told()] == [number for number, _ in EXPECTED]
    assert {event.crop for event in site.told()} == site.crops()


def test_a_sighting_waits_for_the_tracker_and_then_says_who_the_track_is(site: Site) -> None:
    site.recognise(site.publish(STORY[:4], followed=False))
    (face,) = site.taken(FACES, "face-storage-workers")

    early = site.run("store_face", FACES, face)
    attempts, before = site.process.ledger.client.hgetall("genesis:faces:attempts"), site.stored()
    site.follow()
    late = site.run("store_face", FACES, face, again=True)

    assert early is not None
    assert isinstance(early.error, NotYetError)
    assert (attempts, before, late) == ({}, [], None)
    assert site.query("SELECT track FROM sightings") == [("s1-1",)]
    (update,) = [event for event in site.sessions() if event.kind == "updated"]
    assert (update.session, update.identity, update.known, update.face) == ("s1-1", "Ada", True, site.told()[0].crop)
    assert site.process.context.tracks.naming("s1-1") == Naming("Ada", update.identity_id or "", True, update.score or 0.0, update.face)


def test_a_sighting_whose_frame_is_never_followed_is_stored_without_a_track(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.recognise(site.publish(STORY[:4], followed=False))
    (face,) = site.taken(FACES, "face-storage-workers")
    monkeypatch.setattr(tasks.storage, "PATIENCE_SECONDS", -1.0)

    assert site.run("store_face", FACES, face) is None

    assert site.stored() == [(0, "Ada")]
    assert site.query("SELECT track FROM sightings") == [(None,)]
    assert site.sessions() == []


def test_of_two_names_the_enrolled_one_stays_and_a_worse_look_says_nothing(site: Site) -> None:
    board = site.process.context.tracks
    site.recognise(site.publish(STORY[:4]))
    better = Naming("Grace", "7b0d8f1e-0000-4000-8000-000000000002", known=True, score=1.0)
    board.named("s1-1", better)

    site.store()

    assert site.stored() == [(0, "Ada")]
    assert [event for event in site.sessions() if event.kind == "updated"] == []
    assert board.naming("s1-1") == better


def test_a_database_that_is_killed_is_waited_for_and_nothing_is_lost_or_doubled(site: Site, server: Any) -> None:
    entries = site.publish(STORY)
    site.recognise(entries[:6])
    waiting = site.taken(FACES, "face-storage-workers")
    os.killpg(server.pid, signal.SIGKILL)

    for _ in range(3):
        with pytest.raises(ServerUnavailableError):
            site.run("store_face", FACES, waiting[0], again=True)
        with pytest.raises(ServerUnavailableError):
            site.recognise(entries[6:])  # the first of them need no look at anybody, and are done without the database
    attempts = site.process.ledger.client.hgetall("genesis:faces:attempts"), site.process.ledger.client.hgetall("genesis:persons:attempts")
    letters = site.process.ledger.client.xlen("genesis:faces:dlq") + site.process.ledger.client.xlen("genesis:persons:dlq")
    server.start()
    for entry in waiting:
        assert site.run("store_face", FACES, entry, again=True) is None
    site.recognise(entries[6:])
    site.store()

    assert (attempts, letters) == (({}, {}), 0)
    assert site.stored() == EXPECTED
    assert site.pending("genesis:persons", "face-workers") == site.pending(FACES, "face-storage-workers") == 0


@pytest.mark.parametrize("who", ["Ada", "unknown-1"])
def test_of_somebody_who_is_being_erased_nothing_is_told_or_kept_of_late_frames(site: Site, who: str) -> None:
    from genesis.storage.erasure import begin

    person = ADA if who == "Ada" else STRANGER
    moments = [Moment(left=(person, 1)), *[Moment()] * 4, Moment(left=(person, 2))]
    entries = site.publish(moments)
    site.recognise(entries[:5])
    site.store()
    before = len(site.told()), site.crops()
    site.database.run(lambda cursor: begin(cursor, who))

    site.recognise(entries[5:])
    site.store()

    assert before[0] == 1
    assert (len(site.told()), site.crops()) == before
    assert site.query("SELECT count(*) FROM sightings") == [(1,)]


def test_a_sighting_that_was_on_its_way_when_the_person_was_erased_is_not_stored_and_its_crop_goes(site: Site) -> None:
    from genesis.storage.erasure import begin

    site.recognise(site.publish(STORY[:1]))
    site.database.run(lambda cursor: begin(cursor, "Ada"))
    before = site.crops()

    site.store()

    assert len(before) == 1
    assert site.crops() == set()
    assert site.query("SELECT count(*) FROM sightings") == [(0,)]


def test_sessions_and_figures_are_kept_once(site: Site) -> None:
    handler = site.rows["store_session"].handler
    event = completed(SessionEvent(camera="door", time=NOON, scope="camera", kind="started", session="s1"))

    for _ in range(2):
        handler(event, site.process.context)

    assert site.query("SELECT count(*) FROM sessions") == [(1,)]
