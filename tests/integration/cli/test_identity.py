"""`genesis identity`, as an operator uses it: photos in, people out, each refusal with its reason."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from genesis.cli.main import main
from genesis.settings import Settings, current
from genesis.storage.database import Database
from genesis.storage.sightings import store
from tests.integration.storage.people import seen
from tests.staged_photos import DIMENSION, MODEL, StagedEngine, embedding, photo

ADA, GRACE, JOAN, MARY = 0, 2, 4, 6  # far from each other


@pytest.fixture
def run(home: Settings, engine: StagedEngine) -> Any:
    """Return a function that runs a command with the staged engine."""

    def invoke(*arguments: str, typed: str | None = None) -> Result:
        return CliRunner().invoke(main, ["identity", *arguments], obj=engine, input=typed)

    return invoke


@pytest.fixture
def people(run: Any) -> None:
    """Enrol Ada with three photos, and Grace with two."""
    for number in range(3):
        photo(Path(f"ada/{number}"), ADA, number)
        photo(Path(f"grace/{number}"), GRACE, number)
    Path("grace/2.png").unlink()
    for name in ("Ada", "Grace"):
        assert run("enroll", name, f"{name.lower()}/").exit_code == 0


def listed(run: Any, *arguments: str) -> dict[str, tuple[int, int, int]]:
    rows = json.loads(run("list", "--json", *arguments).stdout)
    return {row["label"]: (row["photos"], row["embeddings"], row["sightings"]) for row in rows}


def was_seen(database: Database, number: int, who: int, nth: int = 0, **changes: Any) -> str:
    event = seen(number, model=MODEL, embedding=embedding(who, nth).astype("<f4").tobytes(), **changes)
    stored = database.run(lambda cursor: store(cursor, event, unknown_distance=event.threshold))
    assert stored.new
    return str(stored.label)


def crops(home: Settings) -> list[Path]:
    return sorted(home.data_dir.glob("crops/*/*.jpg"))


def test_a_folder_of_photos_makes_a_person(run: Any, home: Settings) -> None:
    for number in range(3):
        photo(Path(f"photos/ada/{number}"), ADA, number)
    Path("photos/ada/notes.txt").touch()

    made = run("enroll", "Ada", "photos/ada/")

    assert (made.exit_code, made.stdout) == (0, "Ada: 3 faces enrolled, 1 file left out (no pictures by their names)\n")
    assert listed(run) == {"Ada": (3, 3, 0)}
    assert len(crops(home)) == 3
    assert {path.stat().st_mode & 0o777 for path in crops(home)} == {0o600}


def test_each_photo_that_can_not_be_used_is_told_with_its_reason(run: Any, people: None) -> None:
    photo(Path("new/1"), JOAN, 0)
    photo(Path("new/2"), JOAN, 1)
    photo(Path("new/3"), ())
    photo(Path("new/4"), (JOAN, MARY))
    for number, kind in enumerate(("small", "blurred", "turned"), start=5):
        photo(Path(f"new/{number}"), JOAN, number, kind)
    photo(Path("new/8"), MARY)
    photo(Path("new/9"), GRACE, 7)
    Path("new/a.jpg").touch()
    Path("new/b.jpg").write_text("no picture")
    Path("new/c.png").write_bytes(Path("ada/0.png").read_bytes())
    Path("new/d.png").write_bytes(Path("new/1.png").read_bytes())

    made = run("enroll", "Joan", "new", "--json")

    (joan,) = json.loads(made.stdout)["people"]
    told = {Path(one["photo"]).name: (one["reason"], one["message"]) for one in joan["photos"] if one["outcome"] == "refused"}
    assert made.exit_code == 0
    assert {name: reason for name, (reason, _) in told.items()} == {
        "3.png": "no face",
        "4.png": "several faces",
        "5.png": "too small",
        "6.png": "too blurred",
        "7.png": "turned away",
        "8.png": "unlike",
        "9.png": "somebody else",
        "a.jpg": "unreadable",
        "b.jpg": "unreadable",
        "c.png": "somebody else",
    }
    assert told["5.png"][1] == "too small: 30 pixels, 40 are needed"
    assert told["8.png"][1] == "looks unlike the other photos (the nearest: distance 1.000, threshold 0.300)"
    assert told["9.png"][1].startswith("looks like Grace, who is enrolled already (distance 0.0")
    assert told["c.png"][1] == "this very photo is enrolled as Ada"
    assert (joan["enrolled"], joan["already"], joan["refused"]) == (2, 1, 10)


def test_a_person_without_a_usable_photo_is_an_error_and_is_nobody(run: Any, home: Settings) -> None:
    photo(Path("new/1"), ())

    made = run("enroll", "Joan", "new")

    assert (made.exit_code, made.stdout) == (1, "Joan: 0 faces enrolled, 1 refused\n  new/1.png: no face found\n")
    assert listed(run) == {}
    assert crops(home) == []


def test_the_same_photos_again_change_nothing_and_need_no_look(run: Any, people: None, engine: StagedEngine) -> None:
    before = engine.looked_at

    again = run("enroll", "ADA", "ada/")

    assert (again.exit_code, again.stdout) == (0, "Ada: 0 faces enrolled, 3 already\n")
    assert listed(run)["Ada"] == (3, 3, 0)
    assert engine.looked_at == before


def test_a_folder_of_folders_makes_many_people_and_one_without_photos_is_told(run: Any) -> None:
    for number in range(2):
        photo(Path(f"photos/Ada/{number}"), ADA, number)
        photo(Path(f"photos/Grace/{number}"), GRACE, number)
    photo(Path("photos/Joan/1"), JOAN, 0, "blurred")

    made = run("enroll", "photos/")

    assert made.exit_code == 1
    assert made.stdout.splitlines() == [
        "Ada: 2 faces enrolled",
        "Grace: 2 faces enrolled",
        "Joan: 0 faces enrolled, 1 refused",
        "  photos/Joan/1.png: too blurred: sharpness 5, 10 is needed",
        "2 people of 3 enrolled, 4 new faces",
    ]
    assert listed(run) == {"Ada": (2, 2, 0), "Grace": (2, 2, 0)}


def test_a_photo_in_the_wrong_folder_is_found_also_in_a_dry_run_which_does_nothing(run: Any, home: Settings) -> None:
    for number in range(3):
        photo(Path(f"photos/Ada/{number}"), ADA, number)
        photo(Path(f"photos/Grace/{number}"), GRACE if number else ADA, 3 + number)

    tried = run("enroll", "--people", "photos", "--dry-run")

    assert (listed(run), crops(home)) == ({}, [])
    made = run("enroll", "--people", "photos")
    assert made.stdout.splitlines()[1] == "Grace: 2 faces enrolled, 1 refused"
    assert made.stdout.splitlines()[2].startswith("  photos/Grace/0.png: looks like Ada, who is enrolled already (distance 0.00")
    assert [line.replace(" would be", "") for line in tried.stdout.splitlines()][:3] == made.stdout.splitlines()[:3]
    assert tried.stdout.splitlines()[-1] == "(dry run: nothing was done)"


@pytest.mark.parametrize(
    ("arguments", "photos", "enrolled"),
    [(["--allow-several"], [(JOAN, MARY)], 1), (["--force"], [JOAN, MARY, 1], 3), ([], [JOAN, MARY], 2)],
)
def test_what_is_refused_can_be_insisted_upon(run: Any, arguments: list[str], photos: list[Any], enrolled: int) -> None:
    for number, who in enumerate(photos):
        photo(Path(f"new/{number}"), who)

    made = run("enroll", "Joan", "new", *arguments, "--json")

    assert made.exit_code == 0
    assert json.loads(made.stdout)["people"][0]["enrolled"] == enrolled


def test_of_two_photos_that_are_unlike_it_is_said(run: Any) -> None:
    photo(Path("new/1"), JOAN)
    photo(Path("new/2"), MARY)

    made = run("enroll", "Joan", "new")

    assert "the two photos look unlike each other" in made.stdout


def test_a_sightings_face_can_be_enrolled_and_takes_the_sighting_along(run: Any, people: None, database: Database) -> None:
    assert was_seen(database, 1, JOAN) == "unknown-1"

    made = run("enroll", "Joan", "--from-sighting", "1")

    assert (made.exit_code, made.stdout) == (0, "Joan: 1 face enrolled\n")
    assert listed(run, "--all") == {"Ada": (3, 3, 0), "Grace": (2, 2, 0), "Joan": (0, 1, 1)}


def test_a_sighting_of_somebody_else_is_refused_like_a_photo(run: Any, people: None, database: Database) -> None:
    was_seen(database, 1, JOAN)

    made = run("enroll", "Ada", "--from-sighting", "1")

    assert made.exit_code == 1
    assert "sighting 1: looks unlike the faces of Ada (the nearest: distance 1.000, threshold 0.300)" in made.stdout


def test_that_somebody_was_seen_before_is_said_and_can_be_joined(run: Any, database: Database) -> None:
    was_seen(database, 1, ADA)
    photo(Path("ada/1"), ADA, 1)

    made = run("enroll", "Ada", "ada")
    joined = run("merge", "Ada", "unknown-1", "--yes")

    assert "was seen as unknown-1, it seems: `genesis identity merge Ada unknown-1`" in made.stdout
    assert joined.exit_code == 0
    assert listed(run, "--all") == {"Ada": (1, 2, 1)}


def test_an_unknown_person_gets_a_name_and_the_past_with_it(run: Any, people: None, database: Database) -> None:
    was_seen(database, 1, JOAN)
    was_seen(database, 2, JOAN, 1)
    was_seen(database, 3, MARY)

    named = run("name", "unknown-1", "Joan")
    joined = run("name", "unknown-2", "grace")

    assert named.stdout == "unknown-1 is Joan: 2 sightings, 2 faces\n"
    assert joined.stdout == "unknown-2 is Grace, who was known already: 1 sighting, 3 faces\n"
    assert listed(run, "--all") == {"Ada": (3, 3, 0), "Grace": (2, 3, 1), "Joan": (0, 2, 2)}


def test_people_are_listed_shown_and_renamed(run: Any, people: None, database: Database) -> None:
    was_seen(database, 1, JOAN)

    renamed = run("rename", "ada", "Ada Lovelace")

    assert renamed.stdout == "Ada is now called Ada Lovelace\n"
    table = run("list", "--all").stdout
    assert [word in table for word in ("Ada Lovelace", "Grace", "unknown-1", "2026-01-02")] == [True] * 4
    assert list(listed(run, "--unknown")) == ["unknown-1"]
    shown = json.loads(run("show", "ada lovelace", "--json").stdout)
    assert (shown["label"], len(shown["faces"]), shown["faces"][0]["source"]) == ("Ada Lovelace", 3, "photo")
    assert "3 photos, 3 embeddings in all" in run("show", shown["id"][:8]).stdout


def test_un_enrolling_keeps_the_sightings_as_an_unknown_persons(run: Any, people: None, database: Database, home: Settings) -> None:
    ada = json.loads(run("show", "Ada", "--json").stdout)["id"]
    was_seen(database, 1, ADA, identity="Ada", identity_id=ada, distance=0.01)

    deleted = run("delete", "Ada", "--yes")

    assert deleted.stdout.splitlines() == [
        "un-enrol Ada: the name goes, 3 photos go, 1 sighting stays (`genesis erase` removes all)",
        "removed: the name, 3 photos, 3 pictures; 1 sighting is now unknown-1's",
    ]
    assert listed(run, "--all") == {"Grace": (2, 2, 0), "unknown-1": (0, 1, 1)}
    assert len(crops(home)) == 2


def test_a_question_that_nobody_answers_changes_nothing(run: Any, people: None) -> None:
    for command in (["delete", "Ada"], ["merge", "Ada", "Grace"]):
        asked = run(*command)

        assert asked.exit_code == 2
        assert "nobody to ask, since this is no terminal: add --yes to do it" in asked.stderr
    assert listed(run) == {"Ada": (3, 3, 0), "Grace": (2, 2, 0)}


def test_a_photo_is_searched_by_the_workers_rules(run: Any, people: None) -> None:
    photo(Path("who/ada"), (ADA, JOAN), 5)
    photo(Path("who/blurred"), ADA, 5, "blurred")
    photo(Path("who/nobody"), ())

    found = json.loads(run("search", "who/ada.png", "--json").stdout)
    blurred = json.loads(run("search", "who/blurred.png", "--json", "--top", "1").stdout)
    nobody = run("search", "who/nobody.png")

    first, second = found["faces"]
    assert (first["verdict"], first["matches"][0]["label"], first["matches"][0]["distance"] < 0.01) == ("same", "Ada", True)
    assert [match["label"] for match in first["matches"]] == ["Ada", "Grace"]
    assert second["verdict"] == "nobody"
    assert (blurred["faces"][0]["verdict"], len(blurred["faces"][0]["matches"])) == ("unsure", 1)
    assert (nobody.exit_code, nobody.stdout) == (1, "who/nobody.png: no face found\n")
    assert "the same person" in run("search", "who/ada.png").stdout


def test_two_people_who_are_about_as_near_are_unsure(run: Any, people: None) -> None:
    assert run("enroll", "Twin", str(photo(Path("twin/1"), ADA, 9)), "--force").exit_code == 0
    photo(Path("who/ada"), ADA, 5)

    found = json.loads(run("search", "who/ada.png", "--json").stdout)

    assert found["faces"][0]["verdict"] == "unsure"
    assert "is about as near" in run("search", "who/ada.png").stdout


def test_unknown_people_are_searched_only_if_that_is_wanted(run: Any, people: None, database: Database) -> None:
    was_seen(database, 1, JOAN)
    photo(Path("who/joan"), JOAN, 1)

    without = json.loads(run("search", "who/joan.png", "--json").stdout)
    among_all = json.loads(run("search", "who/joan.png", "--json", "--all").stdout)

    assert without["faces"][0]["verdict"] == "nobody"
    assert (among_all["faces"][0]["verdict"], among_all["faces"][0]["matches"][0]["label"]) == ("same", "unknown-1")


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["show", "Adda"], 1, "nobody is called 'Adda' (near: Ada)"),
        (["rename", "Ada", "Grace"], 2, "somebody else is called 'Grace'"),
        (["rename", "Ada", "unknown-3"], 2, "nobody can be called 'unknown-3'"),
        (["rename", "Ada", " "], 2, "a name has 1 to 100 letters"),
        (["rename", "Ada", "x\x1b[31m"], 2, "a name has 1 to 100 letters"),
        (["enroll", "unknown-3", "ada"], 2, "nobody can be called 'unknown-3'"),
        (["enroll", "x" * 101, "ada"], 2, "a name has 1 to 100 letters"),
        (["enroll"], 2, "who, and which photos?"),
        (["enroll", "Ada", "--from-sighting", "99"], 1, "no sighting 99"),
        (["enroll", "--from-sighting", "99"], 2, "--from-sighting needs the name of one person"),
        (["merge", "Ada", "Ada", "--yes"], 2, "are the same person already"),
        (["name", "Ada", "Joan"], 2, "Ada is Ada already"),
        (["delete", "nobody"], 1, "nobody is called 'nobody'"),
        (["search", "gone.jpg"], 2, "gone.jpg: no such file"),
        (["search", "ada"], 2, "ada: is no file"),
    ],
)
def test_a_mistake_is_answered_in_one_line(run: Any, people: None, arguments: list[str], code: int, says: str) -> None:
    answered = run(*arguments)

    assert answered.exit_code == code, answered.output
    assert says in answered.stderr
    assert answered.stderr.count("\n") == 1


def test_a_faces_other_length_is_refused(run: Any, people: None, engine: StagedEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.staged_photos.DIMENSION", 2 * DIMENSION)
    photo(Path("new/1"), JOAN)

    made = run("enroll", "Joan", "new")

    assert made.exit_code == 1
    assert f"model {MODEL!r}: an embedding of 16 numbers" in made.stderr


def test_a_sheet_of_a_person_is_made_where_there_is_no_desktop_too(run: Any, people: None, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)

    shown = run("show", "Ada", "--open")

    path = Path(shown.stderr.strip().removeprefix("no desktop to open it on: "))
    assert path.read_bytes()[:2] == b"\xff\xd8"
    assert path.parent.stat().st_mode & 0o777 == 0o700
    path.unlink()
    path.parent.rmdir()


def test_without_a_database_nobody_can_be_enrolled(home: Settings, engine: StagedEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GENESIS_STORAGE__DSN", "none")
    current.cache_clear()

    answered = CliRunner().invoke(main, ["identity", "list"], obj=engine)

    assert (answered.exit_code, "storage.dsn is none" in answered.stderr) == (2, True)


def test_real_photos_are_enrolled_and_found_again(home: Settings, shared: Path) -> None:
    faces = shared / "data" / "faces"
    for name, folder, number in (("Ada", "person-b", "img16.jpg"), ("Grace", "person-d", "img22.jpg")):
        made = CliRunner().invoke(main, ["identity", "enroll", name, str(faces / folder / number)])
        assert made.exit_code == 0, made.output

    found = CliRunner().invoke(main, ["identity", "search", str(faces / "person-b" / "img17.jpg"), "--json"])
    stranger = CliRunner().invoke(main, ["identity", "search", str(faces / "person-e" / "img13.jpg"), "--json"])

    (face,) = json.loads(found.stdout)["faces"]
    assert (face["verdict"], face["matches"][0]["label"]) == ("same", "Ada")
    assert [face["verdict"] for face in json.loads(stranger.stdout)["faces"]] == ["nobody"]
