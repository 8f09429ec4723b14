"""After an erasure no table, and no file of the database, has anything of the person."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("psycopg2", reason="no PostgreSQL in this environment: make setup")

import psycopg2

from genesis.events import AlertEvent, SessionEvent
from genesis.settings import Retention, Storage
from genesis.storage import cluster, scrubbing
from genesis.storage.crops import Crops
from genesis.storage.database import Database
from genesis.storage.erasure import begin, finish, scrub
from genesis.storage.faces import index_name
from genesis.storage.gallery import NoSuchIdentityError, enroll, find, merge, name_unknown, rename
from genesis.storage.presences import presences
from genesis.storage.records import store as store_record
from genesis.storage.retention import sweep
from genesis.storage.schema import upgrade
from genesis.storage.server import PostgresServer
from genesis.storage.sightings import sightings, store
from tests.integration.storage.people import MODEL, NOON, THRESHOLD, crop, face, photo, seen
from tests.postgres_fixtures import tell

ADA, BOB, EVE = 0, 2, 4
NAME, OLD_NAME = "Adalbert Quixfjord", "Zymurgia Vexwhistle"


def keep(database, event):
    return database.run(lambda c: store(c, event, unknown_distance=THRESHOLD))


def live(database: Database) -> str:
    """Fill a database with two people's lives; return the id of the one."""
    ada = database.run(lambda c: enroll(c, OLD_NAME, MODEL, [photo(ADA, nth) for nth in range(1, 4)])).identity.id
    database.run(lambda c: rename(c, OLD_NAME, NAME))
    database.run(lambda c: enroll(c, "Bob", MODEL, [photo(BOB), photo(BOB, 1, crop=crop("both"))]))
    for number in range(5):
        keep(database, seen(number, ADA, number, identity_id=ada))
    keep(database, seen(5, ADA, 1, identity_id=ada, crop=crop("both")))
    keep(database, seen(6, EVE))
    keep(database, seen(7, EVE, 1))
    database.run(lambda c: store_record(c, AlertEvent(id="a1", camera="door", time=NOON, rule="seen", cause="event-1", message="x")))
    named = {"identity": NAME, "identity_id": ada, "known": True}
    presence = {"camera": "door", "time": NOON, "scope": "person", "session": "track-1", "score": 0.9, "face": crop("event 4")}
    database.run(lambda c: store_record(c, SessionEvent(id="p1", kind="updated", **presence, **named)))
    database.run(lambda c: store_record(c, SessionEvent(id="p2", kind="ended", duration=3.0, **presence, **named)))
    alert = {"camera": "door", "time": NOON, "rule": "yard", "track": "track-1"}
    for event in (
        AlertEvent(id="a3", alert="a3", message="somebody in the yard", snapshot=crop("the yard"), **alert),
        AlertEvent(id="a4", alert="a3", kind="updated", message=f"{NAME} in the yard", **alert, **named),
        AlertEvent(id="a5", alert="a5", message="two in the yard", snapshot=crop("two"), **alert),
        AlertEvent(id="a6", alert="a6", message="Bob in the yard", snapshot=crop("two"), **{**alert, "track": "track-2"}),
    ):
        database.run(lambda c, event=event: store_record(c, event))
    spoken = f"{NAME.upper()} and Bob at the door; {NAME}s are others"
    database.run(lambda c: store_record(c, AlertEvent(id="a2", camera="door", time=NOON, rule="seen", cause="z", message=spoken)))
    return ada


def every_row(database: Database) -> str:
    """Return all rows of all tables as text."""

    def read(cursor: Any) -> str:
        cursor.execute("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' AND table_type = 'BASE TABLE'")
        texts = []
        for (table,) in cursor.fetchall():
            cursor.execute(f'SELECT t::text FROM "{table}" t')  # noqa: S608 - of the catalogue
            texts += [row[0] for row in cursor.fetchall()]
        return "\n".join(texts)

    return database.run(read)


def traces_in_rows(events: range, *who: int) -> list[str]:
    vectors = [",".join(f"{value:g}" for value in face(one, nth)) for one in who for nth in range(10)]
    return [NAME, OLD_NAME, *vectors, *(crop(f"event {number}") for number in events), *(f"event-{number}" for number in events)]


