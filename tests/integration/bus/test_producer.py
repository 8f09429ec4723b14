"""Publishing, from where it is easily done wrong."""

from __future__ import annotations

import os

import pytest

from genesis.bus.ledger import Ledger
from genesis.bus.producer import Producer
from genesis.errors import BackpressureError
from genesis.settings import Settings
from genesis.subscriptions import Registry
from tests.events_of_tests import zone


def test_a_process_that_was_forked_publishes_beside_its_parent(bus: Ledger, settings: Settings, registry: Registry) -> None:
    producer = Producer(settings, registry)
    producer.publish(zone("before"))

    child = os.fork()
    if child == 0:  # pragma: no cover - another process
        code = 1
        try:
            producer.publish(zone("child"))
            code = 0
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    producer.publish(zone("parent"))

    assert status == 0
    assert bus.client.xlen("genesis:zones") == 3
    producer.close()


def test_many_events_are_published_in_steps_that_a_small_limit_allows(bus: Ledger, settings: Settings, registry: Registry) -> None:
    small = settings.event_driven.backpressure.model_copy(update={"max_pending": 40, "block_threshold": 30})
    changed = settings.model_copy(update={"event_driven": settings.event_driven.model_copy(update={"backpressure": small})})
    producer = Producer(changed, registry)

    with pytest.raises(BackpressureError):
        producer.publish(*[zone(str(number)) for number in range(60)])

    assert bus.client.xlen("genesis:zones") == 40
    producer.close()
