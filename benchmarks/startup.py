"""How soon programs are there, and what they cost while nothing happens: `python -m benchmarks.startup`.

Commands to their end; bridge, worker, exporter and capture until they work; a whole installation until its first result; memory and CPU
of every role at rest. Beside them what nothing in Python can be below (an interpreter, the libraries alone) and a plain Celery worker.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from benchmarks.reports import Options, Report, Table, middle, options, times
from genesis.errors import GenesisError, UsageError

if TYPE_CHECKING:
    from benchmarks.startup_runs import Idle, Taken

PARTS = ("commands", "starts", "rest", "up")
IDLE_SECONDS, QUICK_IDLE_SECONDS = 12.0, 3.0
MB = 1e6
BASE = "python -c pass"
OURS, OTHERS = "#2b6cb0", "#b8c0cc"


@dataclass(frozen=True)
class Target:
    """What must be reached.

    Attributes:
        what: in words.
        most: that it may be.
        unit: of it.
        path: where it is in the figures.
    """

    what: str
    most: float
    unit: str
    path: tuple[str, str, str]


TARGETS = (
    Target("`genesis --help`", 0.3, "s", ("commands", "genesis --help", "wall")),
    Target("`python -m genesis.capture --help`", 0.5, "s", ("commands", "genesis.capture --help", "wall")),
    Target("bridge ready", 1.5, "s", ("starts", "bridge", "wall")),
    Target("bridge, resident", 100, "MB", ("rest", "bridge", "resident")),
    Target("capture in event mode, resident", 150, "MB", ("rest", "capture", "resident")),
    Target("idle bridge, of a core", 1, "%", ("rest", "bridge", "busy")),
)


@click.command(context_settings={"max_content_width": 110})
@click.option("--part", "parts", multiple=True, type=click.Choice(PARTS), help="Only this; may be given again.  [default: all]")
@options(rounds=5)
def main(*, parts: tuple[str, ...], asked: Options) -> None:
    """Measure how soon programs are there, and what they cost at rest."""
    report = Report("startup", "Starting, and doing nothing", asked)
    try:
        with tempfile.TemporaryDirectory(prefix="genesis-startup-") as folder:
            measure(report, asked, parts or PARTS, Path(folder))
    except GenesisError as error:
        click.echo(f"benchmarks.startup: {error}", err=True)
        sys.exit(2 if isinstance(error, UsageError) else 1)
    report.write()


def measure(report: Report, asked: Options, parts: Sequence[str], folder: Path) -> None:
    """Measure, and fill the report.

    Raises:
        GenesisError: a server or a program does not start.
    """
    from benchmarks import startup_runs as runs  # noqa: PLC0415 - --help stays quick

    clip = runs.draw_clip(folder / "clip.avi")
    commands: dict[str, list[Taken]] = {}
    starts: dict[str, list[Taken]] = {}
    if "commands" in parts:
        commands = runs.in_turns(runs.HELP, asked.rounds)
    if "starts" in parts:
        starts = runs.starts(asked.rounds, folder, clip)
    if "rest" in parts:
        looks, idle = runs.at_rest(asked.rounds, QUICK_IDLE_SECONDS if asked.quick else IDLE_SECONDS, folder, clip)
        commands |= looks
        report.figures["rest"] = {name: memory_of(some) for name, some in idle.items()}
    if "up" in parts:
        for _ in range(asked.rounds):
            for name, taken in runs.up(clip).items():
                starts.setdefault(name, []).append(taken)
    report.figures |= {
        part: {name: medians(some) for name, some in taken.items()} for part, taken in (("commands", commands), ("starts", starts)) if taken
    }
    show(report)


def show(report: Report) -> None:
    """Add tables, plots and words for all that the report's figures have."""
    figures = report.figures
    if commands := figures.get("commands"):
        report.table(commands_table(commands))
    if starts := figures.get("starts"):
        report.table(starts_table(starts))
    if rest := figures.get("rest"):
        report.table(rest_table(rest))
    if commands or starts:
        known = {**figures.get("commands", {}), **figures.get("starts", {})}
        report.plot(
            lambda axes: draw(axes, {name: one["wall"] for name, one in known.items()}, "seconds"), size=(8.0, 1 + 0.3 * len(known))
        )
    if rest:
        sizes = {name: one["resident"] for name, one in rest.items()}
        report.plot(lambda axes: draw(axes, sizes, "MB resident"), name="memory", size=(8.0, 1 + 0.3 * len(sizes)))
    reached = verdicts(figures)
    if reached:
        report.table(targets_table(reached))
        report.figures["headline"] = headline(reached)
        report.say(report.figures["headline"])