def test_no_row_of_an_erased_person_is_left(database):
    ada = live(database)

    erasure = database.run(lambda c: begin(c, NAME.lower()))
    erased = database.run(lambda c: finish(c, erasure))

    text = every_row(database)
    assert [trace for trace in traces_in_rows(range(5), ADA) if trace in text] == [f"{NAME}"]  # of the others who are called so
    assert f"(erased) and Bob at the door; {NAME}s are others" in text
    assert erased.counts == {"photos": 3, "embeddings": 3, "sightings": 6, "alerts": 1}
    assert (erased.presences, erased.alerts, erased.snapshots) == (1, 3, (crop("the yard"),))  # not the one that Bob's alert has, too
    assert "somebody in the yard" in text
    assert set(erased.event_ids) == {f"event-{number}" for number in range(6)}
    expected = {*(crop(f"event {number}") for number in range(5)), *(crop(f"photo {ADA} {nth}") for nth in range(1, 4))}
    assert set(erased.crops) == set(erasure.crops) == expected  # not the one that Bob has, too
    assert [line for line in text.splitlines() if ada in line] == [line for line in text.splitlines() if line.startswith(f"({ada},")]
    assert {seen.number for seen in erasure.seen} == set(range(6))


def test_the_others_are_left(database):
    live(database)

    database.run(lambda c: finish(c, begin(c, NAME)))

    assert database.run(lambda c: find(c, "Bob")).photos == 2
    assert database.run(lambda c: find(c, "unknown-1")).sightings == 2
    with pytest.raises(NoSuchIdentityError):
        database.run(lambda c: find(c, NAME))


def test_a_presence_stays_without_whose_it_was(database):
    live(database)

    erasure = database.run(lambda c: begin(c, NAME))
    database.run(lambda c: finish(c, erasure))

    (left,) = database.run(presences)
    assert (erasure.tracks, erasure.names) == (("track-1",), (NAME,))
    assert (left.session, left.seconds, left.identity, left.identity_id, left.face) == ("track-1", 3.0, None, None, "")


def test_somebody_elses_presence_keeps_the_name_though_the_person_was_seen_in_it(database):
    ada = database.run(lambda c: enroll(c, NAME, MODEL, [photo(ADA)])).identity.id
    bob = database.run(lambda c: enroll(c, "Bob", MODEL, [photo(BOB)])).identity.id
    keep(database, seen(1, ADA, identity_id=ada, track="track-1"))
    named = {"identity": "Bob", "identity_id": bob, "known": True}
    told = SessionEvent(id="p1", camera="door", time=NOON, scope="person", kind="ended", session="track-1", **named)
    database.run(lambda c: store_record(c, told))

    database.run(lambda c: finish(c, begin(c, NAME)))

    assert [one.identity for one in database.run(presences)] == ["Bob"]


def test_while_it_lasts_the_sightings_are_not_shown_any_more(database):
    live(database)

    database.run(lambda c: begin(c, NAME))

    assert {one.label for one in database.run(sightings)} == {"unknown-1"}


def test_who_was_killed_in_the_middle_begins_again_and_forgets_nothing(database):
    live(database)

    first = database.run(lambda c: begin(c, NAME))
    second = database.run(lambda c: begin(c, NAME))
    database.run(lambda c: finish(c, second))
    again = database.run(lambda c: finish(c, second))

    assert first == second
    assert again.counts == {"photos": 0, "embeddings": 0, "sightings": 0, "alerts": 0}


def test_a_stranger_with_a_past_is_erased_with_everything_that_was_merged(database):
    keep(database, seen(1, ADA))
    keep(database, seen(2, EVE))
    old = database.run(lambda c: find(c, "unknown-2")).id
    database.run(lambda c: merge(c, "unknown-1", "unknown-2"))

    erasure = database.run(lambda c: begin(c, "unknown-1"))
    database.run(lambda c: finish(c, erasure))

    assert old in erasure.identity_ids
    assert [trace for trace in traces_in_rows(range(1, 3), ADA, EVE) if trace in every_row(database)] == []
    assert keep(database, seen(3, EVE, identity_id=old)).refused == "erased"


def test_the_old_label_of_who_got_a_name_is_taken_out_of_texts_too(database):
    keep(database, seen(1, EVE))
    message = "unknown-1 and unknown-17 in the yard"
    database.run(lambda c: store_record(c, AlertEvent(id="a1", camera="door", time=NOON, rule="r", message=message)))
    database.run(lambda c: name_unknown(c, "unknown-1", "O'Brien (the 2nd)"))

    database.run(lambda c: finish(c, begin(c, "o'brien (the 2nd)")))

    assert database.run(lambda c: (c.execute("SELECT message FROM alerts"), c.fetchall())[1]) == [("(erased) and unknown-17 in the yard",)]


@pytest.fixture
def own_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    """Run a server as an installation has it, whose files can be looked at."""
    if reason := cluster.missing_packages():
        pytest.skip(reason)
    with PostgresServer(tmp_path_factory.mktemp("postgres")) as server:
        yield server


