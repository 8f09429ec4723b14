"""Everything at once: whatever order it happens in, what is kept fits together, and of the erased nothing is left."""

from __future__ import annotations

import contextlib
import threading
import time
from random import Random

import pytest

pytest.importorskip("psycopg2", reason="no PostgreSQL in this environment: make setup")

from genesis.errors import GenesisError
from genesis.settings import Storage
from genesis.storage.database import Database
from genesis.storage.erasure import begin, finish
from genesis.storage.gallery import delete, enroll, identities, merge, name_unknown
from genesis.storage.sightings import store
from tests.integration.storage.people import MODEL, THRESHOLD, photo, seen
from tests.postgres_fixtures import tell

SECONDS, THREADS = 1.5, 6


class Storm:
    """Threads that store, enrol, name, merge, un-enrol and erase the same few people."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.erased: set[str] = set()
        self.unexpected: list[Exception] = []
        self.until = time.monotonic() + SECONDS

    def run(self, seed: int) -> None:
        random = Random(seed)
        while time.monotonic() < self.until:
            try:
                self._step(random)
            except GenesisError:
                continue  # nobody is called so, or is being erased
            except Exception as error:  # noqa: BLE001 - whatever it is
                self.unexpected.append(error)

    def _step(self, random: Random) -> None:
        who, nth, run = random.randrange(4) * 2, random.randrange(10), self.database.run
        name, other = f"P{who}", f"P{random.randrange(4) * 2}"
        number = random.randrange(10**9)
        kind = random.choices(("see", "enrol", "delete", "merge", "name", "erase"), (60, 12, 7, 7, 7, 7))[0]
        if kind == "see":
            run(lambda c: store(c, seen(number, who, nth), unknown_distance=THRESHOLD))
        elif kind == "enrol":
            run(lambda c: enroll(c, name, MODEL, [photo(who, nth)]))
        elif kind == "delete":
            run(lambda c: delete(c, name))
        elif kind == "merge":
            run(lambda c: merge(c, name, other))
        elif kind == "name":
            unknown = run(lambda c: identities(c, "unknown"))
            if unknown:
                label = random.choice(unknown).label
                run(lambda c: name_unknown(c, label, name))
        else:
            erasure = run(lambda c: begin(c, name))
            run(lambda c: finish(c, erasure))
            self.erased.update(erasure.identity_ids)


def test_what_is_kept_fits_together_whatever_happens_at_once(reused_database, database):
    with contextlib.closing(Database(Storage(pool_size=THREADS), database.dsn)) as busy:
        storm = Storm(busy)
        threads = [threading.Thread(target=storm.run, args=(seed,)) for seed in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def count(query: str) -> int:
        return tell(reused_database, f"SELECT count(*) FROM {query}")[0][0]  # noqa: S608 - of this test

    assert storm.unexpected == []
    assert storm.erased
    assert count("face_models WHERE (known, unknown) <> (SELECT count(*) FILTER (WHERE kind = 'known'), "
                 "count(*) FILTER (WHERE kind = 'unknown') FROM face_embeddings)") == 0  # fmt: skip
    assert count("(SELECT FROM face_embeddings WHERE kind = 'unknown' GROUP BY identity_id HAVING count(*) > 20) x") == 0
    assert count("redirects a JOIN redirects b ON a.identity_id = b.merged_id") == 0
    assert count("identities WHERE erasing IS NOT NULL") == 0
    left = {row[0] for row in tell(reused_database, "SELECT id::text FROM identities UNION SELECT identity_id::text FROM sightings")}
    assert left.isdisjoint(storm.erased)
