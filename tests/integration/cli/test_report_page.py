"""The page of `genesis report` in a browser: it asks nobody for anything, complains of nothing, and fits a screen and a telephone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

pytest.importorskip("matplotlib", reason="no matplotlib in this environment: make setup")

from genesis.cli.main import main
from genesis.events import AlertEvent, Event, MetricsEvent, SessionEvent, ZoneEvent
from genesis.storage.crops import SNAPSHOTS, Crops
from genesis.storage.database import Database
from genesis.storage.gallery import enroll
from genesis.storage.records import store
from tests.browser import Page, chromium, is_blank
from tests.integration.cli.conftest import installed
from tests.integration.storage.people import MODEL, photo

NAMES = ("Ada Lovelace", "Grace", "Rear Admiral Dr. Grace Brewster Murray Hopper, née Murray", "Ωμέγα 東京")
CAMERAS = ("door", "car-park-north-entrance-2nd-floor")
MONDAY = datetime(2026, 3, 23, tzinfo=timezone.utc)
HOURS = 7 * 24
SEVERITIES = ("low", "medium", "high", "critical")
CUT_OFF = "[...document.querySelectorAll('section, .tile, td')].filter(one => one.scrollWidth > one.clientWidth).map(one => one.innerText)"
"""What reaches beyond its box, so that one would have to scroll sideways."""
HIDDEN = """[...document.querySelectorAll('tr.pictured')].filter(row => row.offsetHeight && row.querySelector('.face')
    .getBoundingClientRect().right > row.querySelector('.name').getBoundingClientRect().left).length"""
"""How many names lie under faces."""


def picture(seed: int, width: int, height: int) -> bytes:
    """Return a JPEG of a round shape before a wall, in colours of its own."""
    colours = np.random.default_rng(seed).integers(40, 220, (2, 3)).tolist()
    image = np.full((height, width, 3), colours[0], np.uint8)
    cv2.circle(image, (width // 2, height // 3), height // 4, colours[1], -1)
    cv2.ellipse(image, (width // 2, height), (width // 3, height // 2), 0, 0, 360, colours[1], -1)
    return cv2.imencode(".jpg", image)[1].tobytes()


@pytest.fixture
def report(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the address of the page of a week at two cameras."""
    settings = installed(tmp_path, monkeypatch, storage={"dsn": database.dsn}, alerts={"time_zone": "UTC"})
    faces, views = Crops(settings.data_dir), Crops(settings.data_dir, SNAPSHOTS)
    people = [database.run(lambda c, n=n, name=name: enroll(c, name, MODEL, [photo(n)])).identity for n, name in enumerate(NAMES)]
    events: list[Event] = []
    for hour in range(8, HOURS, 5):
        number, at, camera = hour // 5, MONDAY + timedelta(hours=hour), CAMERAS[hour % 2]
        who = people[number % len(people)]
        named = {"identity": who.label, "identity_id": who.id, "known": True} if number % 3 else {}
        common = {"camera": camera, "time": at}
        events += [
            SessionEvent(**common, id=f"p{hour}", scope="person", kind="ended", session=f"s-{hour}", duration=20.0 * number,
                         zones={"yard": 9.0, "behind the long counter": 4.0}, face=faces.put(picture(number % 9, 90, 110)), **named),
            ZoneEvent(**common, id=f"e{hour}", kind="entered", zone="yard", track=f"s-{hour}"),
            ZoneEvent(**common, id=f"x{hour}", kind="exited", zone="yard", track=f"s-{hour}", dwell=9.0),
            ZoneEvent(**common, id=f"c{hour}", kind="crossed", zone="gate", track=f"s-{hour}", direction="in" if number % 3 else "out"),
            MetricsEvent(**common, id=f"m{hour}", window=3600.0, seconds=3600.0, frames_captured=36_000, frames_processed=35_000 + number,
                         dropped={"superseded": 3, "queue_full": 12}, latency_p50=0.2, latency_p95=0.9),
        ]  # fmt: skip
        if number % 4 == 0:
            view, severity = views.put(picture(number, 320, 180)), SEVERITIES[number // 4 % 4]
            told = f"{who.label} entered yard"
            events.append(AlertEvent(**common, id=f"a{hour}", rule="night", severity=severity, message=told, snapshot=view, **named))
    database.run(lambda c: [store(c, event) for event in events])
    made = CliRunner().invoke(main, ["report", "--since", "2026-03-23", "--until", "2026-03-30", "-o", "week.html"])
    assert made.exit_code == 0, made.output
    return (tmp_path / "week.html").as_uri()


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Page]:
    with chromium(tmp_path / "chromium") as opened:
        yield opened


def test_the_page_is_whole_on_a_screen_and_on_a_telephone(report: str, page: Page) -> None:
    for name, width, dark in (("screen", 1280, False), ("telephone", 390, False), ("dark", 1280, True)):
        page.resize(width, dark=dark)
        page.open(report)
        shot = page.photograph(f"report-{name}")

        assert (page.complaints, page.requested) == ([], [report])
        assert not is_blank(shot)
        assert page.ask("document.documentElement.scrollWidth") <= width
        assert page.ask("[...document.images].length") > 20
        assert page.ask("[...document.images].filter(one => !one.naturalWidth).length") == 0
        assert page.ask("[...document.querySelectorAll('svg')].filter(one => one.getBoundingClientRect().height > 60).length") == 6
        assert (page.ask(CUT_OFF), page.ask(HIDDEN)) == ([], 0)
