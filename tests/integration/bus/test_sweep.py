"""A pump brings back what nobody has, leaves alone what somebody has, and buries what kills every worker."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import pytest
import redis

from genesis.bus.burials import Burials
from genesis.bus.consumers import HELD, WAITING, worker_consumer
from genesis.bus.dispatch import Try
from genesis.bus.ledger import Delivery, Ledger
from genesis.bus.outages import Outages
from genesis.bus.pump import Entry, Pump
from genesis.events import FrameCaptured, ZoneEvent, completed, encode
from tests.events_of_tests import frame, zone
from tests.integration.bus.conftest import row

GROUP, STREAM = "testers", "genesis:zones"
RUNNING = worker_consumer("w@host")


@dataclass
class Queue:
    """A queue whose tasks are seen, or lost."""

    sent: list[str] = field(default_factory=list)
    inside: set[str] = field(default_factory=set)
    tells: bool = True
    tried: dict[str, Try] = field(default_factory=dict)
    read_ms: list[int] = field(default_factory=list)
    failing: int = 0

    def send(self, entries: Sequence[Entry], tried: Mapping[str, Try], *, together: int = 1, read_ms: int = 0) -> None:
        assert together == 1
        self.read_ms.append(read_ms)
        if self.failing:
            self.failing -= 1
            raise OSError
        self.sent += [entry for entry, _ in entries]
        self.tried.update(tried)

    def queued(self) -> frozenset[str] | None:
        return frozenset(self.inside) if self.tells else None

    def lost(self) -> bool:
        return False

    def close(self) -> None: ...


class Clock:
    """A clock that is moved by hand."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def queue() -> Queue:
    return Queue()


@pytest.fixture
def pump(bus: Ledger, queue: Queue, clock: Clock) -> Iterator[Pump]:
    bus.client.xgroup_create(STREAM, GROUP, id="0", mkstream=True)
    bus.settings = bus.settings.model_copy(update={"bridge": bus.settings.bridge.model_copy(update={"block_seconds": 0.001})})
    bus.uptime = lambda: 3600.0  # type: ignore[method-assign] # the tests' server has just been started
    stopped = threading.Event()
    yield Pump(bus, row(ZoneEvent, GROUP), "bridge-a-1", queue, lambda _frames: None, stopped, Outages(), Burials(), clock)
    stopped.set()


def taken(bus: Ledger, consumer: str, count: int = 1) -> list[str]:
    """Publish events and put them into somebody's hands, long ago."""
    bus.publish([completed(zone()) for _ in range(count)])
    ((_, entries),) = bus.client.xreadgroup(GROUP, consumer, {STREAM: ">"}, count=count)
    found = [entry.decode() for entry, _ in entries]
    aged(bus, consumer, *found)
    return found


def aged(bus: Ledger, consumer: str, *entries: str) -> None:
    bus.client.xclaim(STREAM, GROUP, consumer, 0, list(entries), idle=3_600_000, justid=True)


def swept(pump: Pump, clock: Clock, queue: Queue) -> list[str]:
    """Let it be time for a sweep; return what was dispatched in it."""
    pump.step()  # looks for its own entries first
    queue.sent.clear()
    clock.now += pump.ledger.settings.delivery.sweep_seconds
    pump.step()
    return queue.sent


@pytest.mark.parametrize("consumer", ["bridge-dead-1", RUNNING, WAITING, HELD])
def test_what_nobody_has_is_dispatched_again(bus: Ledger, pump: Pump, clock: Clock, queue: Queue, consumer: str) -> None:
    entries = taken(bus, consumer, 3)

    assert swept(pump, clock, queue) == entries
    assert {row.consumer for row in bus.leases.pending(STREAM, GROUP)} == {"bridge-a-1"}


def test_what_is_dispatched_again_tells_how_often_it_was_tried(bus: Ledger, pump: Pump, clock: Clock, queue: Queue) -> None:
    died, waited = taken(bus, RUNNING, 2)
    for entry, times in ((died, 1), (waited, 2)):
        for _ in range(times):
            bus.client.xclaim(STREAM, GROUP, RUNNING, 0, [entry], justid=True)
            bus.leases.fail(Delivery(STREAM, GROUP, entry), RUNNING, 3)
    aged(bus, RUNNING, died)
    aged(bus, WAITING, waited)

    swept(pump, clock, queue)

    assert queue.tried == {died: Try(run=2, delivery=2), waited: Try(run=3, delivery=1)}


def test_what_somebody_touched_is_left_alone(bus: Ledger, pump: Pump, clock: Clock, queue: Queue) -> None:
    (entry,) = taken(bus, RUNNING)
    bus.client.xclaim(STREAM, GROUP, RUNNING, 0, [entry], justid=True)

    assert swept(pump, clock, queue) == []


