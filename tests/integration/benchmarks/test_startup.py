"""The benchmark of starting: its pure parts, and its smallest form."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from benchmarks import startup, startup_runs
from benchmarks.pipeline.processes import Memory
from benchmarks.pipeline.system import MeasurementError
from benchmarks.reports import Options, Report
from benchmarks.startup_runs import Idle, Taken

RUNS = [Taken(0.2, 0.1), Taken(0.4, 0.1), Taken(0.3, 0.2)]
REST = [Idle(Memory(80_000_000, 50_000_000), 0.5), Idle(Memory(90_000_000, 60_000_000), 1.5), Idle(Memory(90_000_000, 60_000_000), 1.25)]


def test_commands_are_measured_and_the_report_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    few = {name: startup_runs.HELP[name] for name in (startup.BASE, "genesis --help")}
    monkeypatch.setattr(startup_runs, "HELP", few)

    done = CliRunner().invoke(startup.main, ["--quick", "--part", "commands", "--results", str(tmp_path)])

    assert done.exit_code == 0, done.output
    commands = json.loads((tmp_path / "startup.json").read_text(encoding="utf-8"))["figures"]["commands"]
    assert list(commands) == list(few)
    assert all(one["wall"] > 0 and one["cpu"] > 0 for one in commands.values())
    assert "| `genesis --help` |" in (tmp_path / "startup.md").read_text(encoding="utf-8")


def test_programs_are_measured_until_they_work(redis_program: Path, tmp_path: Path) -> None:
    clip = startup_runs.draw_clip(tmp_path / "clip.avi")

    taken = startup_runs.starts(1, tmp_path, clip, chosen=[startup_runs.CAPTURE])

    ((one,),) = taken.values()
    assert one.wall > 0
    assert one.cpu > 0


def test_a_command_that_fails_is_not_measured() -> None:
    with pytest.raises(MeasurementError, match="exit code 3"):
        startup_runs.run(["-c", "raise SystemExit(3)"])


def test_a_process_that_has_worked_was_on_a_core() -> None:
    before = startup_runs.on_core(os.getpid())
    sum(number * number for number in range(300_000))

    assert startup_runs.on_core(os.getpid()) > before


def test_figures_are_held_against_the_targets(tmp_path: Path) -> None:
    report = Report("startup", "Starting", Options(quick=True, rounds=3, results=tmp_path))
    report.figures = {
        "starts": {"bridge": startup.medians(RUNS), startup_runs.PLAIN_ALONE: startup.medians(RUNS)},
        "rest": {"bridge": startup.memory_of(REST), "capture": startup.memory_of([Idle(Memory(160_000_000, 1))])},
    }

    startup.show(report)
    report.write()

    text = (tmp_path / "startup.md").read_text(encoding="utf-8")
    assert "| bridge ready | 0.30 s | 1.5 s | yes |" in text
    assert "| bridge, resident | 90.00 MB | 100 MB | yes |" in text
    assert "| idle bridge, of a core | 1.25 % | 1 % | NO |" in text
    assert "| capture in event mode, resident | 160.00 MB | 150 MB | NO |" in text
    assert "| bridge | 0.30 | 0.10 | 1.00 x |" in text
    assert "| capture | 160 | 0 | - |" in text
