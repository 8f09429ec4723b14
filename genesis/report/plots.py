"""The plots of a report: figures in, SVG out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from genesis.report.drawing import FAINT, INK, SERIES, drawing, svg
from genesis.report.words import edge, step
from genesis.storage.visits import EDGES

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from genesis.report.figures import Figures
    from genesis.storage.span import Bucket
    from genesis.storage.traffic import LineTraffic, ZoneTraffic

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
KINDS = (("known", "enrolled", SERIES[0]), ("unknown", "strangers", SERIES[1]), ("nobody", "not recognised", SERIES[2]))


@dataclass(frozen=True, slots=True)
class Room:
    """How much room there is for a plot.

    Attributes:
        width: in inches of 72 units.
        ticks: most times that are named.
        label: most characters of a name.
        columns: of a legend of names.
        suffix: of the plot's own name.
    """

    width: float
    ticks: int
    label: int
    columns: int
    suffix: str = ""


WIDE = Room(9.6, 8, 28, len(SERIES))
NARROW = Room(4.6, 4, 16, 2, "narrow")
"""For a telephone, where what was drawn wide could not be read."""

_FEW_HOURS = 48  # more are named by their days
_MOST_SERIES = len(SERIES)
_MOST_ROWS = 24  # zones or lines in one plot
_FAINTEST = 0.12  # opacity of the smallest number that is not zero
_DOT = 2.0  # a time on its own has no line
_STEPS = {"hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(weeks=1)}


def course(figures: Figures, room: Room = WIDE) -> str:
    """Draw how many visits began when, stacked by kind of people."""
    times = _steps(figures.course, figures.bucket)
    with drawing(room.width, 2.7) as (figure, axes):
        bottom = [0] * len(times)
        for kind, label, colour in KINDS:
            counts = [figures.course.get(at, {}).get(kind, 0) for at in times]
            if any(counts):
                axes.bar(range(len(times)), counts, 0.86, bottom, color=colour, label=label)
            bottom = [below + count for below, count in zip(bottom, counts, strict=True)]
        _times(axes, times, figures.bucket, room)
        _whole_numbers(axes)
        axes.legend(ncols=len(KINDS), loc="lower left", bbox_to_anchor=(0, 1))
        return svg(figure, "course" + room.suffix, f"Visits by {figures.bucket}: {sum(bottom)} in all")


def lengths(figures: Figures) -> str:
    """Draw how long the visits were."""
    with drawing(WIDE.width / 2, 2.6) as (figure, axes):
        bars = axes.bar(range(len(EDGES)), figures.lengths, 0.9, color=SERIES[0])
        axes.bar_label(bars, [f"{count:,}" if count else "" for count in figures.lengths], color=INK, fontsize=8, padding=1)
        axes.set_xticks([at - 0.5 for at in range(len(EDGES))], [edge(seconds) for seconds in EDGES], rotation=45, ha="right")
        _whole_numbers(axes)
        return svg(figure, "lengths", "How many visits were how long")


def week(figures: Figures) -> str:
    """Draw how many visits began in each hour of the week."""
    with drawing(WIDE.width / 2, 2.6) as (figure, axes):
        _cells(axes, figures.week, DAYS, SERIES[0])
        return svg(figure, "week", "Visits by day of the week and hour")


def zones(traffic: Sequence[ZoneTraffic], room: Room = WIDE) -> str:
    """Draw how many entered each zone, by the hour of the day."""
    shown = sorted(traffic, key=lambda zone: -zone.entered)[:_MOST_ROWS]
    several = len({zone.camera for zone in shown}) > 1
    with drawing(room.width, 0.9 + 0.32 * len(shown)) as (figure, axes):
        names = [_short(f"{zone.zone} ({zone.camera})" if several else zone.zone, room) for zone in shown]
        _cells(axes, [zone.by_hour for zone in shown], names, SERIES[0])
        return svg(figure, "zones" + room.suffix, "Entries into each zone by hour of the day")


def lines(traffic: Sequence[LineTraffic], room: Room = WIDE) -> str:
    """Draw how many crossed the lines each way: in above, out below, by the hour of the day."""
    inward = [sum(line.entered[hour] for line in traffic) for hour in range(24)]
    outward = [-sum(line.left[hour] for line in traffic) for hour in range(24)]
    with drawing(room.width, 2.3) as (figure, axes):
        axes.bar(range(24), inward, 0.86, color=SERIES[0], label="in")
        axes.bar(range(24), outward, 0.86, color=SERIES[1], label="out")
        axes.axhline(0, color=INK, linewidth=0.8)
        axes.set_xticks(range(0, 24, 2), [f"{hour:02}" for hour in range(0, 24, 2)])
        axes.set_xlim(-0.6, 23.6)
        _whole_numbers(axes)
        axes.yaxis.set_major_formatter(lambda value, _: f"{abs(value):,.0f}")
        axes.legend(ncols=2, loc="lower left", bbox_to_anchor=(0, 1))
        return svg(figure, "lines" + room.suffix, f"Crossings by hour of the day: {sum(inward)} in, {-sum(outward)} out")


def rates(figures: Figures, room: Room = WIDE) -> str:
    """Draw each camera's frames per second; of many cameras, the busiest."""
    chosen = sorted(figures.cameras, key=lambda camera: -camera.processed)[:_MOST_SERIES]
    shown = {camera.camera: figures.rates.get(camera.camera, {}) for camera in chosen}
    times = _steps({at: None for rates in shown.values() for at in rates}, figures.rates_bucket)
    with drawing(room.width, 2.3) as (figure, axes):
        for (camera, found), colour in zip(sorted(shown.items()), SERIES, strict=False):
            # Where there is nothing, the camera was not there: the line has a gap.
            values = [found.get(at, float("nan")) for at in times]
            axes.plot(range(len(times)), values, color=colour, label=_short(camera, room), marker="o", markersize=_DOT, linewidth=1.3)
        _times(axes, times, figures.rates_bucket, room)
        axes.set_ylim(0, 1.15 * max((rate for rates in shown.values() for rate in rates.values()), default=0) or 1)
        axes.legend(ncols=room.columns, loc="lower left", bbox_to_anchor=(0, 1))
        return svg(figure, "rates" + room.suffix, "Frames per second of each camera")


