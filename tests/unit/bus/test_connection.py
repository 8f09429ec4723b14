"""A broker is tried again soon, however long it was away."""

from __future__ import annotations

from pathlib import Path

import pytest
from kombu.exceptions import OperationalError

from genesis.bus.broker import transport_options
from genesis.bus.connection import Connection
from genesis.settings import Settings


@pytest.mark.parametrize("url", ["redis+socket://{}/nobody.sock", "amqp://127.0.0.1:1//"])
def test_no_wait_for_a_broker_is_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setattr("kombu.utils.functional.sleep", lambda _seconds: None)
    waits: list[float] = []

    with Connection(url.format(tmp_path)) as connection, pytest.raises(OperationalError):
        connection.ensure_connection(lambda _error, wait: waits.append(wait), max_retries=60)

    assert len(waits) == 60
    assert waits[:5] == [0.5, 1.0, 1.5, 2.0, 2.0]
    assert max(waits) == 2.0


def test_a_caller_that_gives_its_own_waits_gets_them(tmp_path: Path) -> None:
    waits: list[float] = []

    with Connection(f"redis+socket://{tmp_path}/nobody.sock") as connection, pytest.raises(OperationalError):
        connection.ensure_connection(lambda _error, wait: waits.append(wait), max_retries=2, interval_start=0, interval_step=0)

    assert waits == [0, 0]


def test_every_connection_of_the_application_is_such_a_one() -> None:
    from genesis.celery import app

    assert isinstance(app.connection_for_read(), Connection)
    assert isinstance(app.connection_for_write(), Connection)


def test_a_command_to_a_broker_takes_no_longer_than_one_to_the_ledger() -> None:
    options = transport_options(Settings(redis={"timeout_seconds": 3}))

    assert (options["socket_timeout"], options["socket_connect_timeout"]) == (3, 3)
