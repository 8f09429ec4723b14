"""Enrol, find, rename, merge, un-enrol, and name an unknown person."""

from __future__ import annotations

import pytest

pytest.importorskip("psycopg2", reason="no PostgreSQL in this environment: make setup")

from genesis.errors import UsageError
from genesis.storage.gallery import (
    IdentityBusyError,
    NoSuchIdentityError,
    delete,
    enroll,
    enrolled_as,
    find,
    identities,
    merge,
    name_unknown,
    rename,
    stored_faces,
)
from genesis.storage.search import search
from genesis.storage.sightings import Filters, face_of, get, sightings, store
from genesis.storage.vectors import EmbeddingError
from tests.integration.storage.people import MODEL, THRESHOLD, crop, face, photo, seen

ADA, BOB, EVE = 0, 2, 4


@pytest.fixture
def gallery(database):
    """Return the database, which knows Ada and Bob, and has seen somebody unknown twice."""
    database.run(lambda c: enroll(c, "Ada", MODEL, [photo(ADA, 1), photo(ADA, 2)]))
    database.run(lambda c: enroll(c, "Bob", MODEL, [photo(BOB, 1)]))
    for number in (1, 2):
        database.run(lambda c, number=number: store(c, seen(number, EVE, number), unknown_distance=THRESHOLD))
    return database


def nearest(database, who, nth=0, **options):
    return database.run(lambda c: search(c, MODEL, face(who, nth), exact_below=1000, **options))


def counts(database):
    return database.run(lambda c: (c.execute("SELECT known, unknown FROM face_models"), c.fetchall())[1])


def actual_counts(database):
    query = "SELECT count(*) FILTER (WHERE kind = 'known'), count(*) FILTER (WHERE kind = 'unknown') FROM face_embeddings"
    return database.run(lambda c: (c.execute(query), c.fetchall())[1])


def test_enrolling_again_adds_what_is_new(gallery):
    again = gallery.run(lambda c: enroll(c, " ADA", MODEL, [photo(ADA, 2), photo(ADA, 3)]))

    assert (again.added, again.already) == (1, 1)
    assert (again.identity.name, again.identity.photos, again.identity.kind) == ("Ada", 3, "known")


def test_people_are_listed_the_known_by_name_then_the_unknown(gallery):
    everybody = gallery.run(identities)

    assert [(one.label, one.kind, one.photos, one.embeddings, one.sightings) for one in everybody] == [
        ("Ada", "known", 2, 2, 0), ("Bob", "known", 1, 1, 0), ("unknown-1", "unknown", 0, 2, 2)
    ]  # fmt: skip
    assert [one.label for one in gallery.run(lambda c: identities(c, "unknown"))] == ["unknown-1"]
    assert everybody[2].first_seen == seen(1).time
    assert everybody[2].last_seen == seen(2).time


@pytest.mark.parametrize("who", ["Ada", "ada", "  ADA "])
def test_somebody_is_found_by_a_name_in_any_case(gallery, who):
    assert gallery.run(lambda c: find(c, who)).name == "Ada"


@pytest.mark.parametrize("part", [slice(None), slice(0, 8), slice(0, 10)])
def test_somebody_is_found_by_an_id_or_its_beginning(gallery, part):
    ada = gallery.run(lambda c: find(c, "Ada"))

    assert gallery.run(lambda c: find(c, ada.id[part].upper())) == ada


@pytest.mark.parametrize(
    ("who", "says"), [("Adda", r"nobody is called 'Adda' \(near: Ada\)"), ("unknown-7", "near: unknown-1"), ("%", "nobody"), ("", "nobody")]
)
def test_who_is_not_there_is_told_with_those_who_are_called_nearly_so(gallery, who, says):
    with pytest.raises(NoSuchIdentityError, match=says):
        gallery.run(lambda c: find(c, who))


def test_several_people_with_one_beginning_of_an_id_are_not_confused(database):
    for number in range(2):
        values = (f"abcd000{number}-0000-4000-8000-000000000000", number)
        database.run(lambda c, v=values: c.execute("INSERT INTO identities (id, kind, unknown_number) VALUES (%s, 'unknown', %s)", v))

    with pytest.raises(NoSuchIdentityError, match="several people"):
        database.run(lambda c: find(c, "abcd"))


def test_photos_of_somebody_are_found_by_their_files(gallery):
    files = [photo(ADA, 1).sha256, photo(BOB, 1).sha256, "0" * 64]

    assert gallery.run(lambda c: enrolled_as(c, MODEL, files)) == {files[0]: "Ada", files[1]: "Bob"}
    assert gallery.run(lambda c: enrolled_as(c, "other", files)) == {}


