"""The doctor at a whole installation: one that is well, and one in which much is wrong, each thing of which is found once."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest
import yaml

import genesis
from genesis.bus.ledger import Ledger
from genesis.bus.programs import Program, note
from genesis.embedded.redis import RedisServer
from genesis.events import completed
from genesis.monitoring.doctor import Finding, examine
from genesis.settings import CONFIG_VARIABLE, Settings, load
from genesis.subscriptions import Registry
from tests.cameras_of_doctor import camera, digest, open_to_all
from tests.catalogue import builtin_subscriptions
from tests.events_of_tests import frame
from tests.integration.monitoring.conftest import free_port
from tests.processes import cli

LIMIT_SECONDS = 10.0  # it is over in 2 to 4 on two cores


@pytest.fixture
def installation(durable: Settings, ledger_server: RedisServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Return the settings, also of processes, of an installation in event mode with cameras and ports of its own."""
    values: dict[str, Any] = yaml.safe_load((tmp_path / "settings.yaml").read_text())
    values |= {
        "event_driven": {"enabled": True},
        "detection": {"detector": "hog"},
        "monitoring": {"port": free_port()},
        "flower": {"port": free_port()},
        "cameras": [{"name": "yard", "source": str(tmp_path)}],
    }
    return written(tmp_path, values, monkeypatch)


def written(folder: Path, values: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Write the settings, and read them."""
    file = folder / "settings.yaml"
    file.write_text(yaml.safe_dump(values))
    monkeypatch.setenv(CONFIG_VARIABLE, str(file))
    return load(file)


def changed(settings: Settings, folder: Path, monkeypatch: pytest.MonkeyPatch, **sections: Any) -> Settings:
    values = yaml.safe_load((folder / "settings.yaml").read_text())
    return written(folder, {**values, **sections}, monkeypatch)


@pytest.fixture
def sign(installation: Settings) -> Iterator[Any]:
    """Return what gives a program's sign of life."""
    with closing(Ledger(installation, builtin_subscriptions())) as ledger:

        def give(role: str, name: str, *, age: float = 0.0, **values: Any) -> None:
            now, here = time.time(), {"host": socket.gethostname(), "pid": 1, "version": genesis.__version__}
            note(ledger.client, ledger.keys, Program(role, name, started=now - 3600, seen=now - age, **{**here, **values}))

        yield give


def queues() -> tuple[str, ...]:
    return tuple(builtin_subscriptions().queues)


def wrong(rows: tuple[Finding, ...]) -> dict[tuple[str, str], str]:
    """Return what is not fine, without what this machine's disk may lack."""
    return {(row.about, row.check): row.level for row in rows if row.level != "ok" and row.check not in {"disk", "memory"}}


def test_of_an_installation_that_is_well_nothing_is_said(installation: Settings, sign: Any) -> None:
    sign("bridge", "bridge-north-1")
    sign("capture", "north-7", cameras=("yard",))
    sign("worker", "all@north", queues=queues(), children=2)
    begun = time.monotonic()

    report = examine(installation, builtin_subscriptions())

    assert wrong(report.findings) == {}
    assert time.monotonic() - begun < LIMIT_SECONDS


def test_each_thing_that_is_wrong_is_found_once(
    installation: Settings, sign: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, volatile_server: RedisServer
) -> None:
    with ExitStack() as stack:
        door = stack.enter_context(camera(digest))
        gate = stack.enter_context(camera(open_to_all))
        taken = stack.enter_context(socket.create_server(("127.0.0.1", 0))).getsockname()[1]
        ledger = stack.enter_context(closing(Ledger(installation, builtin_subscriptions())))
        settings = changed(
            installation, tmp_path, monkeypatch,
            cameras=[
                {"name": "door", "source": f"rtsp://viewer:wr0ng@{door}/1"},
                {"name": "gate", "source": f"rtsp://viewer:s3cret@{gate}/1"},
                {"name": "roof", "source": "rtsp://viewer:s3cret@127.0.0.1:1/1"},
                {"name": "hall", "source": str(tmp_path / "no.mp4")},
            ],
            flower={"port": taken},
            monitoring={"port": free_port(), "address": "0.0.0.0"},
        )  # fmt: skip
        (tmp_path / "settings.yaml").chmod(0o644)
        sign("worker", "some@north", queues=tuple(name for name in queues() if name != "detection"), ailing=("broker",))
        sign("worker", "gpu@south", queues=("detection",), host="south", age=90.0)
        sign("capture", "north-7", cameras=("door", "gate", "roof", "hall"), version="0.0.1")
        ledger.publish([completed(frame(number)) for number in range(3)])
        ledger.client.xadd("genesis:zones:dlq", {"dlq-stream": "genesis:zones"})
        ledger.client.xgroup_create("genesis:persons", "crowd-watch", "0")

        report = examine(settings, builtin_subscriptions())

    assert wrong(report.findings) == {
        ("programs", "bridge"): "error",
        ("programs", "queues"): "error",
        ("programs", "ailing"): "error",
        ("programs", "silent"): "warning",
        ("programs", "releases"): "warning",
        ("streams", "groups"): "warning",
        ("streams", "dead-letters"): "warning",
        ("camera door", "camera"): "error",
        ("camera roof", "camera"): "error",
        ("camera hall", "camera"): "error",
        ("flower.port", "ports"): "warning",
        ("monitoring.address", "open"): "warning",
        ("settings", "open"): "warning",
    }
    assert all(row.why and row.advice for row in report.findings if row.level in {"error", "warning"})
    found = {row.about: row.found for row in report.findings}
    assert "refuses the user or password" in found["camera door"]
    assert "can't be reached" in found["camera roof"]
    assert f"port {taken} is taken by" in found["flower.port"]
    assert "wr0ng" not in str(report)
    assert "s3cret" not in str(report)


def test_the_command_leaves_cameras_alone_where_that_is_asked_for(
    installation: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed(installation, tmp_path, monkeypatch, cameras=[{"name": "roof", "source": "rtsp://127.0.0.1:1/1"}])

    asked, left = cli("doctor", "--json"), cli("doctor", "--json", "--no-cameras")

    by_check = [{row["about"]: row for row in json.loads(done.stdout)["findings"]} for done in (asked, left)]
    assert (asked.returncode, by_check[0]["camera roof"]["level"]) == (1, "error")
    assert (left.returncode, "camera roof" in by_check[1]) == (0, False)
    assert by_check[1]["detection.weights"]["found"] == "hog, which needs none"
    assert by_check[1]["programs"]["found"].startswith("nothing runs, and nothing waits")


def test_a_ledger_that_does_not_answer_does_not_hold_up_the_rest(
    installation: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        place = f"127.0.0.1:{deaf.getsockname()[1]}"
        settings = changed(
            installation,
            tmp_path,
            monkeypatch,
            redis={"url": f"redis://{place}/0"},
            cameras=[{"name": "roof", "source": f"rtsp://{place}/1"}],
        )
        begun = time.monotonic()

        report = examine(settings, Registry())

    rows = {row.about: row for row in report.findings if row.level == "error"}
    assert "does not answer" in rows["redis.url"].found
    assert "camera roof" in rows
    assert time.monotonic() - begun < LIMIT_SECONDS
