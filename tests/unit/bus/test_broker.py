"""How a broker's URL is read, and what a worker says of its broker."""

from __future__ import annotations

import logging

import pytest
import redis

from genesis.bus.broker import BrokerLines, redis_url

CANNOT = "consumer: Cannot connect to %s: %s.\n%s\n"
LOST = "consumer: Connection to broker lost. Trying to re-establish the connection... (%r)"


@pytest.mark.parametrize(
    ("broker", "url"),
    [
        ("redis://:pw@host:6379/1", "redis://:pw@host:6379/1"),
        ("redis+socket:///run/redis.sock", "unix:///run/redis.sock?db=0"),
        ("redis+socket:///run/a%20b.sock?virtual_host=3", "unix:///run/a%20b.sock?db=3"),
        ("redis+socket:///run/redis.sock?virtual_host=3&password=pw", "unix://:pw@/run/redis.sock?db=3"),
        ("amqp://guest@host//", None),
        ("sentinel://host:26379", None),
        (
            "rediss://host:6379/1?ssl_cert_reqs=CERT_REQUIRED&ssl_ca_certs=/ca",
            "rediss://host:6379/1?ssl_cert_reqs=required&ssl_ca_certs=/ca",
        ),
        ("rediss://host:6379/1", "rediss://host:6379/1"),
        ("redis://one:6379/1;redis://two:6379/1", None),
    ],
)
def test_a_brokers_url_is_spelt_as_redis_py_spells_it_where_it_can_be(broker: str, url: str | None) -> None:
    assert redis_url(broker) == url


def kept(*lines: tuple[str, str, tuple[object, ...]]) -> list[str]:
    lines_filter, found = BrokerLines(), []
    for name, message, args in lines:
        record = logging.LogRecord(name, logging.ERROR, "", 0, message, args, None)
        if lines_filter.filter(record):
            found.append(record.getMessage())
    return found


def test_an_absence_is_one_line_and_the_return_another() -> None:
    consumer = "celery.worker.consumer.consumer"
    waits = ("now", "in 1.00 second", "in 1.50 seconds")
    tries = [(consumer, CANNOT, ("redis://h", "Connection refused.", f"Trying again {wait}... ({n}/None)")) for n, wait in enumerate(waits)]
    back = ("celery.worker.consumer.connection", "Connected to %s", ("redis://h",))

    assert kept(*tries, back, (consumer, LOST, (OSError("gone"),)), *tries) == [
        "consumer: Cannot connect to redis://h: Connection refused; trying again until it answers",
        "Connected to redis://h",
        "consumer: Connection to broker lost; trying again until it answers (OSError('gone'))",
    ]


def test_what_redis_said_is_told_in_words() -> None:
    lost = ("celery.worker.consumer.consumer", LOST, (redis.ConnectionError("Connection closed by server."),))

    assert kept(lost) == [
        "consumer: Connection to broker lost; trying again until it answers (ConnectionError: Connection closed by server.)"
    ]


def test_what_others_say_is_left_alone() -> None:
    lines = [("genesis.bus.pump", "waiting:\n%s", ("x",)), ("py.warnings", "a DeprecationWarning", ())]

    assert kept(*lines, ("py.warnings", "c.py:1: CPendingDeprecationWarning: x", ())) == ["waiting:\nx", "a DeprecationWarning"]
