"""Plots stand within a page: their text is the page's, they ask for nothing from elsewhere, names do no harm."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from xml.etree import ElementTree as ET

import pytest

pytest.importorskip("matplotlib", reason="no matplotlib in this environment: make setup")
pytest.importorskip("psycopg2", reason="no PostgreSQL in this environment: make setup")

from genesis.report import plots
from genesis.report.figures import Figures
from genesis.storage.span import Span
from genesis.storage.traffic import CameraFigures, LineTraffic, ZoneTraffic
from genesis.storage.visits import EDGES, Totals

EVIL = "$\\frac{ <script>&\"'\n$ 李 " + "x" * 100
DAY = datetime(2026, 3, 2)  # noqa: DTZ001 - by the clock on the wall
SINCE = datetime(2026, 3, 1, tzinfo=timezone.utc)
HOURS = tuple(range(24))


def figures(name="door"):
    camera = CameraFigures(name, SINCE, SINCE, 3600.0, 1.0, 100, 90, 0, {}, 0, 1, None, None)
    return Figures(
        Span(SINCE, SINCE + timedelta(days=7)), "day", Totals(3, 0, 1, 1, 1, 9.0, 3.0, 3.0, 3.0), [1] * len(EDGES),
        [list(HOURS) for _ in range(7)], {DAY: {"known": 1, "nobody": 2}, DAY + timedelta(days=3): {"unknown": 4}}, [], [], [], [],
        [ZoneTraffic(name, name, 5, 5, 0, 9.0, 1.0, 2.0, 3, HOURS)], [LineTraffic(name, name, HOURS, HOURS)], [], [], [camera],
        {name: {DAY: 5.0, DAY + timedelta(days=2): 4.0}}, "day",
    )  # fmt: skip


def drawn(found):
    return {
        "course": plots.course(found),
        "lengths": plots.lengths(found),
        "week": plots.week(found),
        "zones": plots.zones(found.zones),
        "lines": plots.lines(found.lines),
        "rates": plots.rates(found),
    }


@pytest.fixture(scope="module")
def evil():
    return drawn(figures(EVIL))


@pytest.mark.parametrize("name", ["course", "lengths", "week", "zones", "lines", "rates"])
def test_a_plot_is_one_element_that_asks_for_nothing(evil, name):
    root = ET.fromstring(evil[name])  # noqa: S314 - our own

    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert (root.get("role"), bool(root.get("aria-label")), root.get("width")) == ("img", True, None)
    addresses = [value for element in root.iter() for key, value in element.attrib.items() if key.endswith("href") or key == "src"]
    assert all(address.startswith(f"#{name}-") for address in addresses)
    assert all(re.fullmatch(rf"url\(#{name}-\w+\)", found) for found in re.findall(r"url\([^)]*\)", evil[name]))
    assert {element.tag.rpartition("}")[2] for element in root.iter()} <= {
        "svg",
        "g",
        "defs",
        "path",
        "use",
        "text",
        "style",
        "clipPath",
        "rect",
    }


def test_colours_are_those_of_the_page(evil):
    for text in evil.values():
        assert set(re.findall(r"#[0-9a-f]{6}\b", text)) <= {"#000000", "#ffffff"}
        assert "var(--ink)" in text


def test_names_are_written_as_they_are(evil):
    text = "".join(ET.fromstring(evil["zones"]).itertext())  # noqa: S314 - our own

    assert "$\\frac{ <script>&\"'?$ 李" in text
    assert "x" * 30 not in text  # not longer than there is room for


def test_the_same_figures_give_the_same_plot(evil):
    assert drawn(figures(EVIL)) == evil


def test_steps_in_which_nothing_was_are_drawn():
    text = plots.course(figures())

    assert [day for day in ("02 Mar", "03 Mar", "04 Mar", "05 Mar") if day in text] == ["02 Mar", "03 Mar", "04 Mar", "05 Mar"]
    assert "7 in all" in text


def test_no_window_is_looked_for():
    program = "import sys; from genesis.report import plots; from tests.unit.report.test_plots import drawn, figures; drawn(figures()); "
    program += "print([name for name in sys.modules if 'pyplot' in name or name in ('tkinter', 'torch', 'redis')])"

    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert said.stdout.strip() == "[]"


@pytest.mark.parametrize(("hours", "first", "last"), [(24, "Mon 00:00", "Mon 21:00"), (168, "Mon 02 Mar", "Sun 08 Mar")])
def test_many_hours_are_named_by_their_days(hours, first, last):
    found = replace(figures(), bucket="hour", course={DAY + timedelta(hours=n): {"known": 1} for n in range(hours)})

    names = [element.text for element in ET.fromstring(plots.course(found)).iter("{http://www.w3.org/2000/svg}text")]  # noqa: S314 - our own

    assert (names[0], last in names, len(names) < 20) == (first, True, True)
