"""`genesis sightings`, as an operator uses it."""

from __future__ import annotations

import csv
import json
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from click.testing import CliRunner, Result

from genesis.cli.main import main
from genesis.cli.sightings import moment
from genesis.errors import UsageError
from genesis.settings import Settings
from genesis.storage.crops import Crops
from genesis.storage.database import Database
from genesis.storage.gallery import enroll
from genesis.storage.sightings import store
from tests.integration.storage.people import MODEL, NOON, photo, seen
from tests.processes import wait_until

ADA, STRANGER = 0, 4


def sightings(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["sightings", *arguments])


@pytest.fixture
def crops(home: Settings) -> Crops:
    return Crops(home.data_dir)


@pytest.fixture
def some(home: Settings, database: Database, crops: Crops) -> str:
    """Let Ada be seen three times by the door, and a stranger once in the yard; return Ada's id."""
    ada = database.run(lambda cursor: enroll(cursor, "Ada Ж", MODEL, [photo(ADA)])).identity
    picture = cv2.imencode(".jpg", np.full((50, 40, 3), 128, np.uint8))[1].tobytes()
    events = [
        seen(number, ADA, number, identity=ada.name, identity_id=ada.id, distance=0.01, crop=crops.put(picture + b"%d" % number))
        for number in (1, 2, 3)
    ]
    events.append(seen(4, STRANGER, camera="yard", track="7", crop=crops.put(picture + b"4")))
    for event in events:
        database.run(lambda cursor, event=event: store(cursor, event, unknown_distance=event.threshold))
    return ada.id


def numbers(*arguments: str) -> list[int]:
    found = sightings("--json", *arguments)
    assert found.exit_code == 0, found.output
    return [row["frame"] for row in json.loads(found.stdout)]


def iso(seconds: float) -> str:
    return (NOON + timedelta(seconds=seconds)).isoformat()


@pytest.mark.parametrize(
    ("arguments", "chosen"),
    [
        ([], [4, 3, 2, 1]),
        (["--limit", "2"], [4, 3]),
        (["--person", "ada ж"], [3, 2, 1]),
        (["--person", "unknown-1"], [4]),
        (["--camera", "yard"], [4]),
        (["--camera", "roof"], []),
        (["--unknown"], [4]),
        (["--since", iso(3)], [4, 3]),
        (["--until", iso(3)], [2, 1]),
        (["--since", iso(2), "--until", iso(4), "--camera", "door"], [3, 2]),
        (["--since", "1h"], []),
    ],
)
def test_sightings_are_chosen_the_newest_first(some: str, arguments: list[str], chosen: list[int]) -> None:
    assert numbers(*arguments) == chosen


def test_a_sighting_is_told_in_full_to_programs(some: str) -> None:
    row = json.loads(sightings("--json", "--limit", "1", "--person", "ada ж").stdout)[0]

    assert (row["who"], row["kind"], row["identity"], row["camera"], row["time"]) == ("Ada Ж", "known", some, "door", iso(3))
    assert (row["score"], row["distance"], row["threshold"], row["attempts"], row["track"]) == (0.8, 0.01, 0.3, 3, None)


def test_the_table_shows_local_time_and_says_that_there_is_more(some: str, monkeypatch: pytest.MonkeyPatch) -> None:
    table = sightings("--limit", "2").stdout

    lines = table.splitlines()
    assert lines[1].split() == ["number", "time", "camera", "who", "score", "distance", "attempts", "track"]
    assert (NOON + timedelta(seconds=4)).astimezone().strftime("%Y-%m-%d %H:%M:%S") in lines[3]
    assert [word in lines[3] for word in ("yard", "unknown-1", "80%", "7")] == [True] * 4
    assert "0.010 / 0.300" in lines[4]
    assert lines[-1] == "the newest 2 sightings (--limit shows more)"


def test_nothing_to_show_is_said(home: Settings, some: str) -> None:
    assert sightings("--camera", "roof").stdout == "no sightings that these filters choose\n"
    assert sightings("--camera", "roof", "--export", "out").stderr == "no sightings, so nothing was written\n"
    assert not Path("out").exists()


