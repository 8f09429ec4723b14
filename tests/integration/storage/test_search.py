"""The nearest identities: exactly in a small gallery, through the index in a large one."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

pytest.importorskip("psycopg2", reason="no PostgreSQL in this environment: make setup")

from genesis.storage.faces import ModelGallery, add_faces
from genesis.storage.gallery import NewFace, enroll, name_unknown
from genesis.storage.search import nearest_of, search, searched_exactly
from genesis.storage.sightings import store
from genesis.storage.vectors import EmbeddingError
from tests.integration.storage.people import DIMENSION, MODEL, THRESHOLD, face, photo, seen

PEOPLE, FACES, WIDTH = 150, 5, 64
EXACT, INDEXED = 10**9, 0


@pytest.fixture
def crowd(database):
    """Return the database with many people, known and unknown by turns, and their faces: (people, faces, width)."""
    random = np.random.default_rng(5)
    centres = random.normal(size=(PEOPLE, 1, WIDTH))
    faces = (centres + 0.4 * random.normal(size=(PEOPLE, FACES, WIDTH))).astype(np.float32)

    def fill(cursor):
        for who in range(PEOPLE):
            if who % 2:
                cursor.execute("INSERT INTO identities (kind, unknown_number) VALUES ('unknown', %s) RETURNING id", (who,))
                (identity_id,) = cursor.fetchone()
                made = [NewFace(faces[who, nth], "sighting", f"{who} {nth}") for nth in range(FACES)]
                add_faces(cursor, identity_id, "unknown", "Wide", made)
            else:
                enroll(cursor, f"p{who}", "Wide", [photo(0, embedding=faces[who, nth], sha256=f"{who} {nth}") for nth in range(FACES)])

    database.run(fill)
    return database, faces


def test_both_ways_find_the_nearest_identities_in_their_order(crowd):
    database, faces = crowd
    random = np.random.default_rng(6)
    flat = faces / np.linalg.norm(faces, axis=2, keepdims=True)
    every_kind = [("known",), ("unknown",), ("known", "unknown")]
    for who, kinds, exact_below in itertools.product(range(20), every_kind, (EXACT, INDEXED)):
        query = (faces[who, 0] + 0.2 * random.normal(size=WIDTH)).astype(np.float32)

        asked = {"exact_below": exact_below, "limit": 7, "kinds": kinds}
        found = database.run(lambda c, query=query, asked=asked: search(c, "Wide", query, **asked))

        distances = (1 - flat @ (query / np.linalg.norm(query))).min(axis=1)
        eligible = [one for one in range(PEOPLE) if ("unknown" if one % 2 else "known") in kinds]
        expected = sorted(eligible, key=lambda one: distances[one])[:7]
        assert [match.label for match in found] == [f"unknown-{one}" if one % 2 else f"p{one}" for one in expected]
        assert np.allclose([match.distance for match in found], distances[expected], atol=1e-5)
        assert {match.kind for match in found} <= set(kinds)


def test_the_index_is_used_and_the_exact_way_never_uses_it(crowd):
    database, faces = crowd

    def plan(exact_below):
        def explain(cursor):
            class Explaining:
                def __getattr__(self, name):
                    return getattr(cursor, name)

                def execute(self, query, values=None):
                    text = query if isinstance(query, str) else query.as_string(cursor)
                    cursor.execute(f"EXPLAIN {text}" if "near AS" in text else text, values)
                    if "near AS" in text:
                        plans.append("\n".join(row[0] for row in cursor.fetchall()))
                        cursor.execute("SELECT 1 WHERE false")

            search(Explaining(), "Wide", faces[0, 0], exact_below=exact_below)

        plans = []
        database.run(explain)
        return plans[0]

    assert "Index Scan using face_embeddings_hnsw_" in plan(INDEXED)
    assert "hnsw" not in plan(EXACT)


@pytest.mark.parametrize("exact_below", [EXACT, INDEXED])
def test_somebody_with_very_many_photos_does_not_hide_the_others(crowd, exact_below):
    database, faces = crowd
    noise = 0.1 * np.random.default_rng(7).normal(size=(230, WIDTH)).astype(np.float32)
    many = [photo(0, sha256=f"{nth}", embedding=faces[0, 0] + noise[nth]) for nth in range(len(noise))]
    database.run(lambda c: enroll(c, "p0", "Wide", many))

    found = database.run(lambda c: search(c, "Wide", faces[0, 0], exact_below=exact_below))

    assert found[0].label == "p0"
    assert len({match.label for match in found}) == 5


@pytest.mark.parametrize("exact_below", [EXACT, INDEXED])
def test_a_few_enrolled_people_are_found_among_many_strangers_who_are_nearer(database, exact_below):
    database.run(lambda c: enroll(c, "Ada", MODEL, [photo(0)]))
    for number in range(30):
        embedding = face(2) + np.float32(0.01) * np.eye(DIMENSION, dtype=np.float32)[number % DIMENSION]
        event = seen(number, embedding=embedding.astype("<f4").tobytes())
        database.run(lambda c, event=event: store(c, event, unknown_distance=1e-9))

    found = database.run(lambda c: search(c, MODEL, face(2), exact_below=exact_below))

    assert [match.name for match in found] == ["Ada"]


def test_a_model_that_was_never_used_finds_nobody(database):
    assert database.run(lambda c: search(c, "New", face(0), exact_below=0)) == []


def test_an_embedding_without_a_direction_is_refused(database):
    with pytest.raises(EmbeddingError):
        database.run(lambda c: search(c, MODEL, face(0) * 0, exact_below=0))


@pytest.mark.parametrize(
    ("gallery", "kinds", "exactly"),
    [
        (ModelGallery("m", 128, known=99, unknown=10**6), ("known",), True),
        (ModelGallery("m", 128, known=100, unknown=0), ("known",), False),
        (ModelGallery("m", 128, known=60, unknown=60), ("known", "unknown"), False),
        (ModelGallery("m", 4096, known=10**6, unknown=0), ("known",), True),
    ],
)
def test_the_size_of_what_is_searched_decides_how(gallery, kinds, exactly):
    assert searched_exactly(gallery, kinds, 100) is exactly


def test_models_with_any_name_and_long_embeddings_can_be_used(database):
    model, long = 'O\'Neil "4096" %s', np.linspace(1, 2, 4096).astype(np.float32)
    database.run(lambda c: enroll(c, "Ada", model, [photo(0, embedding=long)]))
    database.run(lambda c: enroll(c, "Bob", model + "!", [photo(0, embedding=face(0))]))

    for name, embedding, expected in ((model, long, "Ada"), (model + "!", face(0), "Bob")):
        found = database.run(lambda c, name=name, embedding=embedding: search(c, name, embedding, exact_below=0))
        assert [match.name for match in found] == [expected]


def test_a_changed_kind_is_found_as_what_it_is_now(database):
    database.run(lambda c: store(c, seen(1, 2), unknown_distance=THRESHOLD))
    database.run(lambda c: name_unknown(c, "unknown-1", "Eve"))

    for exact_below in (EXACT, INDEXED):
        (match,) = database.run(lambda c, below=exact_below: search(c, MODEL, face(2), exact_below=below))
        assert (match.name, match.kind, match.erasing) == ("Eve", "known", False)


def test_the_distance_to_one_person_is_that_of_the_nearest_face(database):
    ada = database.run(lambda c: enroll(c, "Ada", MODEL, [photo(0, 0), photo(0, 9)])).identity.id

    assert database.run(lambda c: nearest_of(c, ada, MODEL, face(0))) == 0
    assert database.run(lambda c: nearest_of(c, ada, "other", face(0))) is None