def test_what_lies_in_the_queue_is_left_there_and_its_lease_is_renewed(bus: Ledger, pump: Pump, clock: Clock, queue: Queue) -> None:
    inside, lost = taken(bus, WAITING, 2)
    queue.inside = {inside}

    assert swept(pump, clock, queue) == [lost]
    assert {row.entry: row.consumer for row in bus.leases.pending(STREAM, GROUP) if row.idle_ms < 60_000}[inside] == WAITING


def test_a_broker_that_can_t_tell_what_is_queued_is_taken_to_have_lost_it(bus: Ledger, pump: Pump, clock: Clock, queue: Queue) -> None:
    queue.tells = False
    entries = taken(bus, WAITING, 2)

    assert swept(pump, clock, queue) == entries


def test_more_than_a_page_is_brought_back_without_waiting_for_the_next_time(bus: Ledger, pump: Pump, clock: Clock, queue: Queue) -> None:
    taken(bus, "bridge-dead-1", 250)

    first = len(swept(pump, clock, queue))
    pump.step()

    assert first == 200
    assert len(set(queue.sent)) == 250


def test_it_looks_no_more_often_than_it_is_told_to(bus: Ledger, pump: Pump, clock: Clock, queue: Queue) -> None:
    swept(pump, clock, queue)
    taken(bus, "bridge-dead-1")
    clock.now += bus.settings.delivery.sweep_seconds - 0.1
    pump.step()

    assert queue.sent == []