def test_no_byte_of_an_erased_person_is_left_in_the_files(own_server):
    with contextlib.closing(psycopg2.connect(own_server.url("postgres"))) as admin, admin.cursor() as cursor:
        admin.autocommit = True
        cursor.execute("CREATE DATABASE genesis")
    upgrade(own_server.url())
    database = Database(Storage(), own_server.url())
    live(database)
    wide = np.linspace(1, 2, 4096, dtype=np.float32)  # too long for a page
    database.run(lambda c: enroll(c, NAME, "Wide", [photo(ADA, 9, embedding=wide)]))
    with contextlib.closing(psycopg2.connect(own_server.url())) as admin, admin.cursor() as cursor:
        admin.autocommit = True
        cursor.execute("ANALYZE; CHECKPOINT")
    traces = [
        NAME.encode(), OLD_NAME.encode(), NAME.casefold().encode(), face(ADA, 2).tobytes(), face(ADA, 3)[:2].tobytes(),
        wide[100:120].tobytes(), crop("the yard").encode(), *(crop(f"event {number}").encode() for number in range(5)), b"event-3",
        *(hashlib.sha256(f"photo {ADA} {nth}".encode()).hexdigest().encode() for nth in (1, 2, 3)),
    ]  # fmt: skip
    before = {trace for trace in traces if files_with(own_server.folder, trace)}
    database.run(lambda c: c.execute("DELETE FROM alerts WHERE event_id = 'a2'"))  # which speaks of others, too

    database.run(lambda c: finish(c, begin(c, NAME)))
    left = {trace for trace in traces if files_with(own_server.folder, trace)}
    scrubbed = scrub(database)
    database.close()

    assert before == left == set(traces)
    assert scrubbed.left == ()
    assert {trace: found for trace in traces if (found := files_with(own_server.folder, trace))} == {}
    own_server.stop()
    assert {trace: found for trace in traces if (found := files_with(own_server.folder, trace))} == {}


def files_with(folder: Path, trace: bytes) -> list[str]:
    """Return the files that have some bytes, or have them with letters in another case."""
    found = []
    for file in folder.rglob("*"):
        with contextlib.suppress(FileNotFoundError):
            if file.is_file() and trace in file.read_bytes():
                found.append(str(file.relative_to(folder)))
    return found


def test_where_we_may_not_scrub_it_is_said_what_is_left(database_url):
    name = database_url.partition("?")[0].rpartition("/")[2]
    with contextlib.closing(psycopg2.connect(database_url)) as admin, admin.cursor() as cursor:
        admin.autocommit = True
        cursor.execute(f"CREATE ROLE r_{name} LOGIN; GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO r_{name}")
        database = Database(Storage(), database_url.replace("postgres:@", f"r_{name}:@"))

        scrubbed = scrub(database)
        database.close()

        cursor.execute(f"DROP OWNED BY r_{name}; DROP ROLE r_{name}")
    assert scrubbed.done == ()
    assert "table sightings: only its owner may write it anew" in scrubbed.left
    assert any("an administrator can run CHECKPOINT" in line for line in scrubbed.left)


def test_who_still_sees_the_deleted_rows_is_told(database, reused_database):
    live(database)
    with contextlib.closing(psycopg2.connect(reused_database)) as reader, reader.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; SELECT 1")
        database.run(lambda c: finish(c, begin(c, NAME)))
        times = iter(range(0, 1000, 4))

        scrubbed = scrub(database, clock=lambda: float(next(times)), sleep=lambda _: None)

    again = scrub(database)
    assert any(line.startswith("table sightings: another session's transaction still sees rows") for line in scrubbed.left)
    assert again.left == ()


INDEXES = """
    SELECT count(*) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE c.relname LIKE 'face_embeddings_hnsw%' AND i.indisvalid
"""


def test_large_indexes_are_built_again_after_the_tables(database, reused_database, monkeypatch):
    live(database)
    monkeypatch.setattr(scrubbing, "LARGE", 0)

    scrubbed = scrub(database)

    assert scrubbed.left == ()
    assert tell(reused_database, INDEXES) == [(1,)]


@pytest.mark.parametrize("left", ["DROP INDEX {}", "UPDATE pg_index SET indisvalid = false WHERE indexrelid = '{}'::regclass"])
def test_an_index_that_a_killed_scrub_has_left_out_is_built_by_the_next_sweep(database, reused_database, tmp_path, left):
    live(database)
    tell(reused_database, left.format(index_name(MODEL)))
    before = tell(reused_database, INDEXES)

    sweep(database, Retention(), Crops(tmp_path), NOON)

    assert (before, tell(reused_database, INDEXES)) == ([(0,)], [(1,)])
