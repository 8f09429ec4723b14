"""A short run of chaos: every kind of fault, and nothing lost or done twice. `make chaos` is the long one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from genesis.chaos.plan import KINDS
from tests.processes import python

SEED = 20261
LEAST = 500  # events
SHORT = [
    *("--events", str(LEAST), "--rate", "15", "--faults", str(len(KINDS)), "--overlap", "0.7"),
    *("--lease", "2", "--max-deliveries", "3", "--poison", "1"),
]


def test_nothing_is_lost_or_doubled_while_everything_fails(redis_program: Path, tmp_path: Path) -> None:
    del redis_program

    ended = python("-m", "genesis.chaos", *SHORT, "--seed", str(SEED), "--json", str(tmp_path / "report.json"), timeout=300)

    assert ended.returncode == 0, ended.stdout + ended.stderr
    report = json.loads((tmp_path / "report.json").read_text())
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
