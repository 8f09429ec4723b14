"""A worker that runs tasks in its main thread takes light ones from a real queue by the handful, loses none and keeps their order."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import kombu
import pytest
import redis

from genesis.bus.broker import transport_options
from genesis.bus.connection import Connection, Handful
from genesis.settings import Settings

QUEUE = "ingestion"


@pytest.fixture
def connection(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Connection]:
    monkeypatch.setattr(Connection, "handful", Handful(lambda: 0.0))  # no message takes any time
    with Connection(settings.celery.broker_url, transport_options=transport_options(settings)) as made:
        yield made


def commands(connection: Connection) -> dict[str, int]:
    stats: Any = connection.default_channel.client.info("commandstats")
    return {name.removeprefix("cmdstat_"): row["calls"] for name, row in stats.items()}


def publish(connection: Connection, numbers: range) -> kombu.Queue:
    queue = kombu.Queue(QUEUE)
    with connection.Producer() as producer:
        for number in numbers:
            producer.publish({"number": number}, routing_key=QUEUE, declare=[queue])
    connection.default_channel.client.config_resetstat()
    return queue


def consumed(connection: Connection, queue: kombu.Queue, count: int, fail_at: int = -1) -> list[int]:
    """Let a consumer take so many messages; at one of them it is told to end."""
    done: list[int] = []

    def run(body: Any, message: Any) -> None:
        message.ack()
        done.append(body["number"])
        if body["number"] == fail_at:
            raise KeyboardInterrupt

    with connection.Consumer([queue], callbacks=[run], accept=["json"]), contextlib.suppress(KeyboardInterrupt):
        while len(done) < count:
            connection.drain_events(timeout=10)
    return done


def test_a_few_commands_take_many_messages(connection: Connection) -> None:
    queue = publish(connection, range(70))

    assert consumed(connection, queue, 70) == list(range(70))
    made = commands(connection)
    assert made["brpop"] == 1
    assert made["rpop"] <= 4


def test_what_was_taken_and_not_begun_is_the_next_that_others_find(connection: Connection) -> None:
    queue = publish(connection, range(40))

    assert consumed(connection, queue, 40, fail_at=3) == [0, 1, 2, 3]
    assert consumed(connection, queue, 36) == list(range(4, 40))


def test_where_the_broker_does_not_permit_it_messages_are_taken_one_by_one(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(Connection, "handful", Handful(lambda: 0.0))
    admin, url = redis.Redis.from_url(settings.frame_cache.url), settings.celery.broker_url
    admin.execute_command("ACL", "SETUSER", "few", "on", ">secret", "~*", "&*", "+@all", "-rpop")
    scheme, rest = url.split("://", 1)
    try:
        with Connection(f"{scheme}://few:secret@{rest.rpartition('@')[2]}", transport_options=transport_options(settings)) as connection:
            queue = publish(connection, range(5))
            assert consumed(connection, queue, 5) == list(range(5))
    finally:
        admin.execute_command("ACL", "DELUSER", "few")

    assert Connection.handful is None
    assert caplog.text.count("one by one") == 1
