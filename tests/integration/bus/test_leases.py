"""In whose hands an entry is, and what becomes of it when nobody touches it any more."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

import pytest
import redis

from genesis.bus.consumers import WAITING, worker_consumer
from genesis.bus.dispatch import deliveries_of
from genesis.bus.holdings import Holdings
from genesis.bus.ledger import Delivery, Ledger
from genesis.events import ZoneEvent, completed
from tests.events_of_tests import zone
from tests.processes import wait_until

Take = Callable[[type, str], Delivery]
GROUP, STREAM = "zone-workers", "genesis:zones"
ONE, TWO = worker_consumer("one@host"), worker_consumer("two@host")


@pytest.fixture
def entry(bus: Ledger, take: Take) -> Delivery:
    """Return an entry that a bridge has taken."""
    bus.publish([completed(zone())])
    return take(ZoneEvent, GROUP)


def hands(bus: Ledger, delivery: Delivery) -> tuple[str, int]:
    """Return the consumer that has an entry, and its count of deliveries."""
    (row,) = bus.leases.pending(delivery.stream, delivery.group)
    return row.consumer, row.deliveries


def aged(bus: Ledger, delivery: Delivery, seconds: float = 3600) -> None:
    """Let an entry look as if nobody had touched it for so long."""
    consumer, deliveries = hands(bus, delivery)
    bus.client.xclaim(
        delivery.stream, delivery.group, consumer, 0, [delivery.entry], idle=int(seconds * 1000), retrycount=deliveries, justid=True
    )


def reclaim(bus: Ledger, delivery: Delivery, owner: str = "") -> list[tuple[int, str]]:
    rows = bus.leases.reclaim(STREAM, GROUP, "bridge-other-1", [delivery.entry], idle_ms=bus.leases.lease_ms, owner=owner)
    return [(row.deliveries, row.death) for row in rows]


def test_one_worker_at_a_time_has_an_entry(bus: Ledger, entry: Delivery) -> None:
    assert bus.leases.begin(entry, ONE)
    assert not bus.leases.begin(entry, TWO)
    assert not bus.leases.begin(entry, ONE)  # another message for it in the same worker
    assert bus.leases.begin(entry, ONE, again=True)
    assert hands(bus, entry) == (ONE, 1)


def test_a_worker_whose_answer_was_lost_has_the_entry_all_the_same(bus: Ledger, entry: Delivery, monkeypatch: pytest.MonkeyPatch) -> None:
    script, lost = bus.leases._lease, []

    def losing(**arguments: object) -> object:
        answer = script(**arguments)
        if not lost:
            lost.append(answer)
            raise redis.ConnectionError("the connection broke before the answer came")
        return answer

    monkeypatch.setattr(bus.leases, "_lease", losing)

    assert bus.leases.begin(entry, ONE)
    assert not bus.leases.begin(entry, ONE)


def test_an_entry_whose_worker_gives_no_sign_of_life_may_be_begun_by_another(bus: Ledger, entry: Delivery) -> None:
    bus.leases.begin(entry, ONE)
    aged(bus, entry)

    assert bus.leases.begin(entry, TWO)
    assert hands(bus, entry) == (TWO, 1)


def test_a_settled_entry_can_t_be_begun(bus: Ledger, entry: Delivery) -> None:
    bus.settle(entry)

    assert not bus.leases.begin(entry, ONE)


def test_a_sign_of_life_keeps_an_entry_and_counts_as_no_delivery(bus: Ledger, entry: Delivery) -> None:
    bus.leases.begin(entry, ONE)
    aged(bus, entry)

    assert bus.leases.renew(ONE, [entry]) == 1
    assert reclaim(bus, entry) == []
    assert hands(bus, entry) == (ONE, 1)


def test_a_worker_gives_no_sign_of_life_for_what_another_runs(bus: Ledger, entry: Delivery) -> None:
    bus.leases.begin(entry, ONE)
    aged(bus, entry)

    assert bus.leases.renew(TWO, [entry]) == 0
    assert reclaim(bus, entry) == [(2, "")]


def test_what_was_being_run_counts_as_delivered_again_and_what_waited_does_not(bus: Ledger, entry: Delivery) -> None:
    counted = []
    aged(bus, entry)
    counted += reclaim(bus, entry)  # out of a bridge's hands
    bus.leases.begin(entry, ONE)
    aged(bus, entry)
    counted += reclaim(bus, entry)  # out of a worker's
    bus.leases.begin(entry, ONE)
    bus.leases.wait(entry, ONE)
    aged(bus, entry)
    counted += reclaim(bus, entry)  # while it waited for a retry

    assert [deliveries for deliveries, _ in counted] == [1, 2, 2]


def test_what_a_stopping_worker_gives_back_can_be_had_at_once_and_counts_as_no_delivery(bus: Ledger, entry: Delivery) -> None:
    bus.leases.begin(entry, ONE)

    assert bus.leases.give_back(TWO, [entry]) == 0  # not its own
    assert bus.leases.give_back(ONE, [entry]) == 1
    assert hands(bus, entry) == (WAITING, 1)
    assert reclaim(bus, entry) == [(1, "")]


def test_how_a_child_died_is_told_with_its_entry(bus: Ledger, entry: Delivery) -> None:
    bus.leases.begin(entry, ONE)

    assert bus.leases.died(entry, ONE, "signal 11 (SIGSEGV)")
    assert not bus.leases.died(entry, TWO, "not mine")
    assert reclaim(bus, entry) == [(2, "signal 11 (SIGSEGV)")]


def test_a_failure_is_counted_once_however_often_it_is_told(bus: Ledger, entry: Delivery) -> None:
    bus.leases.begin(entry, ONE)
    told = [bus.leases.fail(entry, ONE, 3) for _ in range(3)]
    bus.leases.begin(entry, TWO)

    assert told == [1, 1, 1]
    assert bus.leases.fail(entry, ONE, 3) == 0  # another worker's now
    assert bus.leases.fail(entry, TWO, 3) == 2
    assert bus.client.hget("genesis:counts", f"{STREAM}|{GROUP}|retried") == b"2"


def test_a_death_between_failures_does_not_begin_the_count_anew(bus: Ledger, entry: Delivery) -> None:
    bus.leases.begin(entry, ONE)
    bus.leases.fail(entry, ONE, 3)
    bus.leases.begin(entry, ONE)
    bus.leases.died(entry, ONE, "killed | by something")
    reclaim(bus, entry)
    bus.leases.begin(entry, TWO)

    assert bus.leases.fail(entry, TWO, 3) == 2
    bus.bury(entry, {"dlq-reason": "poison"})
    ((_, letter),) = bus.client.xrange(f"{STREAM}:dlq")
    assert letter[b"dlq-attempts"] == b"2"
    assert bus.client.hlen(f"{STREAM}:attempts") == 0


def test_of_two_bridges_that_want_an_entry_one_gets_it(bus: Ledger, entry: Delivery) -> None:
    aged(bus, entry)
    start, found = threading.Barrier(2), list[str]()

    def take(bridge: str) -> None:
        start.wait()
        found.extend(row.entry for row in bus.leases.reclaim(STREAM, GROUP, bridge, [entry.entry], idle_ms=bus.leases.lease_ms))

    threads = [threading.Thread(target=take, args=(f"bridge-x-{number}",)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert found == [entry.entry]


def test_an_entry_is_taken_only_out_of_the_hands_that_were_named(bus: Ledger, entry: Delivery) -> None:
    bus.leases.begin(entry, ONE)
    aged(bus, entry)

    assert reclaim(bus, entry, owner="test") == []
    assert reclaim(bus, entry, owner=ONE) == [(2, "")]


def test_a_deleted_entry_is_a_loss_that_is_told_and_counted(bus: Ledger, entry: Delivery, caplog: pytest.LogCaptureFixture) -> None:
    aged(bus, entry)
    bus.client.xdel(STREAM, entry.entry)

    with caplog.at_level(logging.ERROR, "genesis.bus.leases"):
        assert reclaim(bus, entry) == []

    assert "an event is lost" in caplog.text
    assert bus.client.hget("genesis:counts", f"{STREAM}|{GROUP}|lost") == b"1"
    assert bus.leases.pending(STREAM, GROUP) == []


def test_the_pages_of_a_long_pending_list_hold_every_entry_once(bus: Ledger) -> None:
    for _ in range(5):
        bus.publish([completed(zone()) for _ in range(100)])
    bus.client.xreadgroup(GROUP, "test", {STREAM: ">"}, count=500)

    found, after = list[str](), "-"
    while page := bus.leases.pending(STREAM, GROUP, after=after):
        found += [row.entry for row in page]
        after = page[-1].entry

    assert len(found) == len(set(found)) == 500


def test_a_worker_s_thread_keeps_what_it_holds_through_an_absence_of_the_ledger(bus: Ledger, entry: Delivery) -> None:
    here = [f"{STREAM}:{GROUP}:{entry.entry}", "somebody-elses-task"]
    delivery = bus.settings.delivery.model_copy(update={"lease_seconds": 0.2})
    bus.leases.begin(entry, ONE)
    holdings = Holdings(Ledger(bus.settings.model_copy(update={"delivery": delivery}), bus.registry), "one@host", lambda: here)
    idle = lambda: bus.leases.pending(STREAM, GROUP)[0].idle_ms  # noqa: E731
    aged(bus, entry)

    holdings.start()
    wait_until(lambda: idle() < 1000, "the lease is renewed")
    bus.client.client_kill_filter(_type="normal", skipme=True)
    aged(bus, entry)
    wait_until(lambda: idle() < 1000, "the lease is renewed again")
    holdings.died(here[0], "signal 9 (SIGKILL)")
    wait_until(lambda: idle() >= 200, "the death is noted")
    here.clear()
    given = holdings.give_back()

    assert given == 0
    assert reclaim_now(bus, entry) == [(2, "signal 9 (SIGKILL)")]


def test_children_that_die_all_the_time_do_not_cost_the_others_their_leases(bus: Ledger, entry: Delivery) -> None:
    delivery = bus.settings.delivery.model_copy(update={"lease_seconds": 2.0})
    bus.leases.begin(entry, ONE)
    aged(bus, entry)
    here = [f"{STREAM}:{GROUP}:{entry.entry}"]
    holdings = Holdings(Ledger(bus.settings.model_copy(update={"delivery": delivery}), bus.registry), "one@host", lambda: here)
    holdings.start()

    def renewed() -> bool:
        for _ in range(20):
            holdings.died(f"{STREAM}:{GROUP}:1-0", "signal 11 (SIGSEGV)")
        return bus.leases.pending(STREAM, GROUP)[0].idle_ms < 1_000_000

    wait_until(renewed, "the lease of the one that lives is renewed", seconds=20)
    holdings.give_back()


def reclaim_now(bus: Ledger, delivery: Delivery) -> list[tuple[int, str]]:
    rows = bus.leases.reclaim(STREAM, GROUP, "bridge-other-1", [delivery.entry], idle_ms=0)
    return [(row.deliveries, row.death) for row in rows]


def test_a_worker_that_ends_gives_back_what_was_here_when_it_was_asked_to(bus: Ledger, entry: Delivery) -> None:
    here = [f"{STREAM}:{GROUP}:{entry.entry}"]
    bus.leases.begin(entry, ONE)
    holdings = Holdings(Ledger(bus.settings, bus.registry), "one@host", lambda: here)
    holdings.start()

    holdings.remember()
    here.clear()

    assert holdings.give_back() == 1
    assert reclaim(bus, entry) == [(1, "")]


@pytest.mark.parametrize(
    ("task_id", "expected"),
    [
        ("genesis:zones:testers:17-0", [Delivery("genesis:zones", "testers", "17-0")]),
        ("{site}:zones:testers:17-0", [Delivery("{site}:zones", "testers", "17-0")]),
        ("genesis:zones:testers:17-0,17-1", [Delivery("genesis:zones", "testers", "17-0"), Delivery("genesis:zones", "testers", "17-1")]),
        ("0c1d6a2e-1b8e-4f0e-9a53-0d6f0c5b8c11", []),
    ],
)
def test_a_task_s_id_names_its_entries(task_id: str, expected: list[Delivery]) -> None:
    assert deliveries_of(task_id) == expected


def test_a_group_that_was_removed_has_nothing(bus: Ledger, entry: Delivery) -> None:
    bus.client.xgroup_destroy(STREAM, GROUP)

    assert not bus.leases.begin(entry, ONE)
    assert bus.leases.renew(ONE, [entry]) == 0
    assert bus.leases.fail(entry, ONE, 3) == 0
    assert bus.leases.pending(STREAM, GROUP) == []
    with pytest.raises(redis.ResponseError):
        bus.client.xpending(STREAM, GROUP)
