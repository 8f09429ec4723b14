"""Entries become messages, and a broker that is away is told apart from everything else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from celery import Celery

from genesis.bus.broker import transport_options
from genesis.bus.delivery import task_for
from genesis.bus.dispatch import Dispatcher
from genesis.connections import connect
from genesis.embedded.redis import RedisServer
from genesis.events import AlertEvent, ZoneEvent
from genesis.settings import Settings
from genesis.subscriptions import Subscription

ENTRIES = [(f"{number}-0", {"id": str(number)}) for number in range(1, 51)]


def handler(event: Any, context: Any) -> None:
    """Take an event."""


@pytest.fixture
def broker(redis_program: Path, tmp_path: Path) -> Iterator[RedisServer]:
    with RedisServer("cache", tmp_path / "broker") as server:
        yield server


@pytest.fixture
def app(broker: RedisServer) -> Any:
    made = Celery("tests", broker=broker.broker_url(), set_as_current=False)
    made.conf.broker_transport_options = transport_options(Settings())
    yield made
    made.close()


def test_a_broker_that_goes_away_under_a_batch_is_an_os_error_and_serves_again_when_it_is_back(app: Any, broker: RedisServer) -> None:
    row = Subscription(ZoneEvent, "testers", "alerts", handler)
    task_for(app, row, 10.0, 5.0)
    dispatcher = Dispatcher(app, row, "genesis:zones")
    dispatcher.send(ENTRIES)
    broker.stop()

    for _ in range(2):
        with pytest.raises(OSError, match="broker_url"):
            dispatcher.send(ENTRIES)
    broker.start()
    dispatcher.send(ENTRIES)

    assert connect(broker.url(1)).llen("genesis:celery:alerts") == len(ENTRIES)
    dispatcher.close()


def test_a_function_that_handles_two_groups_has_a_task_for_each(app: Any) -> None:
    rows = [Subscription(ZoneEvent, "testers", "alerts", handler), Subscription(AlertEvent, "testers", "alerts", handler)]

    for row in rows:
        task_for(app, row, 10.0, 5.0)

    assert [app.tasks[row.task].subscription for row in rows] == rows
