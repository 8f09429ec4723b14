"""What every benchmark is written with: the same options, medians, a table for a person and one in Markdown, a plot, and the machine named.

A benchmark measures everybody in turns, round after round, so that what else the machine does meanwhile hits all of them; what is
told is the median of the rounds, and the ratio to a peer in the same run.
"""

from __future__ import annotations

import functools
import json
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from statistics import median
from typing import Any

import click
from rich.console import Console
from rich.table import Table as RichTable

RESULTS = Path(__file__).parent / "results"
WIDE = 200  # columns of a table that is printed into a file


@dataclass(frozen=True)
class Options:
    """What was asked for: `quick` for a look, how many `rounds`, and the folder that the report is written to (None: nowhere)."""

    quick: bool
    rounds: int
    results: Path | None


def options(rounds: int = 5, quick_rounds: int = 1) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a click command `--quick`, `--rounds` and `--results`; it gets them as `asked`, an `Options`.

    Args:
        rounds: that it measures when nothing is said.
        quick_rounds: likewise with `--quick`.
    """

    def wrap(function: Callable[..., None]) -> Callable[..., None]:
        @click.option("--quick", is_flag=True, help="Fewer and shorter rounds: a look, nothing to quote.")
        @click.option(
            "--rounds", type=click.IntRange(1, 100), help=f"Rounds to take medians of.  [default: {rounds}, quick {quick_rounds}]"
        )
        @click.option(
            "--results", type=click.Path(file_okay=False, path_type=Path), default=RESULTS, show_default="benchmarks/results",
            help="Folder for the report (.md), the figures (.json) and the plot (.svg).",
        )  # fmt: skip
        @functools.wraps(function)
        def command(*, quick: bool, rounds: int | None, results: Path, **others: Any) -> None:
            function(asked=Options(quick, rounds or (quick_rounds if quick else default), results), **others)

        return command

    default = rounds
    return wrap


@dataclass(frozen=True)
class Table:
    """A table of a report.

    Attributes:
        title: one line.
        columns: their names.
        rows: cells, as text; as many as there are columns.
        note: what a reader must know to trust it.
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""

    def markdown(self) -> str:
        """Return it in Markdown."""
        lines = [f"### {self.title}", "", _line(self.columns), _line(["---", *["---:"] * (len(self.columns) - 1)])]
        lines += [_line(row) for row in self.rows]
        return "\n".join([*lines, *(["", self.note] if self.note else [])])


