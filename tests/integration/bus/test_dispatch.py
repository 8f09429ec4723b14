"""Entries become messages, and a broker that is away is told apart from everything else."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from celery import Celery

from genesis.bus.broker import transport_options
from genesis.bus.dispatch import Dispatcher, Try
from genesis.bus.task import task_for
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


@pytest.mark.parametrize("together", [1, 3])
def test_messages_that_are_put_together_are_those_that_celery_makes(
    app: Any, broker: RedisServer, together: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An upgrade of Celery or kombu that changes a message changes ours."""
    row = Subscription(ZoneEvent, "testers", "alerts", handler)
    task_for(app, row, 10.0, 5.0)
    entries = [(f"{number}-0", {"id": f'"{number}"', "subject": "dóór\n", "data": '{"a": [1, "b\\\\"]}'}) for number in range(7)]
    ours, theirs = Dispatcher(app, row, "genesis:zones"), Dispatcher(app, row, "genesis:zones")
    client = connect(broker.url(1))

    ours.send(entries, {"1-0": Try(2, 3)}, together=together)
    put_together = client.lrange("genesis:celery:alerts", 0, -1)
    client.delete("genesis:celery:alerts")
    monkeypatch.setattr("genesis.bus.dispatch.template_for", lambda *_: None)
    theirs.send(entries, {"1-0": Try(2, 3)}, together=together)
    made = client.lrange("genesis:celery:alerts", 0, -1)

    assert all(ours._templates.values())
    assert len({json.loads(message)["properties"]["delivery_tag"] for message in put_together}) == len(put_together) == -(-7 // together)
    assert [_untagged(message) for message in put_together] == [_untagged(message) for message in made]
    assert ours.queued() == frozenset(entry for entry, _ in entries)
    ours.close()
    theirs.close()


@pytest.mark.parametrize(("together", "templates"), [(1, True), (4, True), (1, False)])
def test_a_message_says_when_its_entries_were_read_only_where_no_broker_delivers_it_again(
    app: Any, broker: RedisServer, monkeypatch: pytest.MonkeyPatch, together: int, templates: bool
) -> None:
    row = Subscription(ZoneEvent, "testers", "alerts", handler)
    task_for(app, row, 10.0, 5.0)
    if not templates:
        monkeypatch.setattr("genesis.bus.dispatch.template_for", lambda *_: None)
    dispatcher = Dispatcher(app, row, "genesis:zones")

    dispatcher.send(ENTRIES[:4], together=together, read_ms=1_795_854_049_353)

    arguments = [_untagged(message)["body"][0] for message in connect(broker.url(1)).lrange("genesis:celery:alerts", 0, -1)]
    assert [found[-1] == 1_795_854_049_353 for found in arguments] == [templates] * (4 // together)
    assert [len(found) for found in arguments] == [2 * together + templates] * (4 // together)
    dispatcher.close()


def _untagged(message: bytes) -> dict[str, Any]:
    found = json.loads(message)
    del found["properties"]["delivery_tag"]
    return {**found, "body": json.loads(base64.b64decode(found["body"]))}


def test_where_messages_can_t_be_put_together_celery_makes_them(app: Any, broker: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    row = Subscription(ZoneEvent, "testers", "alerts", handler)
    task_for(app, row, 10.0, 5.0)
    monkeypatch.setattr("genesis.bus.messages._same", lambda *_: False)
    dispatcher = Dispatcher(app, row, "genesis:zones")

    dispatcher.send(ENTRIES, together=8)

    assert not any(dispatcher._templates.values())
    assert connect(broker.url(1)).llen("genesis:celery:alerts") == 7
    assert dispatcher.queued() == frozenset(entry for entry, _ in ENTRIES)
    dispatcher.close()


def test_a_function_that_handles_two_groups_has_a_task_for_each(app: Any) -> None:
    rows = [Subscription(ZoneEvent, "testers", "alerts", handler), Subscription(AlertEvent, "testers", "alerts", handler)]

    for row in rows:
        task_for(app, row, 10.0, 5.0)

    assert [app.tasks[row.task].subscription for row in rows] == rows
