"""Several entries in one task: each ends by itself, as if it had come alone."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest

from genesis.bus.batches import Batch
from genesis.bus.ledger import Delivery, Ledger
from genesis.bus.process import Process
from genesis.bus.runs import Again
from genesis.context import Context
from genesis.errors import PermanentError, RetryableError, ServerUnavailableError, UsageError
from genesis.events import AlertEvent, Event, PersonDetected, ZoneEvent, completed
from genesis.settings import Backpressure, EventDriven, Settings
from genesis.subscriptions import Subscription, subscribe
from tests.events_of_tests import persons, zone

GROUP, STREAM = "zone-workers", "genesis:zones"


def taken(bus: Ledger, *names: str) -> list[tuple[str, dict[str, str]]]:
    """Publish zone events and take them as a bridge does."""
    bus.publish([completed(zone(name)) for name in names])
    ((_, entries),) = bus.client.xreadgroup(GROUP, "bridge-a-1", {STREAM: ">"}, count=1000)
    return [(entry.decode(), {name.decode(): value.decode() for name, value in fields.items()}) for entry, fields in entries]


def delivered(
    process: Process, entries: Any, handler: Callable[..., Any], row: Subscription | None = None, **options: Any
) -> list[tuple[str, Again]]:
    """Deliver entries as one task, and settle what is over; return those that are to run again, by the order of entries."""
    row = row or Subscription(ZoneEvent, GROUP, "alerts", handler, batch=8)
    rest: dict[str, Again] = {}
    options = {"task": "t", "worker": "w@host", "limit": 60.0, "clock": lambda: 0.0, **options}
    Batch(process, row, entries, lambda entry, again: rest.update({entry[0]: again}), **options).deliver()
    assert process.settler.flush(10.0)
    return [(entry, rest[entry]) for entry, _ in entries if entry in rest]


def pending(bus: Ledger) -> dict[str, str]:
    return {row.entry: row.consumer for row in bus.leases.pending(STREAM, GROUP)}


def tell(event: ZoneEvent, context: Context) -> list[AlertEvent]:
    """Fail in every way there is, as the zone's name says."""
    del context
    errors = {"again": RetryableError("later"), "never": PermanentError("no"), "away": ServerUnavailableError("the database")}
    if event.zone in errors:
        raise errors[event.zone]
    if event.zone == "unpublishable":
        return [AlertEvent.about(event, rule="half a character \ud800")]
    return [AlertEvent.about(event, rule=event.zone)]


def test_each_of_several_is_settled_retried_or_buried_by_itself(bus: Ledger, process: Process) -> None:
    entries = taken(bus, "a", "again", "b", "never", "unpublishable", "away", "c")

    rest = delivered(process, entries, tell)

    rules = [fields[b"data"] for _, fields in bus.client.xrange("genesis:alerts")]
    assert [any(f'"rule":"{name}"'.encode() in rule for rule in rules) for name in "abc"] == [True] * 3
    assert len(rules) == 3
    letters = [fields[b"id"].decode() for _, fields in bus.client.xrange(f"{STREAM}:dlq")]
    assert sorted(letters) == sorted(entries[index][1]["id"] for index in (3, 4))
    assert [entry for entry, _ in rest] == [entries[1][0], entries[5][0]]
    assert [again.run for _, again in rest] == [2, 0]  # the second was cut off, which is not its own fault
    assert pending(bus) == {entries[1][0]: "waiting", entries[5][0]: "waiting"}
    assert bus.client.hget("genesis:counts", f"{STREAM}|{GROUP}|settled") == b"3"


def test_an_entry_that_somebody_else_has_is_left_to_them(bus: Ledger, process: Process) -> None:
    entries = taken(bus, "a", "b", "c")
    bus.settle(Delivery(STREAM, GROUP, entries[0][0]))
    bus.leases.begin(Delivery(STREAM, GROUP, entries[1][0]), "worker-v@host")

    assert delivered(process, entries, tell) == []

    assert pending(bus) == {entries[1][0]: "worker-v@host"}
    assert bus.client.xlen("genesis:alerts") == 1


def test_none_is_begun_when_the_time_of_one_is_over(bus: Ledger, process: Process) -> None:
    entries = taken(bus, "a", "b", "c")

    rest = delivered(process, entries, tell, limit=5.0, clock=itertools.count(step=3).__next__)

    assert 0 < len(rest) < 3
    assert [(again.seconds, again.run) for _, again in rest] == [(0.0, 0)] * len(rest)
    assert pending(bus) == {entry: "waiting" for entry, _ in rest}  # any worker may take them


def test_where_there_is_no_room_for_what_came_of_one_the_others_are_settled(bus: Ledger, settings: Settings) -> None:
    tight = settings.model_copy(update={"event_driven": EventDriven(backpressure=Backpressure(max_pending=2, block_threshold=1))})
    process = Process.open(tight)
    entries = taken(bus, "a", "b", "c")

    rest = delivered(process, entries, tell)

    assert [entry for entry, _ in rest] == [entries[2][0]]
    assert bus.client.xlen("genesis:alerts") == 2
    assert pending(bus) == {entries[2][0]: "waiting"}
    process.ledger.close()
    process.cache.close()


def test_events_of_an_ordered_subscription_keep_their_order(bus: Ledger, process: Process) -> None:
    seen: list[int] = []

    def note(event: PersonDetected, context: Context) -> list[Event]:
        del context
        seen.append(event.number)
        return []

    bus.publish([completed(persons(number)) for number in (0, 2, 1, 3)])
    ((_, found),) = bus.client.xreadgroup("person-workers", "bridge-a-1", {"genesis:persons": ">"}, count=10)
    entries = [(entry.decode(), {name.decode(): value.decode() for name, value in fields.items()}) for entry, fields in found]
    row = Subscription(PersonDetected, "person-workers", "analytics", note, keyed_by="camera", batch=8)

    assert delivered(process, entries, note, row) == []

    assert seen == [0, 1, 2, 3]
    assert bus.client.xpending("genesis:persons", "person-workers")["pending"] == 0


def test_fresh_entries_are_run_without_a_word_to_the_ledger_before_they_are_over(bus: Ledger, process: Process) -> None:
    entries = taken(bus, "a", "again", "b")
    owners = []

    def seen(event: ZoneEvent, context: Context) -> list[AlertEvent]:
        owners.append(set(pending(bus).values()))
        return tell(event, context)

    rest = delivered(process, entries, seen, fresh=True)

    assert owners[0] == {"bridge-a-1"}
    assert [(entry, again.run) for entry, again in rest] == [(entries[1][0], 2)]
    assert pending(bus) == {entries[1][0]: "waiting"}


@pytest.mark.parametrize("wrong", [{"batch": 0}, {"batch": 101}, {"batch": 1.5}, {"linger": -1.0}, {"linger": 60.0}])
def test_a_batch_that_can_t_be_is_refused_where_it_is_declared(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=next(iter(wrong))):
        subscribe(ZoneEvent, group="g", queue="q", **wrong)
