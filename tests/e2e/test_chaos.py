"""A short run of chaos: every kind of fault, and nothing lost or done twice. `make chaos` is the long one."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from genesis.chaos.plan import KINDS
from tests.processes import program, python

SEED = 20261
LEAST = 500  # events
SHORT = [
    *("--events", str(LEAST), "--rate", "15", "--faults", str(len(KINDS)), "--overlap", "0.7"),
    *("--lease", "2", "--max-deliveries", "3", "--poison", "1"),
]


@pytest.fixture(scope="session")  # other modules' tests are between its own
def running(redis_program: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """Start it; return the process, and the folder for its log and its report."""
    del redis_program
    folder = tmp_path_factory.mktemp("chaos")
    argv = [sys.executable, "-m", "genesis.chaos", *SHORT, "--seed", str(SEED), "--json", str(folder / "report.json")]
    with program(argv, folder / "log") as started:
        yield started, folder


@pytest.mark.beside_the_unit_tests("begin")
def test_chaos_begins(running: tuple[subprocess.Popen[bytes], Path]) -> None:
    process, _ = running

    assert process.poll() is None


@pytest.mark.beside_the_unit_tests("end")
def test_nothing_is_lost_or_doubled_while_everything_fails(running: tuple[subprocess.Popen[bytes], Path]) -> None:
    process, folder = running

    code = process.wait(300)

    assert code == 0, (folder / "log").read_text()
    report = json.loads((folder / "report.json").read_text())
    assert (report["lost"], report["doubled"], report["findings"]) == (0, 0, [])
    assert report["events"] >= LEAST
    assert {row["kind"] for row in report["rows"]} == {kind.name for kind in KINDS}
    assert set(report["buried"]) >= {"malformed", "oversized", "unknown_type", "poison", "retries_exhausted"}


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("--only", "flood"), "genesis: no fault 'flood' (faults: kill-bridge, "),
        (("--folder", "."), "genesis: --folder .: is not empty"),
    ],
)
def test_a_wrong_use_is_answered_in_one_line(arguments: tuple[str, ...], line: str) -> None:
    ended = python("-m", "genesis.chaos", "--faults", "1", *arguments)

    assert ended.returncode == 2
    assert ended.stderr.startswith(line)
    assert "Traceback" not in ended.stderr