def test_a_model_has_one_dimension(gallery):
    with pytest.raises(EmbeddingError, match=r"model 'Tiny': an embedding of 4 numbers, and those in the gallery have 8"):
        gallery.run(lambda c: enroll(c, "Ada", MODEL, [photo(ADA, 5, embedding=face(ADA)[:4])]))
    with pytest.raises(EmbeddingError, match="of 4 numbers"):
        gallery.run(lambda c: search(c, MODEL, face(ADA)[:4], exact_below=0))


def test_a_person_may_have_faces_of_several_models(gallery):
    gallery.run(lambda c: enroll(c, "Ada", "Tiny4", [photo(ADA, 1, embedding=face(ADA)[:4])]))

    ada = gallery.run(lambda c: find(c, "Ada"))
    assert (ada.photos, ada.embeddings) == (3, 3)
    assert [match.name for match in gallery.run(lambda c: search(c, "Tiny4", face(ADA)[:4], exact_below=0))] == ["Ada"]


def test_a_refused_enrolment_leaves_nobody(database):
    with pytest.raises(EmbeddingError):
        database.run(lambda c: enroll(c, "Ada", MODEL, [photo(ADA), photo(ADA, 1, embedding=face(ADA) * float("nan"))]))

    assert database.run(identities) == []


@pytest.mark.parametrize(("name", "faces"), [("unknown-5", [photo(ADA)]), ("Ada", [])])
def test_a_wrong_enrolment_is_refused(database, name, faces):
    with pytest.raises(UsageError):
        database.run(lambda c: enroll(c, name, MODEL, faces))


def test_a_new_name_is_everywhere_at_once(gallery):
    gallery.run(lambda c: rename(c, "ada", "Ada King"))

    assert nearest(gallery, ADA)[0].name == "Ada King"
    with pytest.raises(NoSuchIdentityError):
        gallery.run(lambda c: find(c, "Ada"))


def test_a_name_may_change_its_case_alone(gallery):
    assert gallery.run(lambda c: rename(c, "ada", "ADA")).name == "ADA"


@pytest.mark.parametrize(
    ("who", "name", "says"),
    [
        ("Ada", "bob", "somebody else is called 'bob'"),
        ("unknown-1", "Eve", "has no name yet"),
        ("Ada", "unknown-3", "nobody can be called"),
    ],
)
def test_a_rename_that_cannot_be_is_refused(gallery, who, name, says):
    with pytest.raises(UsageError, match=says):
        gallery.run(lambda c: rename(c, who, name))


def test_an_unknown_person_gets_a_name_and_so_does_the_past(gallery):
    named = gallery.run(lambda c: name_unknown(c, "unknown-1", "Eve"))

    assert (named.name, named.kind, named.sightings, named.number) == ("Eve", "known", 2, 1)
    assert {sighting.label for sighting in gallery.run(sightings)} == {"Eve"}
    assert nearest(gallery, EVE)[0].name == "Eve"
    assert gallery.run(lambda c: find(c, "unknown-1")) == named
    assert counts(gallery) == actual_counts(gallery) == [(5, 0)]


def test_an_unknown_person_who_is_known_after_all_is_merged(gallery):
    unknown = gallery.run(lambda c: find(c, "unknown-1"))

    named = gallery.run(lambda c: name_unknown(c, "unknown-1", "bob"))

    assert (named.name, named.sightings, named.photos, named.embeddings) == ("Bob", 2, 1, 3)
    assert gallery.run(lambda c: find(c, unknown.id)) == named
    assert counts(gallery) == actual_counts(gallery) == [(5, 0)]


def test_somebody_with_a_name_is_not_named_again(gallery):
    with pytest.raises(UsageError, match="Ada already"):
        gallery.run(lambda c: name_unknown(c, "Ada", "Eve"))


def test_a_merged_person_keeps_both_photos(gallery):
    bob = gallery.run(lambda c: find(c, "Bob"))

    merged = gallery.run(lambda c: merge(c, "Ada", "Bob"))

    assert (merged.name, merged.photos) == ("Ada", 3)
    assert nearest(gallery, BOB)[0].name == "Ada"
    assert gallery.run(lambda c: find(c, bob.id)).name == "Ada"


def test_a_photo_that_both_had_is_kept_once(gallery):
    gallery.run(lambda c: enroll(c, "Bob", MODEL, [photo(ADA, 1)]))

    assert gallery.run(lambda c: merge(c, "Ada", "Bob")).photos == 3
    assert counts(gallery) == actual_counts(gallery)


