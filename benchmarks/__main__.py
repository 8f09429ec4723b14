"""All benchmarks one after the other, and an index of their reports: `python -m benchmarks [--quick] [--only bus,cache]`.

Each is a program of its own, so that none finds what another has left in memory; one that fails, or lacks its data, is told of and
the next one runs. What they are given to look at is named in the environment: `BENCH_FOOTAGE` (a video), `BENCH_TRUTH` (who is where in
it, as MOTChallenge writes it), `BENCH_WEIGHTS` (YOLO weights), `BENCH_FACES` (a folder of photographs for each person).
"""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from benchmarks.reports import Options, machine, options

BENCHMARKS = ("bus", "cache", "pipeline", "startup", "search", "tracking", "faces")
"""In the order in which they run."""
INDEX = "README.md"


@dataclass(frozen=True)
class Outcome:
    """How one run ended.

    Attributes:
        name: of the benchmark.
        seconds: that it took.
        code: exit code.
        reason: the last line that it wrote to its standard error, if it failed.
    """

    name: str
    seconds: float
    code: int
    reason: str = ""


def program(name: str) -> list[str] | None:
    """Return the command that runs a benchmark; None: this checkout has no such one."""
    return [sys.executable, "-m", f"benchmarks.{name}"] if importlib.util.find_spec(f"benchmarks.{name}") is not None else None


@click.command(context_settings={"max_content_width": 110})
@click.option("--only", help=f"Only these, with commas between them.  [default: {','.join(BENCHMARKS)}]")
@options()
@click.pass_context
def main(context: click.Context, *, only: str | None, asked: Options) -> None:
    """Run all benchmarks and write an index of their reports; exit code 1 if one did not come to its end.

    What they look at is named in the environment: BENCH_FOOTAGE (a video), BENCH_TRUTH (who is where in it), BENCH_WEIGHTS (YOLO
    weights), BENCH_FACES (a folder of photographs for each person).
    """
    names = [name.strip() for name in only.split(",")] if only else list(BENCHMARKS)
    unknown = [name for name in names if name not in BENCHMARKS]
    if unknown:
        msg = f"--only {', '.join(unknown)}: expected some of {', '.join(BENCHMARKS)}"
        raise click.UsageError(msg)
    rounds = context.params["rounds"]  # as given: each benchmark has a default of its own
    words = [*(["--quick"] if asked.quick else []), *(["--rounds", str(rounds)] if rounds else []), "--results", str(asked.results)]
    assert asked.results is not None
    sys.exit(1 if run(names, words, asked.results) else 0)


def run(names: Sequence[str], words: Sequence[str], results: Path, find: Callable[[str], list[str] | None] = program) -> list[Outcome]:
    """Run benchmarks and write the index.

    Args:
        names: in the order of the runs.
        words: options that each is given.
        results: folder that each writes its report to.
        find: gives the command of one.

    Returns:
        Those that failed.
    """
    outcomes: list[Outcome] = []
    for name in names:
        command = find(name)
        if command is None:
            click.echo(f"{name}: not in this checkout", err=True)
            continue
        click.secho(f"\n== {name} ==", bold=True)
        outcomes.append(outcome(name, [*command, *words]))
        click.echo(told(outcomes[-1]))
    results.mkdir(parents=True, exist_ok=True)
    (results / INDEX).write_text(index(results, outcomes), encoding="utf-8")
    click.echo(f"\n{results / INDEX}:")
    for one in outcomes:
        click.echo(f"  {told(one)}")
    return [one for one in outcomes if one.code]


def outcome(name: str, command: Sequence[str]) -> Outcome:
    """Run one, with its output going where ours goes."""
    begun, last = time.monotonic(), ""
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, errors="replace") as process:  # noqa: S603 - our own modules
        assert process.stderr is not None
        for line in process.stderr:
            click.echo(line, nl=False, err=True)
            last = line.strip() or last
    return Outcome(name, time.monotonic() - begun, process.returncode, last if process.returncode else "")


def told(one: Outcome) -> str:
    """Return how a run ended, for a person."""
    took = f"{one.name}: {one.seconds:.0f} s"
    return f"{took}, failed ({one.code}): {one.reason}" if one.code else took


def index(results: Path, outcomes: Sequence[Outcome]) -> str:
    """Return the index of the reports in a folder, in Markdown; one that failed now shows its last report, if there is any."""
    about = machine()
    failed = {one.name: one.reason for one in outcomes if one.code}
    lines = ["# Benchmarks", "", "`make bench` measures all of it again.", "", f"{about['text']}, {about['day']}.", ""]
    lines += ["| benchmark | what it found | when | plots |", "| --- | --- | --- | --- |"]
    for name in BENCHMARKS:
        found = _report(results / f"{name}.json")
        if found is None:
            if name in failed:
                lines.append(f"| {name} | not measured: {_cell(failed[name])} | | |")
            continue
        when = [found["machine"]["day"], *(["a quick look"] if found["options"]["quick"] else [])]
        when += ["on another machine"] if found["machine"]["text"] != about["text"] else []
        plots = sorted(plot.name for plot in [*results.glob(f"{name}.svg"), *results.glob(f"{name}-*.svg")])
        shown = ", ".join(f"[{plot.removesuffix('.svg')}]({plot})" for plot in plots)
        lines.append(f"| [{name}]({name}.md) | {_cell(found['figures'].get('headline', ''))} | {', '.join(when)} | {shown} |")
    return "\n".join(lines) + "\n"


def _report(file: Path) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    main(prog_name="python -m benchmarks")
