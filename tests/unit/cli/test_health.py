"""`genesis health`, asked of programs that are well, that hang, and that are gone."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest
from click.testing import CliRunner, Result

from genesis.cli import main
from genesis.settings import Settings
from genesis.telemetry.targets import told
from genesis.telemetry.vitals import Vitals


@pytest.fixture(autouse=True)
def _site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GENESIS_DATA_DIR", str(tmp_path))


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path)


@pytest.fixture
def bridge(settings: Settings) -> Iterator[Vitals]:
    with Vitals(settings, "bridge", "bridge-a-1", ports=[0]) as vitals:
        yield vitals


@pytest.fixture
def silent() -> Iterator[int]:
    """Return the port of a program that is stopped: connections are taken, nobody answers."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        yield server.getsockname()[1]


def health(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["health", *arguments])


def test_programs_that_go_on_are_healthy(bridge: Vitals, settings: Settings) -> None:
    with Vitals(settings, "capture", "here-7", ports=[0]):
        result = health()

    assert sorted(result.stdout.splitlines()) == ["bridge   bridge-a-1: healthy", "capture  here-7: healthy"]
    assert result.exit_code == 0


def test_a_part_that_hangs_is_named(bridge: Vitals) -> None:
    bridge.health.check(lambda: ["janitor", "pump frames/detection-workers"])

    result = health()

    assert result.stdout == "bridge   bridge-a-1: does not go on: janitor, pump frames/detection-workers\n"
    assert result.exit_code == 1


def test_programs_that_hang_are_waited_for_all_at_once(tmp_path: Path, silent: int, bridge: Vitals) -> None:
    for number in range(5):
        target = told(tmp_path, role="worker", program=f"w{number}", host="127.0.0.1", port=silent)
        target.file.rename(target.file.with_name(f"{socket.gethostname()}-{number}.json"))
    begun = time.monotonic()

    result = health("--timeout", "0.3")

    assert time.monotonic() - begun < 1.2
    assert result.stdout.count("hangs: no answer within 0.3 s") == 5
    assert "bridge-a-1: healthy" in result.stdout
    assert result.exit_code == 1


def test_a_program_that_is_gone_is_bad_and_its_file_named(tmp_path: Path, silent: int) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        port = server.getsockname()[1]
    target = told(tmp_path, role="worker", program="w1", host="127.0.0.1", port=port)

    result = health()

    assert "worker   w1: does not answer" in result.stdout
    assert f"remove {target.file}" in result.stdout
    assert result.exit_code == 1


def test_another_program_on_the_port_of_one_that_is_gone_is_not_taken_for_it(tmp_path: Path, bridge: Vitals) -> None:
    told(tmp_path, role="bridge", program="bridge-b-1", host="127.0.0.1", port=bridge.port)

    result = health()

    assert result.stdout.startswith("bridge   bridge-b-1: is gone: bridge bridge-a-1 answers")
    assert result.exit_code == 1


def test_roles_are_asked_for_by_name(bridge: Vitals, settings: Settings) -> None:
    with Vitals(settings, "worker", "w1", ports=[0]) as worker:
        worker.health.check(lambda: ["event loop"])
        found = health("--role", "bridge"), health("--role", "worker"), health("--role", "exporter")

    assert [result.exit_code for result in found] == [0, 1, 1]
    assert "no exporter runs here" in found[2].stderr
    assert "bridge, worker" in found[2].stderr


def test_no_program_at_all_is_not_healthy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nobody = health()
    monkeypatch.setenv("GENESIS_MONITORING__PROGRAM_PORTS", "")
    from genesis.settings import current

    current.cache_clear()
    silent = health("--json")

    assert (nobody.exit_code, nobody.stdout) == (1, "")
    assert nobody.stderr == f"genesis: no program of Genesis runs here with data folder {tmp_path}\n"
    assert (silent.exit_code, silent.stdout) == (1, "[]\n")
    assert "monitoring.program_ports is empty" in silent.stderr


def test_the_answers_can_be_read_by_a_program(bridge: Vitals) -> None:
    (row,) = json.loads(health("--json").stdout)

    assert (row["role"], row["program"], row["healthy"], row["ailing"]) == ("bridge", "bridge-a-1", True, [])
    assert row["address"] == f"127.0.0.1:{bridge.port}"


@pytest.mark.parametrize("form", ["http://127.0.0.1:{port}", "http://127.0.0.1:{port}/", "127.0.0.1:{port}"])
def test_one_program_can_be_asked_by_its_address(bridge: Vitals, form: str) -> None:
    result = health("--url", form.format(port=bridge.port))

    assert (result.stdout, result.exit_code) == ("bridge   bridge-a-1: healthy\n", 0)


@pytest.mark.parametrize("url", ["ftp://a", "http://", "http://h:99999", "http://h:0", "https://h:1"])
def test_an_address_that_is_none_is_a_wrong_use(url: str) -> None:
    result = health("--url", url)

    assert result.exit_code == 2
    assert "expected http://host:port" in result.stderr


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"healthy": true}', b'"x"', b"\xff"])
def test_what_is_no_program_of_ours_is_said_to_be_none(body: bytes) -> None:
    class Other(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Other)
    Thread(target=server.handle_request, daemon=True).start()

    result = health("--url", f"http://127.0.0.1:{server.server_port}")
    server.server_close()

    assert "is no program of Genesis" in result.stdout
    assert result.exit_code == 1
