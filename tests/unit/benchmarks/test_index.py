"""All benchmarks in one go: what is run, what is said of failures, and the index of the reports."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from benchmarks.__main__ import BENCHMARKS, index, main, outcome, program, run, told
from benchmarks.reports import Options, Report, _command, machine

WRITES = """
import json, sys
from pathlib import Path
results = Path(sys.argv[sys.argv.index("--results") + 1])
(results / "NAME.json").write_text(json.dumps(
    {"machine": {"text": "a box", "day": "2026-01-31"},
     "options": {"quick": "--quick" in sys.argv}, "figures": {"headline": "quick | sure"}}
))
"""
FAILS = "import sys; print('step one', file=sys.stderr); print('no footage', file=sys.stderr); sys.exit(2)"


def python(program: str) -> list[str]:
    return [sys.executable, "-c", program]


def test_one_that_fails_is_told_of_and_the_next_one_runs(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    commands = {"bus": python(FAILS), "cache": python(WRITES.replace("NAME", "cache")), "search": None}

    failed = run(list(commands), ["--quick", "--results", str(tmp_path)], tmp_path, commands.get)

    assert [(one.name, one.code, one.reason) for one in failed] == [("bus", 2, "no footage")]
    page = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert "| bus | not measured: no footage | | |" in page
    assert "| [cache](cache.md) | quick \\| sure | 2026-01-31, a quick look, on another machine |" in page
    assert "search" not in page
    said = capfd.readouterr()
    assert "step one" in said.err
    assert "search: not in this checkout" in said.err
    assert "bus: 0 s, failed (2): no footage" in said.out


def test_one_that_fails_keeps_its_last_report_in_the_index(tmp_path: Path) -> None:
    report = {"machine": {**machine(), "day": "2026-01-31"}, "options": {"quick": False}, "figures": {}}
    (tmp_path / "bus.json").write_text(json.dumps(report), encoding="utf-8")
    for plot in ("bus.svg", "bus-latency.svg", "business.svg"):
        (tmp_path / plot).touch()

    page = index(tmp_path, [outcome("bus", python(FAILS))])

    assert "| [bus](bus.md) |  | 2026-01-31 | [bus-latency](bus-latency.svg), [bus](bus.svg) |" in page


def test_one_that_ends_without_a_word_is_told_of(tmp_path: Path) -> None:
    assert told(outcome("bus", python("import os; os._exit(3)"))) == "bus: 0 s, failed (3): "


@pytest.mark.parametrize("only", ["bus,cash", "all"])
def test_a_benchmark_that_there_is_not_is_refused(only: str) -> None:
    done = CliRunner().invoke(main, ["--only", only])

    assert done.exit_code == 2
    assert "expected some of bus, cache" in done.output


def test_the_benchmarks_are_found() -> None:
    assert {name for name in BENCHMARKS if program(name)} >= {"cache", "search", "tracking", "faces"}


def test_a_report_tells_how_it_is_made_again_wherever_it_lies() -> None:
    assert _command(["--quick", "--results", "/home/x", "--rounds", "2"]).endswith(" --quick --rounds 2")
    assert _command(["--results=/home/x"]).split()[-1] != "--results=/home/x"


def test_what_is_said_twice_stands_once_in_a_report(tmp_path: Path) -> None:
    report = Report("x", "X", Options(quick=False, rounds=1, results=tmp_path))
    for _ in range(2):
        report.say("Left out: this one.")
    report.write()

    assert (tmp_path / "x.md").read_text(encoding="utf-8").count("Left out") == 1
