"""A report as one page of HTML that needs nothing else: plots, pictures and style are within it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genesis.report import plots, words
from genesis.report.figures import MOST_PEOPLE
from genesis.report.thumbnails import thumbnail
from genesis.storage.crops import SNAPSHOTS, Crops

if TYPE_CHECKING:
    from genesis.report.figures import Figures

FACE = (56, 56)
VIEW = (240, 135)
MOST_FACES = 100
"""Pictures of people of each kind: a page is sent by mail, too."""

_TEMPLATES = Path(__file__).with_name("templates")


def page(figures: Figures, data_dir: Path, made: datetime) -> str:
    """Return the page.

    Args:
        figures: what it tells.
        data_dir: of the installation, with the pictures.
        made: the present.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # noqa: PLC0415 - only where a page is made
    from markupsafe import Markup  # noqa: PLC0415

    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {
        "duration": words.duration,
        "moment": lambda when: words.moment(figures.span, when),
        "number": lambda value: f"{value:,}",
        "milliseconds": lambda seconds: "-" if seconds is None else f"{1000 * seconds:,.0f} ms",
        "share": lambda value: f"{value:.1%}",
    }
    # What matplotlib writes has its texts escaped.
    drawn = {name: Markup(text) for name, text in _drawn(figures).items()}  # noqa: S704
    return environment.get_template("report.html.j2").render(
        figures=figures, plots=drawn, faces=_faces(figures, data_dir), views=_views(figures, data_dir), most_people=MOST_PEOPLE,
        zone=_zone(figures, made), made=made.astimezone(timezone.utc), dropped=_dropped(figures),
    )  # fmt: skip


def _drawn(figures: Figures) -> dict[str, str]:
    """Return the plots by name; those that are as wide as the page a second time, as narrow as a telephone."""
    halves = {
        "lengths": plots.lengths(figures) if any(figures.lengths) else "",
        "week": plots.week(figures) if figures.totals.visits else "",
    }
    wanted: dict[str, tuple[Any, Callable[[plots.Room], str]]] = {
        "course": (figures.course, lambda room: plots.course(figures, room)),
        "zones": (figures.zones, lambda room: plots.zones(figures.zones, room)),
        "lines": (figures.lines, lambda room: plots.lines(figures.lines, room)),
        "rates": (figures.rates, lambda room: plots.rates(figures, room)),
    }
    rooms = (plots.WIDE, plots.NARROW)
    return halves | {name + room.suffix: draw(room) if there else "" for name, (there, draw) in wanted.items() for room in rooms}


def _faces(figures: Figures, data_dir: Path) -> dict[str, str]:
    """Return the pictures of faces, by their names; those that are there."""
    crops = Crops(data_dir)
    shown = [one.face for people in (figures.known, figures.unknown) for one in people[:MOST_FACES]]
    shown += [one.face for one in (*figures.visits, *figures.still_open)]
    made = {sha: thumbnail(crops, sha, *FACE) for sha in dict.fromkeys(shown) if sha}
    return {sha: address for sha, address in made.items() if address}


def _views(figures: Figures, data_dir: Path) -> dict[str, str]:
    snapshots = Crops(data_dir, SNAPSHOTS)
    made = {sha: thumbnail(snapshots, sha, *VIEW) for sha in dict.fromkeys(alert.snapshot for alert in figures.alerts) if sha}
    return {sha: address for sha, address in made.items() if address}


def _dropped(figures: Figures) -> dict[str, str]:
    return {
        camera.camera: ", ".join(f"{count:,} {reason}" for reason, count in sorted(camera.dropped.items()) if count) or "none"
        for camera in figures.cameras
    }


def _zone(figures: Figures, made: datetime) -> str:
    zone = figures.span.zone
    return str(zone) if zone is not None else made.astimezone().strftime("UTC%z")
