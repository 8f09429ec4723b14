"""The files by which Prometheus and `genesis health` find the programs."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from genesis.telemetry.targets import FOLDER, targets, told

HERE = socket.gethostname()


def test_a_program_is_found_by_what_it_tells(tmp_path: Path) -> None:
    written = told(tmp_path, role="bridge", program="bridge-a-1", host="127.0.0.1", port=9110)

    assert targets(tmp_path) == [written]
    assert written.file == tmp_path / FOLDER / f"{HERE}-9110.json"
    assert json.loads(written.file.read_text()) == [{"targets": ["127.0.0.1:9110"], "labels": {"role": "bridge", "program": "bridge-a-1"}}]
    assert [path.name for path in written.file.parent.iterdir()] == [written.file.name]


@pytest.mark.parametrize(
    ("host", "address", "here"),
    [
        ("127.0.0.1", "127.0.0.1:9110", "127.0.0.1:9110"),
        ("0.0.0.0", f"{HERE}:9110", "127.0.0.1:9110"),
        ("::", f"{HERE}:9110", "127.0.0.1:9110"),
        ("10.0.0.7", "10.0.0.7:9110", "10.0.0.7:9110"),
        ("::1", "[::1]:9110", "[::1]:9110"),
    ],
)
def test_an_address_is_one_that_others_can_ask(tmp_path: Path, host: str, address: str, here: str) -> None:
    target = told(tmp_path, role="bridge", program="b", host=host, port=9110)

    assert (target.address, target.here) == (address, here)


def test_a_program_on_the_same_port_takes_the_place_of_the_one_before(tmp_path: Path) -> None:
    told(tmp_path, role="bridge", program="before", host="127.0.0.1", port=9110)
    told(tmp_path, role="worker", program="now", host="127.0.0.1", port=9110)

    assert [(target.role, target.program) for target in targets(tmp_path)] == [("worker", "now")]


@pytest.mark.parametrize("text", ["", "{}", "[]", "[{}]", '[{"targets": [], "labels": {}}]', "[1]", "\xff"])
def test_a_file_that_is_none_of_ours_is_left_out(tmp_path: Path, text: str) -> None:
    told(tmp_path, role="bridge", program="b", host="127.0.0.1", port=9110)
    (tmp_path / FOLDER / f"{HERE}-9111.json").write_bytes(text.encode("latin-1"))

    assert [target.program for target in targets(tmp_path)] == ["b"]


def test_programs_of_other_machines_with_the_same_folder_are_not_asked_here(tmp_path: Path) -> None:
    told(tmp_path, role="bridge", program="b", host="127.0.0.1", port=9110)
    file = tmp_path / FOLDER / f"{HERE}-9110.json"
    file.rename(file.with_name("elsewhere-9110.json"))

    assert targets(tmp_path) == []
