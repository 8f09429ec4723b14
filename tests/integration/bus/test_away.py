"""A server that is away is not the handler's fault, and a broker that began anew is noticed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from celery import Celery

from genesis.bus.broker import transport_options
from genesis.bus.delivery import deliver
from genesis.bus.dispatch import LOOK_SECONDS, Dispatcher
from genesis.bus.ledger import Delivery, Ledger
from genesis.bus.process import Process
from genesis.bus.runs import Run
from genesis.bus.task import task_for
from genesis.embedded.redis import RedisServer
from genesis.errors import ServerUnavailableError
from genesis.events import ZoneEvent, completed, encode
from genesis.settings import Settings
from genesis.subscriptions import Subscription
from tests.events_of_tests import zone
from tests.integration.bus.conftest import row

Take = Callable[[type, str], Delivery]


class Clock:
    """A clock that is moved by hand."""

    now = 0.0

    def __call__(self) -> float:
        self.now += LOOK_SECONDS
        return self.now


@pytest.fixture
def broker(redis_program: Path, tmp_path: Path) -> Iterator[RedisServer]:
    with RedisServer("cache", tmp_path / "broker") as server:
        yield server


@pytest.fixture
def dispatcher(broker: RedisServer) -> Iterator[Dispatcher]:
    app = Celery("tests", broker=broker.broker_url(), set_as_current=False)
    app.conf.broker_transport_options = transport_options(Settings())
    subscription = row(ZoneEvent)
    task_for(app, subscription, 10.0, 5.0)
    made = Dispatcher(app, subscription, "genesis:zones", Clock())
    yield made
    made.close()
    app.close()


def test_a_frame_cache_that_is_away_uses_up_no_attempt(bus: Ledger, take: Take, settings: Settings) -> None:
    def handler(_event: Any, _context: Any) -> None:
        raise ServerUnavailableError("Redis at unix:///x (frame_cache.url) can't be reached")

    event = completed(zone())
    bus.publish([event])
    delivery, process = take(ZoneEvent, "zone-workers"), Process.open(settings)

    with pytest.raises(ServerUnavailableError):
        deliver(Run(process, Subscription(ZoneEvent, "zone-workers", "alerts", handler), delivery, "t", "w"), encode(event))

    assert bus.client.hlen("genesis:zones:attempts") == 0
    assert bus.client.xpending("genesis:zones", "zone-workers")["pending"] == 1
    process.ledger.close()


def test_a_broker_that_began_anew_is_noticed_once_though_the_connection_mends_itself(dispatcher: Dispatcher, broker: RedisServer) -> None:
    dispatcher.send([("1-0", {"id": "1"})])
    same = dispatcher.lost()

    broker.stop()
    broker.start()
    dispatcher.send([("2-0", {"id": "2"})])

    assert (same, dispatcher.lost(), dispatcher.lost()) == (False, True, False)


def test_a_broker_that_is_away_is_not_taken_for_one_that_began_anew(dispatcher: Dispatcher, broker: RedisServer) -> None:
    dispatcher.send([("1-0", {"id": "1"})])
    broker.stop()

    away = dispatcher.lost()
    broker.start()

    assert (away, dispatcher.lost()) == (False, True)
