"""A Redis that answers, but works for nobody just now, is as good as away; one that takes nothing is not died of."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import redis
from celery import Celery

from genesis.bus.broker import transport_options
from genesis.bus.connection import AMQP, Connection, RefusesNowError
from genesis.bus.dispatch import Dispatcher
from genesis.bus.ledger import Ledger
from genesis.bus.patience import reach
from genesis.bus.task import task_for
from genesis.cache import FrameCache
from genesis.capture.modes import EventSink
from genesis.connections import connect
from genesis.embedded.redis import RedisServer
from genesis.errors import ServerRefusesError, ServerUnavailableError
from genesis.events import ZoneEvent, completed
from genesis.settings import Settings
from tests.events_of_tests import frame, zone
from tests.integration.bus.conftest import row
from tests.processes import wait_until

SPIN = "local n = 0 while true do n = n + 1 end"
Spin = Callable[[RedisServer], Callable[[], None]]


@pytest.fixture
def spin() -> Iterator[Spin]:
    """Return a function that makes a server busy with a script, and returns one that ends that."""
    ends: list[Callable[[], None]] = []

    def begin(server: RedisServer) -> Callable[[], None]:
        keyed, spinning = redis.Redis.from_url(server.url()), redis.Redis.from_url(server.url(), socket_timeout=60)
        keyed.config_set("lua-time-limit", 50)

        def run() -> None:
            with pytest.raises(redis.ResponseError, match="killed"):
                spinning.eval(SPIN, 0)

        thread = threading.Thread(target=run)
        thread.start()
        wait_until(lambda: _busy(keyed), "it is busy")

        def end() -> None:
            if thread.is_alive():
                keyed.script_kill()
                thread.join()
                keyed.config_set("lua-time-limit", 5000)

        ends.append(end)
        return end

    yield begin
    for end in ends:
        end()


def _busy(client: redis.Redis) -> bool:
    try:
        client.get("x")
    except redis.ResponseError as error:
        return "BUSY" in str(error)
    return False


def later(action: Callable[[], None]) -> threading.Timer:
    timer = threading.Timer(0.2, action)
    timer.start()
    return timer


@pytest.fixture
def hasty(settings: Settings) -> Settings:
    return settings.model_copy(update={"redis": settings.redis.model_copy(update={"give_up_seconds": 0.1})})


def test_what_a_busy_ledger_is_asked_for_is_done_once_when_it_is_free(bus: Ledger, ledger_server: RedisServer, spin: Spin) -> None:
    bus.client.ping()
    timer = later(spin(ledger_server))

    bus.publish([completed(zone())])
    timer.join()

    assert bus.client.xlen("genesis:zones") == 1


def test_a_ledger_that_stays_busy_is_as_good_as_away(hasty: Settings, bus: Ledger, ledger_server: RedisServer, spin: Spin) -> None:
    impatient = Ledger(hasty, bus.registry)
    spin(ledger_server)

    with pytest.raises(ServerUnavailableError, match="can't work just now: Redis is busy") as caught:
        impatient.publish([completed(zone())])

    assert not isinstance(caught.value, ServerRefusesError)
    with pytest.raises(ServerUnavailableError, match="busy"):
        reach(hasty.redis.url, "redis.url", hasty)


def test_a_busy_frame_cache_and_broker_are_as_good_as_away(settings: Settings, volatile_server: RedisServer, spin: Spin) -> None:
    app = Celery("tests", broker=settings.celery.broker_url, set_as_current=False, amqp=AMQP)
    app.conf.broker_transport_options = transport_options(settings)
    task_for(app, row(ZoneEvent), 10.0, 5.0)
    dispatcher, cache = Dispatcher(app, row(ZoneEvent), "genesis:zones"), FrameCache.of(settings)
    dispatcher.send([("1-0", {"id": "1"})])
    connection = app.connection_for_read()
    connection.ensure_connection()
    cache.count()
    end = spin(volatile_server)

    with pytest.raises(ServerUnavailableError, match="busy"):
        cache.put("a", np.zeros((4, 4, 3), np.uint8))
    with pytest.raises(OSError, match="busy"):
        dispatcher.send([("2-0", {"id": "2"})])
    with pytest.raises(connection.recoverable_connection_errors, match="busy"):
        connection.default_channel.client.llen("analytics")
    end()
    dispatcher.send([("2-0", {"id": "2"})])

    assert connect(volatile_server.url(1)).llen("genesis:celery:analytics") == 2
    dispatcher.close()
    connection.release()
    app.close()


def test_a_broker_that_has_no_memory_left_is_waited_for(settings: Settings, volatile_server: RedisServer) -> None:
    client, met = connect(volatile_server.url()), []
    client.config_set("maxmemory", 1)

    def told(error: Exception, _wait: float) -> None:
        met.append(error)
        client.config_set("maxmemory", 0)

    with Connection(settings.celery.broker_url, transport_options=transport_options(settings)) as connection:
        connection.ensure_connection(told, interval_start=0.01)

        assert connection.connected
    assert [type(error) for error in met] == [RefusesNowError]
    assert "OOM" in str(met[0])


@pytest.mark.parametrize(
    ("option", "value", "calm", "message"),
    [("maxmemory", 1, 0, "out of memory"), ("min-replicas-to-write", 1, 0, "too few replicas")],
)
def test_capture_goes_on_when_a_ledger_takes_something_again(
    settings: Settings, bus: Ledger, option: str, value: int, calm: int, message: str
) -> None:
    sink, image = EventSink(settings), np.zeros((48, 64, 3), np.uint8)
    bus.client.config_set(option, value)
    try:
        with pytest.raises(ServerUnavailableError, match=message):
            sink.frame(completed(frame()), image)
        left = sink._cache.count()
    finally:
        bus.client.config_set(option, calm)
    sink.frame(completed(frame()), image)

    assert left == 0
    assert sink._cache.count() == bus.client.xlen("genesis:frames") == 1
    sink.close()


def test_a_primary_that_has_become_a_replica_is_left_at_once_so_that_the_new_one_is_found(redis_program: Path, tmp_path: Path) -> None:
    with RedisServer("cache", tmp_path) as server:
        client: Any = connect(server.url())
        first = client.client_id()
        client.replicaof("127.0.0.1", 1)

        with pytest.raises(redis.ReadOnlyError):
            client.set("a", 1)
        with pytest.raises(ServerRefusesError, match="read-only replica"):
            reach(server.url(), "redis.url", Settings())

        assert client.client_id() != first
