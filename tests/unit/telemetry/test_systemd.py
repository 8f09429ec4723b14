"""What systemd is told, by a socket as it gives one to its services."""

from __future__ import annotations

import contextlib
import os
import socket
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from genesis.settings import Settings
from genesis.telemetry import systemd
from genesis.telemetry.vitals import Vitals

QUIET = Settings(monitoring={"program_ports": ""})


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """Return the socket on which systemd listens."""
    name = f"@genesis-{uuid.uuid4().hex}" if request.param == "abstract" else f"/tmp/genesis-{uuid.uuid4().hex}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(name.replace("@", "\0"))
        listener.settimeout(5)
        monkeypatch.setenv(systemd.SOCKET_VARIABLE, name)
        yield listener
    Path(name).unlink(missing_ok=True)


def told(manager: socket.socket) -> str:
    return manager.recv(1000).decode()


def told_until_silence(manager: socket.socket, seconds: float) -> list[str]:
    manager.settimeout(seconds)
    said = []
    with contextlib.suppress(TimeoutError, BlockingIOError):
        while True:
            said.append(told(manager))
    manager.settimeout(5)
    return said


def test_a_program_tells_that_it_works_lives_and_ends(manager: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(systemd.WATCHDOG_VARIABLE, "90000")

    with Vitals(QUIET, "bridge", "b1") as vitals:
        first, second = told(manager), told(manager)
        vitals.works()
        later = {told(manager) for _ in range(3)}
    rest = told_until_silence(manager, 0)

    assert (first, second) == ("WATCHDOG=1", "WATCHDOG=1")
    assert later == {"READY=1", "WATCHDOG=1"}
    assert "STOPPING=1" in rest


def test_a_program_with_a_part_that_hangs_gives_no_sign_of_life(manager: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(systemd.WATCHDOG_VARIABLE, "30000")
    vitals = Vitals(QUIET, "bridge", "b1")
    heart = vitals.health.heart("pump", 0.2)

    with vitals:
        assert told(manager) == "WATCHDOG=1"
        told_until_silence(manager, 0.4)
        heart.beat()
        assert told(manager) == "WATCHDOG=1"


@pytest.mark.parametrize(
    ("limit", "pid", "seconds"),
    [("30000000", "", 30.0), ("30000000", "mine", 30.0), ("30000000", "1", None), ("", "", None), ("soon", "", None), ("0", "", None)],
)
def test_the_watchdog_waits_only_for_the_process_that_it_names(
    monkeypatch: pytest.MonkeyPatch, limit: str, pid: str, seconds: float | None
) -> None:
    monkeypatch.setenv(systemd.SOCKET_VARIABLE, "/nowhere")
    monkeypatch.setenv(systemd.WATCHDOG_VARIABLE, limit)
    monkeypatch.setenv(systemd.PID_VARIABLE, str(os.getpid()) if pid == "mine" else pid)

    assert systemd.watchdog_seconds() == seconds


def test_without_systemd_nothing_is_told_and_nothing_awaited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(systemd.SOCKET_VARIABLE, raising=False)
    monkeypatch.setenv(systemd.WATCHDOG_VARIABLE, "1000000")

    systemd.tell(systemd.READY)

    assert systemd.watchdog_seconds() is None


def test_a_manager_that_is_gone_harms_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(systemd.SOCKET_VARIABLE, str(tmp_path / "gone"))

    systemd.tell(systemd.READY)
