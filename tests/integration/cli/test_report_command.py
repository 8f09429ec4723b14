"""`genesis report`, as an operator uses it."""

from __future__ import annotations

import json
import re
import stat
from datetime import datetime, timedelta, timezone
from html.parser import HTMLParser
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner, Result

pytest.importorskip("matplotlib", reason="no matplotlib in this environment: make setup")

from genesis.cli import visits as command_module
from genesis.cli.main import main
from genesis.events import AlertEvent, MetricsEvent, SessionEvent, ZoneEvent
from genesis.settings import Settings
from genesis.storage.crops import SNAPSHOTS, Crops
from genesis.storage.database import Database
from genesis.storage.gallery import enroll
from genesis.storage.records import store
from tests.integration.cli.conftest import installed
from tests.integration.storage.people import MODEL, photo

EVIL = "Ada <script>alert('1')</script> & \"Co\""
DAY = datetime(2026, 3, 28, 23, 30, tzinfo=timezone.utc)
ALL = ("--since", "2026-03-01", "--until", "2026-04-02")
JPEG = cv2.imencode(".jpg", np.full((90, 160, 3), 128, np.uint8))[1].tobytes()


def report(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["report", *arguments])


@pytest.fixture
def home(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Return the settings of an installation in Tokyo."""
    return installed(tmp_path, monkeypatch, storage={"dsn": database.dsn}, alerts={"time_zone": "Asia/Tokyo"})


@pytest.fixture
def some(home: Settings, database: Database) -> str:
    """Let somebody with a strange name be there, in a zone and over a line; a second presence has no end. Return the name of a face."""
    face, view = Crops(home.data_dir).put(JPEG), Crops(home.data_dir, SNAPSHOTS).put(JPEG + b"view")
    ada = database.run(lambda c: enroll(c, EVIL, MODEL, [photo(0)])).identity
    named = {"identity": ada.label, "identity_id": ada.id, "known": True}
    common = {"camera": "door", "time": DAY}
    events = [
        SessionEvent(**common, id="1", scope="person", kind="ended", session="s-1", duration=75.0, zones={"yard": 9.0}, face=face, **named),
        SessionEvent(camera="door", time=DAY + timedelta(seconds=80), id="2", scope="person", kind="started", session="s-2"),
        ZoneEvent(**common, id="3", kind="entered", zone="yard", track="s-1"),
        ZoneEvent(**common, id="4", kind="exited", zone="yard", track="s-1", dwell=9.0),
        ZoneEvent(**common, id="5", kind="crossed", zone="gate", track="s-1", direction="in"),
        AlertEvent(**common, id="6", rule="night", severity="critical", message=f"{EVIL} came", snapshot=view, **named),
        MetricsEvent(**common, id="7", window=60.0, seconds=60.0, frames_captured=600, frames_processed=540, dropped={"stale": 3}),
    ]
    database.run(lambda c: [store(c, event) for event in events])
    return face


class Page(HTMLParser):
    """Its elements, with what they point to, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in {"src", "href", "xlink:href", "srcset", "action", "data"}]

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_tells_all_and_needs_nothing_else(some: str) -> None:
    made = report(*ALL)

    assert made.exit_code == 0, made.output
    assert made.stdout.startswith("wrote report.html: 2 visits, 2026-03-01 ")
    text = Path("report.html").read_text(encoding="utf-8")
    page = Page(text)
    assert stat.S_IMODE(Path("report.html").stat().st_mode) == 0o600
    assert page.tags.count("svg") == 10  # four of the six a second time, for telephones
    assert not {"script", "link", "iframe", "object", "embed", "form"} & set(page.tags)
    assert all(address.startswith(("data:image/jpeg;base64,", "#")) for address in page.addresses)
    assert not re.search(r"url\((?!#)|@import", text)
    assert page.tags.count("img") == 3  # the face beside the name and the visit, the alert's view
    assert [word for word in (EVIL, "yard", "gate", "night", "critical", "2026-03-29 08:30:00", "Asia/Tokyo", "1 min 15 s", "3 stale")
            if word not in page.text] == []  # fmt: skip
    assert "1 whose end was never told" in page.text


def test_programs_get_the_figures(some: str) -> None:
    found = report(*ALL, "--json")

    assert found.exit_code == 0, found.output
    told = json.loads(found.stdout)
    assert (told["totals"]["visits"], told["totals"]["open"], told["totals"]["median"]) == (2, 1, 75.0)
    assert [(one["identity"], one["visits"], one["face"]) for one in told["known"]] == [(EVIL, 1, some)]
    assert (told["zones"][0]["zone"], told["lines"][0]["line"], told["rules"][0]["rule"]) == ("yard", "gate", "night")
    assert (told["cameras"][0]["fps"], told["cameras"][0]["dropped"]) == (9.0, {"stale": 3})
    assert told["course"] == {"2026-03-29T00:00:00": {"known": 1, "nobody": 1}}
    assert told["week"][6][8] == 2  # Sunday morning in Tokyo
    assert not Path("report.html").exists()


def test_both_may_be_had_at_once(some: str) -> None:
    found = report(*ALL, "--json", "-o", "both.html", "--camera", "door", "--camera", "yard")

    assert json.loads(found.stdout)["span"]["cameras"] == ["door", "yard"]
    assert Path("both.html").exists()


def test_nothing_in_that_time_is_said_and_no_page_made(some: str) -> None:
    found = [report(), report(*ALL, "--camera", "roof"), report(*ALL, "--camera", "roof", "--json")]

    assert [one.exit_code for one in found] == [1, 1, 1]
    assert all(one.stderr.startswith("nothing in that time (2026-") or "nothing in that time (" in one.stderr for one in found)
    assert found[1].stderr.endswith("; cameras roof)\n")
    assert not Path("report.html").exists()


def test_a_page_of_figures_alone_has_no_people(home: Settings, database: Database) -> None:
    database.run(lambda c: store(c, MetricsEvent(id="7", camera="door", time=DAY, window=60.0)))

    assert report(*ALL).exit_code == 0
    assert "People" not in Page(Path("report.html").read_text(encoding="utf-8")).text


def test_the_page_is_given_to_the_desktop(some: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)

    shown = report(*ALL, "--open", "--json")

    assert shown.exit_code == 0, shown.output
    assert f"no desktop to open it on: {Path('report.html').absolute()}" in shown.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--since", "yesterday"], "--since 'yesterday': expected a time ago"),
        (["--since", "1d", "--until", "2d"], "--since '1d' is not before --until '2d'"),
        (["--since", "2999-01-01"], "--since '2999-01-01' is not before now"),
        ([*ALL, "-o", "missing/report.html"], "missing/report.html: can't be written: No such file or directory"),
    ],
)
def test_a_mistake_is_answered_with_what_is_expected(some: str, arguments: list[str], says: str) -> None:
    found = report(*arguments)

    assert (found.exit_code, says in found.stderr) == (2, True), found.stderr


def test_without_the_packages_of_a_page_there_are_still_figures(some: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command_module, "_PACKAGES", ("jinja2", "no_such_package"))

    page, figures = report(*ALL), report(*ALL, "--json")

    assert (page.exit_code, figures.exit_code) == (2, 0)
    assert "no_such_package not installed, without which there is no page: pip install 'genesis[report]'" in page.stderr
