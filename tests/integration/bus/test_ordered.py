"""An ordered subscription ends in the same state with the same events, whatever the order, the workers and the accidents."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from contextlib import suppress
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from genesis.bus.consumers import HELD
from genesis.bus.delivery import deliver
from genesis.bus.ledger import Delivery
from genesis.bus.ordered import deliver_in_order
from genesis.bus.process import Process
from genesis.bus.runs import Again, Run
from genesis.context import Context
from genesis.errors import BackpressureError, PermanentError, RetryableError
from genesis.events import AlertEvent, PersonDetected, ZoneEvent, completed
from genesis.settings import Settings
from genesis.subscriptions import Subscription
from tests.events_of_tests import NOON, persons, zone
from tests.integration.bus.ordered_workers import GROUP, STATES, STREAM, Workers, expected, follow, ordered

CAMERAS = ("door", "yard")


class Killed(BaseException):
    """The worker's child is gone."""


@given(st.randoms(use_true_random=False), st.integers(1, 8), st.integers(0, 3))
@hypothesis_settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_interleaving_any_number_of_workers_and_any_crash_give_the_same(  # noqa: C901 - a small world of its own
    workers: Workers, random: Random, count: int, crashes: int
) -> None:
    workers.bus.client.flushall()
    workers.bus.create_groups()
    length = 8
    left = [entry for camera in CAMERAS for entry in workers.publish(*range(length), camera=camera)]
    random.shuffle(left)
    crash_at = {random.randrange(40): random.choice(["before", "after"]) for _ in range(crashes)}
    calls = iter(range(100_000))
    depth = threading.local()

    def meddled(event: PersonDetected, context: Context) -> list[AlertEvent]:
        """Let another worker have its whole turn in the middle of this one's."""
        depth.now = getattr(depth, "now", 0) + 1
        if depth.now < count and left and random.random() < 0.4:
            attempt(left.pop())
        depth.now -= 1
        return follow(event, context)

    def crashing(verb: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            when = crash_at.get(next(calls))
            if when == "before":
                raise Killed
            answer = verb(*args, **kwargs)
            if when == "after":
                raise Killed
            return answer

        return wrapped

    def attempt(entry: str) -> None:
        with suppress(Killed):
            workers.run(entry, f"w{random.randrange(count)}@host")

    workers.row = ordered(meddled)
    with pytest.MonkeyPatch.context() as patch:
        for verb in ("settle", "hold"):
            patch.setattr(workers.bus, verb, crashing(getattr(workers.bus, verb)))
        for _ in range(50):
            while left:
                attempt(left.pop())
            workers.expire()
            left = list(workers.pending())
            if not left:
                break
            random.shuffle(left)

    for camera in CAMERAS:
        assert workers.told(camera) == expected(list(range(length)))
        line = workers.line(camera)
        assert (line.number, line.held, line.skipped, line.state["count"]) == (length - 1, (), 0, length)
    # The other group of the stream has not read them.
    assert set(workers.bus.client.hgetall("genesis:references").values()) == {b"2"}


def test_real_workers_at_once_do_not_get_in_each_other_s_way(workers: Workers, settings: Settings) -> None:
    entries = workers.publish(*range(60))
    Random(7).shuffle(entries)
    share = [entries[number::4] for number in range(4)]

    def work(mine: list[str], name: str) -> None:
        own = Workers(Process.open(settings))
        for entry in mine:
            while own.run(entry, name) is not None:
                own.bus.leases.give_back(f"worker-{name}", [Delivery(STREAM, GROUP, entry)])
        own.bus.close()

    threads = [threading.Thread(target=work, args=(mine, f"w{number}@host")) for number, mine in enumerate(share)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert workers.told("door") == expected(list(range(60)))
    assert workers.pending() == {}


def test_what_came_too_early_stays_pending_and_goes_on_with_what_it_waited_for(workers: Workers) -> None:
    zero, one, two = workers.publish(0, 1, 2)

    early = [workers.run(two), workers.run(one)]
    held = workers.pending()
    workers.run(zero)

    assert early == [None, None]
    assert held == {zero: "bridge-a-1", one: HELD, two: HELD}
    assert workers.pending() == {}
    assert workers.bus.client.hget("genesis:counts", f"{STREAM}|{GROUP}|settled") == b"3"
    assert workers.told("door") == expected([0, 1, 2])


@pytest.mark.parametrize(
    ("error", "outcome"),
    [(RetryableError("a database is away"), Again), (PermanentError("never"), type(None)), (BackpressureError("x", 1, 1), Again)],
    ids=lambda value: getattr(value, "__name__", type(value).__name__),
)
def test_an_event_that_fails_in_its_turn_holds_up_those_behind_it_alone(workers: Workers, error: Exception, outcome: type) -> None:
    failing = [1]

    def handler(event: PersonDetected, context: Context) -> list[AlertEvent]:
        assert context.state is not None
        if event.number in failing:
            context.state["spoiled"] = True
            raise error
        return follow(event, context)

    workers.row = ordered(handler)
    zero, one, two = workers.publish(0, 1, 2)
    other = workers.publish(0, camera="yard")

    workers.run(two)
    workers.run(one)
    workers.run(zero)  # its turn, and then that of the one that fails
    workers.run(other[0])
    workers.expire()
    answer = workers.run(one)
    before = workers.told("door")
    failing.clear()
    workers.expire()
    if outcome is Again:
        workers.run(one)

    assert isinstance(answer, outcome)
    assert before == expected([0])
    assert workers.told("yard") == expected([0])
    assert "spoiled" not in workers.line().state
    assert workers.told("door") == (expected([0, 1, 2]) if outcome is Again else expected([0]))
    assert workers.bus.client.xlen(f"{STREAM}:dlq") == (0 if outcome is Again else 1)


def test_an_entry_that_was_settled_behind_its_back_is_waited_for_no_more(workers: Workers) -> None:
    zero, one, two = workers.publish(0, 1, 2)
    workers.run(one)
    workers.run(two)
    workers.bus.bury(Delivery(STREAM, GROUP, one), {"dlq-reason": "permanent"})

    workers.run(zero)

    assert workers.told("door") == expected([0])
    assert workers.line().held[0].number == 2
    assert list(workers.pending()) == [two]


def test_a_state_that_json_can_t_say_is_the_event_s_failure(workers: Workers) -> None:
    def handler(event: PersonDetected, context: Context) -> None:
        assert context.state is not None
        context.state["lock"] = threading.Lock()

    workers.row = ordered(handler)
    (zero,) = workers.publish(0)

    assert isinstance(workers.run(zero), Again)
    assert workers.bus.client.hgetall(STATES) == {}


def test_events_without_numbers_are_handled_as_they_come_with_a_state(workers: Workers) -> None:
    seen: list[int] = []

    def handler(event: ZoneEvent, context: Context) -> None:
        assert context.state is not None
        context.state["count"] = context.state.get("count", 0) + 1
        seen.append(context.state["count"])

    row = Subscription(ZoneEvent, "zone-workers", "alerts", handler, keyed_by="zone")
    workers.bus.publish([completed(zone("yard")), completed(zone("hall")), completed(zone("yard"))])
    ((_, entries),) = workers.bus.client.xreadgroup("zone-workers", "bridge-a-1", {"genesis:zones": ">"})

    for entry, fields in entries:
        texts = {name.decode(): value.decode() for name, value in fields.items()}
        deliver(Run(workers.process, row, Delivery("genesis:zones", "zone-workers", entry.decode()), "t", "w@host"), texts)

    assert seen == [1, 1, 2]
    assert workers.bus.client.xpending("genesis:zones", "zone-workers")["pending"] == 0


def test_a_task_leaves_what_waited_to_another_one_before_its_time_is_over(workers: Workers) -> None:
    entries = workers.publish(*range(4))
    for entry in entries[1:]:
        workers.run(entry)
    seconds = itertools.count(step=100)
    run = Run(workers.process, workers.row, Delivery(STREAM, GROUP, entries[0]), "t", "w@host")
    assert run.begin()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("genesis.bus.ordered.TURN_MS", -1)
        assert deliver_in_order(run, completed(persons(0, camera="door", time=NOON)), lambda: float(next(seconds))) is None

    assert [number for number, _ in workers.told("door")] == [0]
    (given_back,) = [row for row in workers.bus.leases.pending(STREAM, GROUP) if row.entry == entries[1]]
    assert given_back.idle_ms >= workers.bus.leases.lease_ms  # so that the next sweep of a bridge takes it
    assert [row.consumer for row in workers.bus.leases.pending(STREAM, GROUP) if row.entry in entries[2:]] == [HELD, HELD]