def _cells(axes: Axes, rows: Sequence[Sequence[int]], names: Sequence[str], colour: str) -> None:
    """Draw a table of 24 hours: the more, the fuller the colour."""
    from matplotlib.patches import Rectangle  # noqa: PLC0415 - only where something is drawn

    most = max((count for row in rows for count in row), default=0) or 1
    for y, row in enumerate(rows):
        for hour, count in enumerate(row):
            place = (hour + 0.04, y + 0.06), 0.92, 0.88
            if count:
                axes.add_patch(Rectangle(*place, color=colour, alpha=_FAINTEST + (1 - _FAINTEST) * count / most, linewidth=0))
            else:
                axes.add_patch(Rectangle(*place, color=FAINT, alpha=0.35, linewidth=0))
    axes.set_xlim(0, 24)
    axes.set_ylim(len(rows), 0)
    axes.grid(visible=False)
    axes.set_xticks([hour + 0.5 for hour in range(0, 24, 3)], [f"{hour:02}" for hour in range(0, 24, 3)])
    axes.set_yticks([y + 0.5 for y in range(len(rows))], list(names))
    for spine in axes.spines.values():
        spine.set_visible(False)


def _steps(found: dict[datetime, Any], bucket: Bucket) -> list[datetime]:
    """Return every step from the first to the last, also those in which nothing was."""
    if not found:
        return []
    at, last, times = min(found), max(found), []
    while at <= last:
        times.append(at)
        at += _STEPS[bucket]
    return times


def _times(axes: Axes, times: Sequence[datetime], bucket: Bucket, room: Room) -> None:
    places = list(range(len(times)))
    if bucket == "hour" and len(times) > _FEW_HOURS:
        places, bucket = [place for place in places if times[place].hour == 0], "day"
    places = places[:: max(1, -(-len(places) // room.ticks))]
    axes.set_xticks(places, [step(bucket, times[place]) for place in places])
    axes.set_xlim(-0.6, len(times) - 0.4)


def _whole_numbers(axes: Axes) -> None:
    from matplotlib.ticker import MaxNLocator  # noqa: PLC0415 - only where something is drawn

    axes.yaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))


def _short(name: str, room: Room) -> str:
    shown = "".join(letter if letter.isprintable() else "?" for letter in name)
    return shown if len(shown) <= room.label else f"{shown[: room.label - 1]}…"