def test_an_export_has_the_faces_a_table_and_a_contact_sheet(some: str, crops: Crops) -> None:
    gone = json.loads(sightings("--json", "--camera", "yard").stdout)[0]["crop"]
    crops.delete([gone])

    made = sightings("--export", "out/faces")

    assert made.exit_code == 0, made.output
    assert made.stderr == "wrote 3 pictures of 4 sightings to out/faces; 1 picture is no longer there\n"
    folder = Path("out/faces")
    local = (NOON + timedelta(seconds=3)).astimezone().strftime("%Y-%m-%d_%H-%M-%S")
    pictures = sorted(path.name for path in folder.glob("20*.jpg"))
    assert (len(pictures), pictures[-1]) == (3, f"{local}.000_door_Ada-Ж_3.jpg")
    with (folder / "sightings.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["who"], row["file"]) for row in rows][:2] == [("unknown-1", ""), ("Ada Ж", pictures[-1])]
    assert [row["file"] for row in json.loads((folder / "sightings.json").read_text(encoding="utf-8"))] == [None, *reversed(pictures)]
    sheet = cv2.imread(str(folder / "contact_sheet.jpg"))
    assert sheet is not None
    assert sheet.shape[1] == 88 + 4 * 248 - 20


def test_an_export_into_a_file_is_refused(some: str) -> None:
    Path("taken").touch()

    assert sightings("--export", "taken").exit_code == 2
    assert sightings("--export", "taken/below").stderr.startswith("genesis: taken/below: Not a directory")


def test_a_name_can_neither_leave_the_folder_nor_become_a_formula(database: Database, home: Settings, crops: Crops) -> None:
    ada = database.run(lambda cursor: enroll(cursor, "=../../Ada", MODEL, [photo(ADA)])).identity
    event = seen(1, ADA, identity=ada.name, identity_id=ada.id, distance=0.01, crop=crops.put(b"no picture"))
    database.run(lambda cursor: store(cursor, event, unknown_distance=0.3))

    made = sightings("--export", "out")

    assert made.exit_code == 0, made.output
    (picture,) = Path("out").glob("20*.jpg")
    assert picture.name.endswith("_door_Ada_1.jpg")
    assert "'=../../Ada" in Path("out/sightings.csv").read_text()


def test_where_there_is_no_desktop_the_sheets_place_is_said(some: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)

    shown = sightings("--open")

    path = Path(shown.stderr.strip().removeprefix("no desktop to open it on: "))
    assert (path.name, path.read_bytes()[:2]) == ("contact_sheet.jpg", b"\xff\xd8")
    path.unlink()
    path.parent.rmdir()


def test_a_sheet_is_given_to_the_desktops_own_program(some: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "xdg-open"
    program.write_text(f'#!/bin/sh\nmv "$1" {tmp_path}/opened.jpg\nrmdir "$(dirname "$1")"\n')
    program.chmod(0o700)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setenv("DISPLAY", ":7")

    shown = sightings("--open", "--limit", "1")

    assert shown.exit_code == 0, shown.output
    wait_until((tmp_path / "opened.jpg").exists, "the program was not given the sheet")


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["--person", "Adda"], 1, "nobody is called 'Adda'"),
        (["--since", "yesterday"], 2, "--since 'yesterday': expected a time ago (90s, 10m, 2h, 3d, 1w) or an ISO time"),
        (["--until", "9"], 2, "--until '9': expected a time ago"),
        (["--limit", "0"], 2, "0 is not in the range x>=1"),
    ],
)
def test_a_mistake_is_answered_with_what_is_expected(some: str, arguments: list[str], code: int, says: str) -> None:
    found = sightings(*arguments)

    assert (found.exit_code, says in found.stderr) == (code, True), found.stderr


@pytest.mark.parametrize(
    ("text", "fine"), [("1w", True), ("9999-12-31T23:59", True), ("0001-01-02T12:00Z", True), ("2026-13-01", False), ("9999999w", True)]
)
def test_a_time_at_the_end_of_the_calendar_is_one(text: str, *, fine: bool) -> None:
    def read() -> Any:
        try:
            return moment(text, "--since")
        except UsageError as error:
            return str(error)

    found = read()

    assert isinstance(found, datetime) is fine, found
    assert not fine or found.tzinfo is timezone.utc
