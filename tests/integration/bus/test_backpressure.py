"""Backpressure begins at exactly the given numbers, and costs nothing before."""

from __future__ import annotations

import logging
from collections.abc import Callable

import pytest

from genesis.bus.backpressure import GroupBacklog, group_backlogs
from genesis.bus.ledger import Delivery, Ledger
from genesis.errors import BackpressureError
from genesis.events import FrameCaptured, ZoneEvent, completed
from genesis.settings import Settings
from genesis.subscriptions import Registry
from tests.events_of_tests import frame, zone

Take = Callable[[type, str], Delivery]


@pytest.fixture(params=["lag known", "lag nil"])
def lagging(request: pytest.FixtureRequest, bus: Ledger) -> Ledger:
    """Return a ledger whose server knows its lag, and one whose server has lost count (an entry was deleted)."""
    if request.param == "lag nil":
        ids = [bus.client.xadd("genesis:frames", {"n": str(n)}) for n in range(3)]
        for group in ("frame-workers", "detection-workers"):
            bus.client.xgroup_setid("genesis:frames", group, ids[0])
        bus.client.xdel("genesis:frames", ids[1], ids[2])
        if "lag" in bus.client.xinfo_groups("genesis:frames")[0]:  # Redis before 7 never knows it
            assert [group["lag"] for group in bus.client.xinfo_groups("genesis:frames")] == [None, None]
    return bus


def backlog(bus: Ledger) -> int:
    return max(group.total for group in group_backlogs(bus.client, "genesis:frames"))


def test_publish_is_refused_at_exactly_max_pending(lagging: Ledger, caplog: pytest.LogCaptureFixture) -> None:
    warnings = []
    with caplog.at_level(logging.WARNING, "genesis.bus.backpressure"):
        for number in range(1000):
            lagging.publish([completed(frame(number))])
            warnings.append(len(caplog.records))
        with pytest.raises(BackpressureError) as refused:
            lagging.publish([completed(frame(1000))])

    assert (refused.value.backlog, refused.value.limit) == (1000, 1000)
    assert (warnings[799], warnings[800], warnings[999]) == (0, 1, 1)
    assert lagging.client.hget("genesis:counts", "genesis:frames|warned") == b"1"
    assert backlog(lagging) == 1000


def test_pending_and_lag_count_together_and_settling_makes_room(lagging: Ledger, take: Take) -> None:
    for start in range(0, 1000, 100):
        lagging.publish([completed(frame(start + n)) for n in range(100)])
    taken = [take(FrameCaptured, "detection-workers") for _ in range(10)]
    with pytest.raises(BackpressureError):
        lagging.publish([completed(frame(1000))])

    for _ in range(3):
        lagging.settle(taken.pop())
    for _ in range(1000):
        lagging.settle(take(FrameCaptured, "frame-workers"))
    for number in range(3):
        lagging.publish([completed(frame(1001 + number))])

    with pytest.raises(BackpressureError):
        lagging.publish([completed(frame(2000))])


def test_a_batch_that_does_not_fit_whole_is_not_published_at_all(bus: Ledger) -> None:
    for start in range(0, 950, 50):
        bus.publish([completed(zone(str(start + n))) for n in range(50)])

    with pytest.raises(BackpressureError):
        bus.publish([completed(zone(str(n))) for n in range(51)])

    assert bus.client.xlen("genesis:zones") == 950


def test_another_publisher_is_seen(bus: Ledger, settings: Settings, registry: Registry) -> None:
    bus.publish([completed(zone())])
    now = bus.gate.clock()
    bus.gate.clock = lambda: now + 1.0
    other = Ledger(settings, registry)
    for start in range(1, 1000, 111):
        other.publish([completed(zone(str(start + n))) for n in range(111)])

    with pytest.raises(BackpressureError):
        bus.publish([completed(zone("one too many"))])

    other.close()


def test_an_idle_stream_is_not_measured_for_every_event(bus: Ledger) -> None:
    bus.gate.clock = lambda: 0.0
    bus.client.config_resetstat()

    for number in range(500):
        bus.publish([completed(zone(str(number)))])

    looks = {name: told["calls"] for name, told in bus.client.info("commandstats").items() if "xinfo" in name}
    assert sum(looks.values()) == 1


def test_it_can_be_turned_off(settings: Settings, registry: Registry) -> None:
    off = settings.event_driven.backpressure.model_copy(update={"enabled": False})
    changed = settings.model_copy(update={"event_driven": settings.event_driven.model_copy(update={"backpressure": off})})
    ledger = Ledger(changed, registry)
    ledger.create_groups()

    for start in range(0, 1100, 100):
        ledger.publish([completed(zone(str(start + n))) for n in range(100)])

    assert ledger.client.xlen("genesis:zones") == 1100
    ledger.close()


def test_the_slowest_group_counts(bus: Ledger, take: Take) -> None:
    bus.publish([completed(zone(str(n))) for n in range(10)])
    for _ in range(4):
        bus.settle(take(ZoneEvent, "zone-workers"))
    take(ZoneEvent, "zone-workers")

    measured = {group.group: group for group in group_backlogs(bus.client, "genesis:zones")}

    assert measured["zone-workers"] == GroupBacklog("zone-workers", pending=1, lag=5)
    assert measured["analytics-workers"] == GroupBacklog("analytics-workers", pending=0, lag=10)
    assert group_backlogs(bus.client, "genesis:no-such-stream") == []
