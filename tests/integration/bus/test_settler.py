"""Runs that are over are settled while others run, many in one step; those that take long are noted."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from genesis.bus.delivery import deliver
from genesis.bus.ledger import Delivery, Ledger
from genesis.bus.process import Process, finish
from genesis.bus.runs import Again, Run
from genesis.context import Context
from genesis.errors import RetryableError, ServerUnavailableError
from genesis.events import AlertEvent, ZoneEvent, completed, encode
from genesis.settings import Backpressure, EventDriven, Settings
from genesis.subscriptions import Subscription
from tests.events_of_tests import zone
from tests.processes import wait_until

GROUP, STREAM, WORKER = "zone-workers", "genesis:zones", "worker-w@host"
ROW = Subscription(ZoneEvent, GROUP, "alerts", lambda event, _context: [AlertEvent.about(event, rule=event.zone)])


def taken(bus: Ledger, *names: str) -> list[tuple[Delivery, dict[str, str]]]:
    """Publish zone events and take them as a bridge does."""
    events = [completed(zone(name)) for name in names]
    bus.publish(events)
    ((_, entries),) = bus.client.xreadgroup(GROUP, "bridge-a-1", {STREAM: ">"}, count=1000)
    return [(Delivery(STREAM, GROUP, entry.decode()), encode(event)) for (entry, _), event in zip(entries, events, strict=True)]


def hands(bus: Ledger) -> dict[str, str]:
    return {row.entry: row.consumer for row in bus.leases.pending(STREAM, GROUP)}


def test_what_is_over_while_a_step_is_taken_shares_the_next_one(bus: Ledger, process: Process) -> None:
    steps, script, go = [], process.ledger._settle, threading.Event()

    def slow(**arguments: Any) -> Any:
        go.wait(10)
        steps.append(int(arguments["args"][3]))
        return script(**arguments)

    process.ledger._settle = slow  # type: ignore[assignment]
    for delivery, fields in taken(bus, *"abcdef"):
        assert deliver(Run(process, ROW, delivery, "t", "w@host", fresh=True), fields, lambda _again: None) is None
    go.set()

    assert process.settler.flush(10)
    assert sum(steps) == 6
    assert len(steps) <= 2
    assert hands(bus) == {}
    assert [fields[b"data"].count(b"rule") for _, fields in bus.client.xrange("genesis:alerts")] == [1] * 6
    assert bus.client.hget("genesis:counts", f"{STREAM}|{GROUP}|settled") == b"6"


def test_what_waits_to_be_settled_is_bounded(bus: Ledger, process: Process, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("genesis.bus.settler.MOST", 2)
    go, script, waits = threading.Event(), process.ledger._settle, []

    def held(**arguments: Any) -> Any:
        go.wait(10)
        return script(**arguments)

    def pause(seconds: float) -> None:
        if threading.current_thread() is threading.main_thread():
            waits.append(seconds)
            go.set()

    process.ledger._settle = held  # type: ignore[assignment]
    process.settler._pause = pause
    for delivery, fields in taken(bus, *"abcdefgh"):
        deliver(Run(process, ROW, delivery, "t", "w@host", fresh=True), fields, lambda _again: None)

    assert waits
    assert process.settler.flush(10)
    assert hands(bus) == {}


def test_a_run_that_takes_long_is_noted_once_and_a_short_one_never(bus: Ledger, process: Process) -> None:
    (long, fields), (short, other) = taken(bus, "long", "short")
    noted: list[str] = []
    note, go = process.ledger.leases.note, threading.Event()

    def counted(worker: str, deliveries: Any) -> None:
        noted.extend(delivery.entry for delivery in deliveries)
        note(worker, deliveries)

    process.ledger.leases.note = counted  # type: ignore[method-assign]
    row = Subscription(ZoneEvent, GROUP, "alerts", lambda event, _context: go.wait(20) and [] if event.zone == "long" else [])
    thread = threading.Thread(target=deliver, args=(Run(process, row, long, "t", "w@host", fresh=True), fields, lambda _again: None))
    thread.start()
    deliver(Run(process, row, short, "t", "w@host", fresh=True), other, lambda _again: None)

    wait_until(lambda: hands(bus) == {long.entry: WORKER}, "the run to be noted")
    looks = process.settler._seen
    wait_until(lambda: process.settler._seen is not looks, "another look")
    go.set()
    thread.join(20)

    assert process.settler.flush(10)
    assert noted == [long.entry]
    assert hands(bus) == {}
    assert process.settler._running == {}


@pytest.mark.parametrize("owner", ["waiting", "worker-v@host", "held"])
def test_what_has_left_the_bridge_s_hands_is_not_noted(bus: Ledger, owner: str) -> None:
    ((delivery, _),) = taken(bus, "a")
    bus.client.xclaim(STREAM, GROUP, owner, 0, [delivery.entry], justid=True)

    bus.leases.note(WORKER, [delivery])

    assert hands(bus) == {delivery.entry: owner}


def test_a_failure_of_a_run_that_did_not_ask_is_counted_unless_somebody_else_has_the_entry_by_now(bus: Ledger, process: Process) -> None:
    ours, theirs = taken(bus, "ours", "theirs")
    bus.client.xclaim(STREAM, GROUP, "worker-v@host", 0, [theirs[0].entry], justid=True)

    def failing(_event: ZoneEvent, _context: Context) -> None:
        raise RetryableError("no")

    row = Subscription(ZoneEvent, GROUP, "alerts", failing)
    ends = [
        deliver(Run(process, row, delivery, "t", "w@host", fresh=True), fields, lambda _again: None) for delivery, fields in (ours, theirs)
    ]

    assert [end and end.run for end in ends] == [2, None]
    assert hands(bus) == {ours[0].entry: "waiting", theirs[0].entry: "worker-v@host"}
    assert bus.client.hget("genesis:counts", f"{STREAM}|{GROUP}|retried") == b"1"


def test_a_child_that_dies_of_a_run_that_was_not_noted_yet_counts_as_a_delivery(bus: Ledger) -> None:
    ((delivery, _),) = taken(bus, "a")

    assert not bus.leases.died(delivery, WORKER, "time limit: it had waited for the ledger")
    assert bus.leases.died(delivery, WORKER, "signal 9 (SIGKILL)", unasked=True)

    (row,) = bus.leases.reclaim(STREAM, GROUP, "bridge-b-1", [delivery.entry], idle_ms=bus.leases.lease_ms)
    assert (row.deliveries, row.death) == (2, "signal 9 (SIGKILL)")


def test_an_entry_runs_again_where_there_is_no_room_for_what_came_of_it(bus: Ledger, settings: Settings) -> None:
    tight = settings.model_copy(update={"event_driven": EventDriven(backpressure=Backpressure(max_pending=1, block_threshold=1))})
    process, again = Process.open(tight), dict[str, Again]()
    entries = taken(bus, "a", "b")
    for delivery, fields in entries:
        run = Run(process, ROW, delivery, "t", "w@host", fresh=True)
        deliver(run, fields, lambda found, entry=delivery.entry: again.update({entry: found}))

    assert process.settler.flush(10)
    assert [(entry, found.run, found.seconds > 0) for entry, found in again.items()] == [(entries[1][0].entry, 0, True)]
    assert hands(bus) == {entries[1][0].entry: "waiting"}
    process.ledger.close()


def test_while_the_ledger_is_away_what_is_over_runs_again_later_and_the_thread_goes_on(bus: Ledger, process: Process) -> None:
    again: list[Again] = []
    script = process.ledger.settle_all
    first, second = taken(bus, "a", "b")

    def away(_settlements: Any) -> Any:
        raise ServerUnavailableError("gone")

    process.ledger.settle_all = away  # type: ignore[method-assign]
    deliver(Run(process, ROW, first[0], "t", "w@host", fresh=True), first[1], again.append)
    assert process.settler.flush(10)
    process.ledger.settle_all = script  # type: ignore[method-assign]
    deliver(Run(process, ROW, second[0], "t", "w@host", fresh=True), second[1], again.append)

    assert process.settler.flush(10)
    assert [found.run for found in again] == [0]
    assert hands(bus) == {first[0].entry: "waiting"}


def test_an_error_of_ours_leaves_the_entry_pending_and_the_others_are_settled(
    bus: Ledger, process: Process, caplog: pytest.LogCaptureFixture
) -> None:
    script, (first, second) = process.ledger.settle_all, taken(bus, "a", "b")

    def broken(_settlements: Any) -> Any:
        raise ZeroDivisionError

    process.ledger.settle_all = broken  # type: ignore[method-assign]
    deliver(Run(process, ROW, first[0], "t", "w@host", fresh=True), first[1], lambda _again: None)
    assert process.settler.flush(10)
    process.ledger.settle_all = script  # type: ignore[method-assign]
    deliver(Run(process, ROW, second[0], "t", "w@host", fresh=True), second[1], lambda _again: None)

    assert process.settler.flush(10)
    assert "stay pending" in caplog.text
    assert hands(bus) == {first[0].entry: "bridge-a-1"}


def test_a_process_that_ends_settles_what_it_has_run_or_says_that_it_could_not(
    bus: Ledger, process: Process, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    import os

    monkeypatch.setattr("genesis.bus.process._process", (os.getpid(), process))
    (first, second), go = taken(bus, "a", "b"), threading.Event()

    def away(_settlements: Any) -> Any:
        go.wait(10)
        raise ServerUnavailableError("gone")

    deliver(Run(process, ROW, first[0], "t", "w@host", fresh=True), first[1], lambda _again: None)
    finish(10.0)
    assert hands(bus) == {second[0].entry: "bridge-a-1"}

    process.ledger.settle_all = away  # type: ignore[method-assign]
    deliver(Run(process, ROW, second[0], "t", "w@host", fresh=True), second[1], lambda _again: None)
    finish(0.01)
    go.set()
    assert process.settler.flush(10)

    assert "comes again" in caplog.text


def test_an_entry_is_fresh_for_a_share_of_the_lease_by_the_ledger_s_clock_and_not_where_that_is_not_known(
    bus: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, leases = [0.0], bus.leases
    bus.clock._clock = lambda: here[0]  # this machine's clock is far behind
    seconds, microseconds = bus.client.time()  # type: ignore[misc]
    now_ms = int(seconds * 1000 + microseconds / 1000)

    assert leases.fresh(now_ms)
    here[0] += leases.fresh_ms / 1000 + 1
    assert not leases.fresh(now_ms)
    assert not leases.fresh(0)

    here[0] += 3600.0
    monkeypatch.setattr(bus.client, "execute_command", _away)
    assert not leases.fresh(now_ms + 3_600_000)


def _away(*_: Any, **__: Any) -> Any:
    import redis

    raise redis.ConnectionError("gone")