def medians(taken: Sequence[Taken]) -> dict[str, float]:
    """Return medians, in seconds."""
    return {"wall": middle(one.wall for one in taken), "cpu": middle(one.cpu for one in taken)}


def memory_of(idle: Sequence[Idle]) -> dict[str, float | None]:
    """Return medians: `resident` and `own` in MB, `busy` in percent of a core (None: it was not watched)."""
    busy = [one.busy for one in idle if one.busy is not None]
    return {
        "resident": middle(one.memory.resident for one in idle) / MB,
        "own": middle(one.memory.own for one in idle) / MB,
        "busy": middle(busy) if busy else None,
    }


def verdicts(figures: Mapping[str, Any]) -> list[tuple[Target, float]]:
    """Return what was measured of the targets."""
    found = []
    for target in TARGETS:
        part, name, field = target.path
        value = figures.get(part, {}).get(name, {}).get(field)
        if value is not None:
            found.append((target, value))
    return found


def commands_table(commands: Mapping[str, Mapping[str, float]]) -> Table:
    """Return the table of commands."""
    base = commands.get(BASE, {}).get("wall", 0.0)
    rows = [(name, f"{1000 * one['wall']:.0f}", f"{1000 * one['cpu']:.0f}", times(one["wall"], base)) for name, one in commands.items()]
    note = "Modules compiled, files in the page cache. `genesis health` and `genesis status` ask a running bridge, worker and exporter."
    return Table("Commands, until they end", ("", "ms", "CPU ms", f"of `{BASE}`"), rows, note)


def starts_table(starts: Mapping[str, Mapping[str, float]]) -> Table:
    """Return the table of programs until they are ready."""
    from benchmarks.startup_runs import PLAIN_ALONE  # noqa: PLC0415

    peer = starts.get(PLAIN_ALONE, {}).get("wall", 0.0)
    rows = [(name, f"{one['wall']:.2f}", f"{one['cpu']:.2f}", times(one["wall"], peer)) for name, one in starts.items()]
    note = (
        "From the start of the process. bridge and workers: until the line that says so (one child, a queue without a model); "
        "exporter: until it listens; capture: until its first frame is on the ledger. `genesis up`: two Redis servers, bridge, two "
        "workers, exporter and capture, HOG, no database; its CPU is that of all of them."
    )
    return Table("Programs, until they work", ("", "s", "CPU s", "of a plain worker, no mingle"), rows, note)


def rest_table(rest: Mapping[str, Mapping[str, float | None]]) -> Table:
    """Return the table of memory and CPU at rest."""
    rows = [
        (name, f"{one['resident']:.0f}", f"{one['own']:.0f}", "-" if one["busy"] is None else f"{one['busy']:.2f}")
        for name, one in rest.items()
    ]
    note = (
        "Resident: all its pages; share: pages that processes share divided among them (PSS), so that a column adds up. "
        "Nothing is published while CPU is watched; capture reads 10 frames of 768x576 a second."
    )
    return Table("At rest", ("", "resident MB", "share MB", "% of a core"), rows, note)


def targets_table(reached: Sequence[tuple[Target, float]]) -> Table:
    """Return the table of targets."""
    rows = [
        (target.what, f"{value:.2f} {target.unit}", f"{target.most:g} {target.unit}", "yes" if value < target.most else "NO")
        for target, value in reached
    ]
    return Table("What must be reached", ("", "measured", "below", "reached"), rows)


def headline(reached: Sequence[tuple[Target, float]]) -> str:
    """Return the most telling figures in a sentence."""
    parts = [f"{target.what} {value:.2f} {target.unit} (below {target.most:g})" for target, value in reached]
    return "; ".join(parts) + "."


def draw(axes: Any, values: Mapping[str, float], unit: str) -> None:
    """Draw bars, the shortest on top; what is not Genesis is grey."""
    names = sorted(values, key=lambda name: -values[name])
    colours = [OTHERS if name.startswith(("python", "celery", "plain")) else OURS for name in names]
    bars = axes.barh(names, [values[name] for name in names], color=colours)
    axes.bar_label(bars, fmt="%.2f" if unit == "seconds" else "%.0f", padding=3)
    axes.set_xlabel(unit)


if __name__ == "__main__":
    main()