@dataclass
class Report:
    """What a benchmark has found.

    Attributes:
        name: of its files, such as `bus`.
        title: one line.
        command: that makes it again.
        figures: everything measured, for a program: written as JSON. `figures["headline"]` is the most telling figure in one sentence,
            which the index of all reports shows.
    """

    name: str
    title: str
    asked: Options
    command: str = field(default_factory=lambda: _command(sys.argv[1:]))
    figures: dict[str, Any] = field(default_factory=dict)
    _tables: list[Table] = field(default_factory=list)
    _words: list[str] = field(default_factory=list)
    _plots: list[str] = field(default_factory=list)

    def table(self, table: Table) -> None:
        """Add a table, and show it now."""
        self._tables.append(table)
        shown = RichTable(title=table.title, title_justify="left", title_style="bold")
        for index, column in enumerate(table.columns):
            shown.add_column(column, justify="right" if index else "left", overflow="fold")
        for row in table.rows:
            shown.add_row(*row)
        console = Console(width=None if sys.stdout.isatty() else WIDE)
        console.print(shown)
        if table.note:
            console.print(table.note, style="dim", markup=False)

    def say(self, text: str) -> None:
        """Add a paragraph, once, and show it."""
        if text not in self._words:
            self._words.append(text)
        click.echo(text)

    def plot(self, draw: Callable[[Any], None], *, name: str = "", size: tuple[float, float] = (8.0, 4.5)) -> None:
        """Draw a plot; where matplotlib is missing (the extra `report`), the report goes without.

        Args:
            draw: gets matplotlib's axes.
            name: of this one among several.
            size: inches.
        """
        if self.asked.results is None:
            return
        try:
            import matplotlib as mpl  # noqa: PLC0415 - an extra

            mpl.use("Agg")
            from matplotlib import pyplot as plt  # noqa: PLC0415
        except ImportError:
            click.echo("no plot: matplotlib is not installed (the extra 'report')", err=True)
            return
        with mpl.rc_context({"svg.hashsalt": "genesis", "axes.spines.top": False, "axes.spines.right": False}):
            figure, axes = plt.subplots(figsize=size, layout="constrained")
            draw(axes)
            self.asked.results.mkdir(parents=True, exist_ok=True)
            file = f"{self.name}{'-' + name if name else ''}.svg"
            figure.savefig(self.asked.results / file, metadata={"Date": None})
            plt.close(figure)
        self._plots.append(file)

    def write(self) -> None:
        """Write the report and the figures."""
        folder = self.asked.results
        if folder is None:
            return
        folder.mkdir(parents=True, exist_ok=True)
        about = machine()
        lines = [
            f"# {self.title}",
            "",
            f"`{self.command}`",
            "",
            f"{about['text']}, {about['day']}. Medians of {self.asked.rounds} rounds.",
            "",
        ]
        if self.asked.quick:
            lines += ["A quick look (`--quick`): nothing to quote.", ""]
        lines += [part for plot in self._plots for part in (f"![{self.title}]({plot})", "")]
        lines += [part for table in self._tables for part in (table.markdown(), "")]
        lines += [part for words in self._words for part in (words, "")]
        (folder / f"{self.name}.md").write_text("\n".join(lines).rstrip() + "\n", encoding="utf-8")
        data = {"machine": about, "command": self.command, "options": {**asdict(self.asked), "results": None}, "figures": self.figures}
        (folder / f"{self.name}.json").write_text(json.dumps(data, indent=1, default=float) + "\n", encoding="utf-8")
        click.echo(f"written: {folder / self.name}.md, .json{', .svg' if self._plots else ''}")


def machine() -> dict[str, str]:
    """Return what the figures were measured on: `text` in one line, the `day`, and the parts."""
    model = next((line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")), platform.machine())
    kib = next((int(line.split()[1]) for line in _lines("/proc/meminfo") if line.startswith("MemTotal")), 0)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    python, redis = platform.python_version(), _version("redis-server", "--version")
    what = f"{model}, {cores} core{'s' if cores != 1 else ''}, {kib / 1024**2:.0f} GiB"
    text = f"{what}, {platform.system()} {platform.release()}, Python {python}"
    parts = {"cpu": model, "cores": str(cores), "memory_gib": f"{kib / 1024**2:.0f}", "python": python, "redis": redis}
    return {"text": f"{text}{', Redis ' + redis if redis else ''}", "day": datetime.now(timezone.utc).strftime("%Y-%m-%d"), **parts}


def middle(values: Iterable[float]) -> float:
    """Return the median; NaN of nothing."""
    known = list(values)
    return median(known) if known else float("nan")


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value that so large a share (0 to 1) is not above; NaN of nothing."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("nan")


def times(value: float, of: float) -> str:
    """Return a ratio as people read it: `2.4 x`."""
    return f"{value / of:.2f} x" if of and value == value else "-"  # noqa: PLR0124 - not NaN


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text(encoding="utf-8").splitlines()
    except OSError:
        return []


def _version(program: str, argument: str) -> str:
    try:
        told = subprocess.run([program, argument], capture_output=True, text=True, timeout=10, check=False).stdout  # noqa: S603 - ours
    except OSError:
        return ""
    return next((word[2:] for word in told.split() if word.startswith("v=")), "")


def _command(arguments: Sequence[str]) -> str:
    """Return how a report is made again, wherever it was written to."""
    words = [word for word in arguments if not word.startswith("--results=")]
    if "--results" in words:
        at = words.index("--results")
        del words[at : at + 2]
    return " ".join(["python -m", _module(), *words])


def _module() -> str:
    spec = getattr(sys.modules["__main__"], "__spec__", None)
    return spec.name.removesuffix(".__main__") if spec is not None else Path(sys.argv[0]).stem