def test_after_an_absence_of_the_ledger_everybody_has_time_to_renew(
    bus: Ledger, pump: Pump, clock: Clock, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    (entry,) = taken(bus, RUNNING)
    pump.sweep.rest()

    early = swept(pump, clock, queue).copy()
    clock.now += bus.settings.delivery.lease_seconds / 2
    pump.step()

    assert early == []
    assert queue.sent == [entry]


def test_a_server_that_was_just_started_gives_everybody_time_to_renew(bus: Ledger, pump: Pump, clock: Clock, queue: Queue) -> None:
    bus.uptime = lambda: 1.0  # type: ignore[method-assign]
    taken(bus, RUNNING)

    assert swept(pump, clock, queue) == []


def test_its_own_entries_come_again_at_the_start_but_not_those_in_the_queue_or_in_a_worker_s_hands(
    bus: Ledger, pump: Pump, queue: Queue
) -> None:
    bus.publish([completed(zone()) for _ in range(4)])
    ((_, entries),) = bus.client.xreadgroup(GROUP, "bridge-a-1", {STREAM: ">"}, count=4)
    lost, inside, running, waiting = [entry.decode() for entry, _ in entries]
    bus.client.xclaim(STREAM, GROUP, RUNNING, 0, [running], justid=True)
    bus.client.xclaim(STREAM, GROUP, WAITING, 0, [waiting], justid=True)
    queue.inside = {inside}
    bus.client.xclaim(STREAM, GROUP, "bridge-a-1", 0, [lost, inside], idle=2 * bus.leases.fresh_ms, justid=True)

    pump.step()

    assert queue.sent == [lost]
    assert queue.read_ms == [0]  # somebody may have it all the same
    assert {row.deliveries for row in bus.leases.pending(STREAM, GROUP)} == {1}


@pytest.mark.parametrize(
    ("death", "reason", "text"),
    [
        ("Worker exited prematurely: signal 11 (SIGSEGV)", "poison", "SIGSEGV"),
        ("time limit: it did not end when it was asked to", "time_limit", "did not end"),
        ("", "poison", "not known how"),
    ],
)
def test_what_kills_every_worker_is_buried_and_the_others_go_on(
    bus: Ledger, pump: Pump, clock: Clock, queue: Queue, death: str, reason: str, text: str
) -> None:
    bus.publish([completed(zone("poison")), completed(zone("fine"))])
    runs = 0
    pump.step()
    queue.sent.clear()
    pump.step()
    poison, fine = queue.sent
    bus.settle(Delivery(STREAM, GROUP, fine))
    while poison in queue.sent:
        queue.sent.clear()
        runs += 1
        delivery = Delivery(STREAM, GROUP, poison)
        bus.leases.begin(delivery, RUNNING)
        if death:
            bus.leases.died(delivery, RUNNING, death)
        aged(bus, RUNNING, poison)
        clock.now += bus.settings.delivery.sweep_seconds
        pump.step()

    assert runs == bus.settings.delivery.max_deliveries
    ((_, letter),) = bus.client.xrange(f"{STREAM}:dlq")
    assert (letter[b"dlq-reason"].decode(), letter[b"dlq-entry"].decode()) == (reason, poison)
    assert text in letter[b"dlq-message"].decode()
    assert letter[b"dlq-deliveries"] == str(runs + 1).encode()
    assert bus.leases.pending(STREAM, GROUP) == []


def test_a_poison_event_releases_its_frame(bus: Ledger, queue: Queue, clock: Clock) -> None:
    freed: list[str] = []
    subscription = row(FrameCaptured, "detection-workers")
    bus.uptime = lambda: 3600.0  # type: ignore[method-assign]
    pump = Pump(bus, subscription, "bridge-a-1", queue, freed.extend, threading.Event(), Outages(), Burials(), clock)
    bus.publish([completed(frame(7))])
    bus.client.xreadgroup("frame-workers", "x", {"genesis:frames": ">"})
    ((_, ((entry, _),)),) = bus.client.xreadgroup("detection-workers", RUNNING, {"genesis:frames": ">"})
    bus.settle(Delivery("genesis:frames", "frame-workers", entry.decode(), "frame-7"))
    bus.client.xclaim("genesis:frames", "detection-workers", RUNNING, 0, [entry], idle=3_600_000, retrycount=9, justid=True)

    swept(pump, clock, queue)

    assert freed == ["frame-7"]
    assert bus.client.hgetall("genesis:references") == {}


def test_an_event_of_another_type_than_its_stream_s_is_buried(bus: Ledger, pump: Pump, queue: Queue) -> None:
    bus.client.xadd(STREAM, dict(encode(completed(frame(1)))))  # type: ignore[arg-type]

    pump.step()
    pump.step()

    assert queue.sent == []
    ((_, letter),) = bus.client.xrange(f"{STREAM}:dlq")
    assert letter[b"dlq-reason"] == b"malformed"
    assert b"FrameCaptured" in letter[b"dlq-message"]


def test_a_replayed_entry_is_for_the_group_that_failed_alone(bus: Ledger, pump: Pump, queue: Queue) -> None:
    bus.publish([completed(zone())])
    ((_, fields),) = bus.client.xrange(STREAM)
    mine = bus.client.xadd(STREAM, {**fields, b"replaygroup": GROUP.encode(), b"replays": b"1"}).decode()
    bus.client.xadd(STREAM, {**fields, b"replaygroup": b"zone-workers", b"replays": b"1"})

    pump.step()
    pump.step()

    assert queue.sent[1:] == [mine]
    assert bus.client.hget("genesis:counts", f"{STREAM}|{GROUP}|filtered") == b"1"
    assert len(bus.leases.pending(STREAM, GROUP)) == 2


def test_a_ledger_without_memory_is_waited_for(bus: Ledger, pump: Pump, clock: Clock, queue: Queue) -> None:
    (entry,) = taken(bus, RUNNING)
    pump.step()
    bus.client.config_set("maxmemory", bus.client.info("memory")["used_memory"] // 2)
    try:
        clock.now += bus.settings.delivery.sweep_seconds
        pump.step()
    except redis.RedisError as error:
        pytest.fail(str(error))
    finally:
        bus.client.config_set("maxmemory", 0)

    assert queue.sent == [entry]


def test_what_was_just_read_has_a_second_look_since_a_worker_may_run_it_that_did_not_ask(
    bus: Ledger, pump: Pump, clock: Clock, queue: Queue
) -> None:
    bus.publish([completed(zone()) for _ in range(3)])
    ((_, entries),) = bus.client.xreadgroup(GROUP, "bridge-a-1", {STREAM: ">"}, count=3)
    lost, noted, settled = [entry.decode() for entry, _ in entries]

    pump.step()
    assert queue.sent == []

    bus.leases.note("worker-w@host", [Delivery(STREAM, GROUP, noted)])
    bus.settle(Delivery(STREAM, GROUP, settled))
    ripe_ms = 2 * bus.leases.fresh_ms
    bus.client.xclaim(STREAM, GROUP, "bridge-a-1", 0, [lost], idle=ripe_ms, justid=True)
    clock.now += ripe_ms / 1000 - 0.1
    pump.step()
    assert queue.sent == []
    clock.now += 0.2
    pump.step()

    assert queue.sent == [lost]
    clock.now += 100.0
    pump.sweep.rest()
    pump.step()
    assert queue.sent == [lost]


def test_a_message_tells_when_its_entry_was_read_unless_it_may_be_in_the_queue_already(
    bus: Ledger, pump: Pump, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("genesis.bus.pump.backoff", lambda _failures: 0.0)
    pump.step()
    before = bus.clock.now_ms()

    bus.publish([completed(zone())])
    pump.step()
    queue.failing = 1
    bus.publish([completed(zone())])
    pump.step()

    assert len(queue.sent) == 2
    assert before <= queue.read_ms[0] <= bus.clock.now_ms()
    assert [ms > 0 for ms in queue.read_ms] == [True, True, False]
