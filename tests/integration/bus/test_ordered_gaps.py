"""A number that does not come holds up an ordered subscription for a bounded time, and one that is on its way is not passed over."""

from __future__ import annotations

import itertools
from datetime import timedelta
from types import SimpleNamespace

import pytest

from genesis.bus.ledger import Delivery
from genesis.context import Context
from genesis.events import AlertEvent, PersonDetected
from tests.events_of_tests import NOON
from tests.integration.bus.ordered_workers import GROUP, STREAM, Workers, expected, follow, ordered


def test_a_gap_is_passed_over_and_counted_and_what_comes_later_is_late(workers: Workers) -> None:
    later = {number: NOON.replace(minute=number) for number in range(4)}
    zero, one, two, three = workers.publish(0, 1, 2, 3, times=later, live=True)
    for entry in (zero, two, three):
        workers.run(entry)

    told = workers.told("door")
    workers.run(one)

    counts = workers.bus.client.hgetall("genesis:counts")
    assert told == workers.told("door") == expected([0, 2, 3])
    assert counts[f"{STREAM}|{GROUP}|skipped".encode()] == b"1"
    assert counts[f"{STREAM}|{GROUP}|late".encode()] == b"1"
    assert workers.pending() == {}


def test_an_event_that_waited_long_enough_goes_on_though_nothing_follows(workers: Workers) -> None:
    zero, two = workers.publish(0, 2)
    workers.run(zero)
    workers.run(two)
    workers.row = ordered(follow, 0.0)

    workers.expire()
    workers.run(two)

    assert workers.told("door") == expected([0, 2])
    assert workers.pending() == {}


def test_an_event_whose_handler_takes_long_is_not_passed_over_by_those_that_come_meanwhile(workers: Workers) -> None:
    runs: list[int] = []

    def slow(event: PersonDetected, context: Context) -> list[AlertEvent]:
        """Let all that follows come while the first one is being handled."""
        runs.append(event.number)
        if event.number == 0:
            for entry in rest:
                assert workers.run(entry, "v@host") is None
        return follow(event, context)

    first, *rest = workers.publish(*range(5), times={number: NOON + timedelta(minutes=number) for number in range(5)}, live=True)
    workers.row = ordered(slow, max_gap=3.0)

    workers.run(first, "w@host")

    assert workers.told("door") == expected(list(range(5)))
    assert workers.line().skipped == 0
    assert runs == [0, 1, 2, 3, 4]  # once each, though the state was written by others while the first one ran
    assert workers.pending() == {}


def test_an_event_whose_worker_died_is_passed_over_when_its_lease_has_run_out(workers: Workers) -> None:
    first, *rest = workers.publish(*range(3), times={number: NOON + timedelta(minutes=number) for number in range(3)}, live=True)
    workers.row = ordered(follow, max_gap=3.0)
    workers.bus.leases.begin(Delivery(STREAM, GROUP, first), "worker-dead@host")
    workers.bus.leases.lease_ms = 0

    for entry in rest:
        workers.run(entry)

    assert [number for number, _ in workers.told("door")] == [1, 2]
    assert workers.line().skipped == 1


def test_a_recording_that_is_played_fast_passes_over_nothing_by_its_capture_times(workers: Workers) -> None:
    first, *rest = workers.publish(*range(3), times={number: NOON + timedelta(minutes=number) for number in range(3)})
    workers.row = ordered(follow, max_gap=3.0)

    for entry in (*rest, first):
        workers.run(entry)

    assert workers.told("door") == expected([0, 1, 2])


def test_the_end_of_a_session_is_not_reached_by_the_time_that_a_handler_was_held_up(
    workers: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database was away in the middle; the other frames are in the queue behind this one."""
    zero, one, two, three = workers.publish(0, 1, 2, 3)
    (end,) = workers.publish(4, last=True)
    workers.row = ordered(follow, max_gap=3.0)
    workers.run(end)
    monkeypatch.setattr("genesis.bus.runs.time", SimpleNamespace(monotonic=itertools.count(step=7).__next__))

    workers.run(zero)

    (place,) = workers.line().held
    assert (place.entry, workers.line().moved - place.since >= 7000) == (end, True)
    for entry in (one, two, three):
        workers.run(entry)
    assert workers.told("door") == expected([0, 1, 2, 3, 4])
    assert workers.line().skipped == 0
