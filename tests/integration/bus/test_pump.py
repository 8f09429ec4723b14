"""A pump goes on after what befalls its stream, and rests while nobody works."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence

import pytest
import redis

from genesis.bus import pump as pump_module
from genesis.bus.dispatch import Try
from genesis.bus.ledger import Ledger, create_group
from genesis.bus.outages import Outages
from genesis.bus.pump import LEAST_PAUSE, LONGEST_PAUSE, Entry, Pump
from genesis.events import ZoneEvent, completed
from tests.events_of_tests import zone
from tests.integration.bus.conftest import row
from tests.processes import wait_until


class Sent:
    """A queue that nobody takes from."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []

    def send(self, entries: Sequence[Entry], tried: Mapping[str, Try], *, together: int = 1, read_ms: int = 0) -> None:
        self.entries += entries
        self.together = together

    def queued(self) -> frozenset[str]:
        return frozenset()

    def lost(self) -> bool:
        return False

    def close(self) -> None: ...


@pytest.fixture
def sent() -> Sent:
    return Sent()


@pytest.fixture
def pump(bus: Ledger, sent: Sent) -> Iterator[Pump]:
    bus.settings = bus.settings.model_copy(update={"bridge": bus.settings.bridge.model_copy(update={"block_seconds": 0.05})})
    made = Pump(bus, row(ZoneEvent), "bridge", sent, lambda _frames: None, threading.Event(), Outages())
    yield made
    made.stopped.set()


def test_a_group_that_is_lost_is_made_again_though_the_server_is_away_at_first(
    bus: Ledger, pump: Pump, sent: Sent, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[str] = []

    def failing_once(client: redis.Redis, stream: str, group: str) -> bool:
        tries.append(group)
        if len(tries) == 1:
            raise redis.ConnectionError("gone again")
        return create_group(client, stream, group)

    monkeypatch.setattr(pump_module, "create_group", failing_once)
    bus.publish([completed(zone())])
    thread = threading.Thread(target=pump.run)

    thread.start()
    wait_until(lambda: sent.entries, "the entry is dispatched")
    pump.stopped.set()
    thread.join()

    assert tries == ["testers", "testers"]


def test_a_pump_whose_window_is_full_asks_ever_more_seldom_while_nothing_is_settled(bus: Ledger, pump: Pump) -> None:
    create_group(bus.client, "genesis:zones", "testers")
    bus.publish([completed(zone(str(number))) for number in range(20)])
    pauses: list[float] = []
    pump.stopped.wait = lambda timeout=None: bool(pauses.append(timeout or 0.0))  # type: ignore[method-assign]

    for _ in range(12):
        pump.step()

    assert pauses[0] < LONGEST_PAUSE / 4
    assert pauses == sorted(pauses)
    assert pauses[-1] == LONGEST_PAUSE


def test_a_pump_whose_window_was_drained_looks_again_soon_and_lets_more_in(bus: Ledger, pump: Pump, sent: Sent) -> None:
    create_group(bus.client, "genesis:zones", "testers")
    bus.publish([completed(zone(str(number))) for number in range(100)])
    pauses: list[float] = []

    def work(timeout: float | None = None) -> bool:
        """Take all that is there, as quick workers do, once nothing had been done for long."""
        pauses.append(timeout or 0.0)
        if len(pauses) > 8:
            bus.client.xack("genesis:zones", "testers", *(entry for entry, _ in sent.entries))
        return False

    pump.stopped.wait = work  # type: ignore[method-assign]
    for _ in range(16):
        pump.step()

    assert pauses[7] == LONGEST_PAUSE
    assert pauses[9] == LEAST_PAUSE
    assert len(sent.entries) >= 16 + 32


def test_entries_go_together_as_the_subscription_says_and_whole_batches_are_read(bus: Ledger, sent: Sent) -> None:
    bus.settings = bus.settings.model_copy(update={"bridge": bus.settings.bridge.model_copy(update={"read_count": 10})})
    made = Pump(bus, row(ZoneEvent, batch=4), "bridge", sent, lambda _frames: None, threading.Event(), Outages())
    create_group(bus.client, "genesis:zones", "testers")
    bus.publish([completed(zone(str(number))) for number in range(11)])
    made.recover()

    rounds = []
    for _ in range(2):
        before = len(sent.entries)
        made.step()
        rounds.append(len(sent.entries) - before)

    assert (rounds, sent.together) == ([8, 3], 4)


@pytest.mark.parametrize(("linger", "found"), [(0.0, 1), (1.0, 5)])
def test_a_batch_is_waited_for_as_long_as_the_subscription_lingers(
    bus: Ledger, sent: Sent, monkeypatch: pytest.MonkeyPatch, linger: float, found: int
) -> None:
    now, waits = [0.0], []
    made = Pump(
        bus, row(ZoneEvent, batch=8, linger=linger), "bridge", sent, lambda _f: None, threading.Event(), Outages(), clock=lambda: now[0]
    )

    def new(count: int, block_ms: int) -> list[tuple[str, None]]:
        waits.append(block_ms)
        now[0] += 0.3
        return [(f"{len(waits)}-{count}", None)]

    monkeypatch.setattr(made, "_new", new)

    assert len(made._read(100)) == found
    assert max(waits[1:], default=0) <= linger * 1000
