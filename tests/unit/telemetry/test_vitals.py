"""What a program serves while it runs, and what is left of it afterwards."""

from __future__ import annotations

import json
import logging
import os
import socket
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from genesis.settings import Settings
from genesis.telemetry import catalogue, instruments
from genesis.telemetry.serving import ports_of
from genesis.telemetry.targets import targets
from genesis.telemetry.vitals import Vitals
from tests.processes import wait_until


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path)


@pytest.fixture
def vitals(settings: Settings) -> Vitals:
    return Vitals(settings, "bridge", "b-{port}", ports=[0])


def fetched(port: int, path: str, host: str = "127.0.0.1") -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://{host}:{port}{path}", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_a_program_serves_its_metrics_and_its_health(vitals: Vitals) -> None:
    with vitals:
        instruments.count(catalogue.DISPATCHED, "frames", "detection-workers", by=3)
        code, text = fetched(vitals.port, "/metrics")
        well, told = fetched(vitals.port, "/healthz")

    assert code == 200
    assert 'genesis_bridge_dispatched_total{group="detection-workers",stream="frames"} 3.0' in text
    assert "process_resident_memory_bytes" in text
    assert "python_info" in text
    assert "genesis_healthy 1.0" in text
    assert "genesis_build_info{version=" in text
    assert "_created" not in text
    assert well == 200
    about = json.loads(told)
    assert (about["healthy"], about["ailing"]) == (True, [])
    assert (about["role"], about["program"], about["pid"]) == ("bridge", f"b-{vitals.port}", os.getpid())


def test_a_part_that_hangs_is_seen_though_the_program_answers(vitals: Vitals) -> None:
    hung = vitals.health.heart("pump frames/detection-workers", 0.05)
    vitals.health.heart("janitor", 60)

    with vitals:
        code, told = wait_until(lambda: (found := fetched(vitals.port, "/healthz"))[0] == 503 and found, "it is seen")
        metrics = fetched(vitals.port, "/metrics")[1]
        hung.beat(60)
        again = fetched(vitals.port, "/healthz")[0]

    assert (code, json.loads(told)["ailing"]) == (503, ["pump frames/detection-workers"])
    assert "genesis_healthy 0.0" in metrics
    assert again == 200


def test_what_begins_to_ail_is_said_once_and_that_it_goes_on_too(
    settings: Settings, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("genesis.telemetry.vitals.LOOK_SECONDS", 0.01)
    caplog.set_level(logging.INFO)
    vitals = Vitals(settings, "bridge", "b", ports=[0])
    heart = vitals.health.heart("janitor", 0.05)

    with vitals:
        wait_until(lambda: "janitor does not go on" in caplog.messages, "it is said")
        heart.beat(60)
        wait_until(lambda: "janitor goes on again" in caplog.messages, "that too")

    assert caplog.messages == ["janitor does not go on", "janitor goes on again"]


@pytest.mark.parametrize(("path", "code"), [("/", 404), ("/metrics/", 404), ("/../etc/passwd", 404), ("/metrics?x=1", 200)])
def test_nothing_else_is_served(vitals: Vitals, path: str, code: int) -> None:
    with vitals:
        assert fetched(vitals.port, path)[0] == code


def test_an_orderly_end_leaves_nothing(settings: Settings, vitals: Vitals) -> None:
    with vitals:
        (target,) = targets(settings.data_dir)
        port = vitals.port

    assert target.address == f"127.0.0.1:{port}"
    assert targets(settings.data_dir) == []
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=5)


def test_the_first_free_port_is_taken(settings: Settings) -> None:
    with Vitals(settings, "bridge", "a", ports=[0]) as first, socket.create_server(("127.0.0.1", 0)) as free:
        last = free.getsockname()[1]
        free.close()
        with Vitals(settings, "bridge", "b", ports=[first.port, last]) as second:
            assert second.port == last


def test_a_program_without_a_port_goes_on_with_one_warning(settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    with Vitals(settings, "bridge", "a", ports=[0]) as first:
        with Vitals(settings, "bridge", "b", ports=[first.port]) as second:
            assert (second.port, second.name) == (0, "b")
        assert [target.program for target in targets(settings.data_dir)] == ["a"]

    (warning,) = caplog.messages
    assert "monitoring.program_ports" in warning


def test_a_program_that_must_serve_says_that_it_can_not(settings: Settings) -> None:
    with Vitals(settings, "bridge", "a", ports=[0]) as first:
        with pytest.raises(OSError, match="in use"), Vitals(settings, "exporter", "b", ports=[first.port], required=True):
            pass
        assert [target.program for target in targets(settings.data_dir)] == ["a"]


def test_where_no_ports_are_given_nothing_is_served(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    silent = Settings(data_dir=tmp_path, monitoring={"program_ports": ""})

    with Vitals(silent, "bridge", "a") as vitals:
        assert vitals.port == 0

    assert list(tmp_path.iterdir()) == []
    assert caplog.messages == []


def test_a_folder_that_can_not_be_written_is_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "run").write_text("no folder")

    with Vitals(Settings(data_dir=tmp_path), "bridge", "a", ports=[0]) as vitals:
        assert fetched(vitals.port, "/healthz")[0] == 200

    assert "Prometheus and `genesis health` are not told of this program" in caplog.messages[0]


def test_a_forked_child_does_not_keep_the_port(vitals: Vitals) -> None:
    with vitals:
        reading, writing = os.pipe()
        child = os.fork()
        if not child:
            os.read(reading, 1)
            os._exit(0)
    try:
        with socket.create_server(("127.0.0.1", vitals.port)):
            pass
    finally:
        os.write(writing, b"x")
        os.waitpid(child, 0)
        os.close(reading)
        os.close(writing)


@pytest.mark.parametrize(("text", "ports"), [("", []), ("9110", [9110]), ("9110-9112", [9110, 9111, 9112])])
def test_ports_are_named_as_a_range(text: str, ports: list[int]) -> None:
    assert list(ports_of(text)) == ports