def test_who_was_merged_twice_is_found_by_the_oldest_id(gallery):
    unknown = gallery.run(lambda c: find(c, "unknown-1"))
    gallery.run(lambda c: merge(c, "Bob", "unknown-1"))
    gallery.run(lambda c: merge(c, "Ada", "Bob"))

    stored = gallery.run(lambda c: store(c, seen(9, None, identity_id=unknown.id), unknown_distance=THRESHOLD))

    assert gallery.run(lambda c: find(c, unknown.id)).name == stored.label == "Ada"


@pytest.mark.parametrize(
    ("into", "other", "says"), [("Ada", "ADA", "the same person"), ("unknown-1", "Ada", "would lose the name: merge unknown-1 into 'Ada'")]
)
def test_a_merge_that_cannot_be_is_refused(gallery, into, other, says):
    with pytest.raises(UsageError, match=says):
        gallery.run(lambda c: merge(c, into, other))


def test_who_is_unenrolled_and_was_never_seen_is_gone(gallery):
    gone = gallery.run(lambda c: delete(c, "Ada"))

    assert (gone.name, gone.photos, gone.left) == ("Ada", 2, None)
    assert set(gone.crops) == {crop("photo 0 1"), crop("photo 0 2")}
    assert nearest(gallery, ADA)[0].name == "Bob"
    assert counts(gallery) == actual_counts(gallery) == [(1, 2)]


def test_who_is_unenrolled_is_unknown_from_then_on_and_still_recognised_as_the_same(gallery):
    ada = gallery.run(lambda c: find(c, "Ada"))
    gallery.run(lambda c: store(c, seen(3, ADA, identity_id=ada.id), unknown_distance=THRESHOLD))

    gone = gallery.run(lambda c: delete(c, "Ada"))
    later = gallery.run(lambda c: store(c, seen(4, ADA, 5), unknown_distance=THRESHOLD))

    assert (gone.left.label, gone.left.sightings, gone.left.photos, gone.left.embeddings) == ("unknown-2", 1, 0, 1)
    assert later.label == "unknown-2"
    assert counts(gallery) == actual_counts(gallery) == [(1, 4)]


def test_who_was_unknown_and_is_unenrolled_has_the_old_number_again(gallery):
    gallery.run(lambda c: name_unknown(c, "unknown-1", "Eve"))

    assert gallery.run(lambda c: delete(c, "Eve")).left.label == "unknown-1"


def test_an_unknown_person_cannot_be_unenrolled(gallery):
    with pytest.raises(UsageError, match="genesis erase unknown-1"):
        gallery.run(lambda c: delete(c, "unknown-1"))


def test_a_sighting_can_be_enrolled_and_goes_with_its_face(gallery):
    first = gallery.run(sightings)[-1]
    new = gallery.run(lambda c: face_of(c, get(c, first.id)))

    enrolled = gallery.run(lambda c: enroll(c, "Eve", MODEL, [new]))

    assert (enrolled.added, enrolled.identity.sightings, enrolled.identity.photos) == (1, 1, 0)
    assert gallery.run(lambda c: get(c, first.id)).name == "Eve"
    assert gallery.run(lambda c: find(c, "unknown-1")).embeddings == 1
    assert [one.origin for one in gallery.run(lambda c: stored_faces(c, enrolled.identity.id))] == ["event-1"]


def test_an_unknown_person_whose_last_sighting_is_enrolled_is_gone(gallery):
    for sighting in gallery.run(sightings):
        gallery.run(lambda c, s=sighting: enroll(c, "Eve", MODEL, [face_of(c, s)]))

    assert [one.label for one in gallery.run(identities)] == ["Ada", "Bob", "Eve"]
    assert gallery.run(lambda c: sightings(c, Filters(unknown=True))) == []


def test_who_is_being_erased_is_left_alone(gallery):
    gallery.run(lambda c: c.execute("UPDATE identities SET erasing = now() WHERE name = 'Ada'"))

    for change in (
        lambda c: enroll(c, "Ada", MODEL, [photo(ADA, 7)]), lambda c: rename(c, "Ada", "X"), lambda c: merge(c, "Bob", "Ada"),
        lambda c: delete(c, "Ada"), lambda c: name_unknown(c, "unknown-1", "Ada"),
    ):  # fmt: skip
        with pytest.raises(IdentityBusyError):
            gallery.run(change)
