"""The janitor: one of the bridges is it, whatever fails is done later, and it says what it did."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator

import pytest
import redis

from genesis.bus.janitor import SWEEP_EVERY, Janitor, Round
from genesis.bus.ledger import Ledger
from genesis.cache import FrameCache
from genesis.connections import connect
from tests.janitors import GROUPS, STREAM, changed, ids, janitor_of, publish, read, settle_new
from tests.processes import wait_until

LOCK = "genesis:janitor"


def test_only_one_of_two_bridges_acts_until_the_other_must(bus: Ledger) -> None:
    first, second = janitor_of(bus, "bridge-here-1"), janitor_of(bus, "bridge-there-1")

    both = [first.round().elected, second.round().elected, first.round().elected]
    first.resign()
    after_a_clean_stop = [second.round().elected, first.round().elected]
    second.resign()
    first.round()
    second.resign()  # it is not its own to give up
    holder = bus.client.get(LOCK)
    bus.client.pexpire(LOCK, 1)
    wait_until(lambda: not bus.client.exists(LOCK), "the lease runs out")

    assert both == [True, False, True]
    assert after_a_clean_stop == [True, False]
    assert holder == b"bridge-here-1"
    assert second.round().elected
    assert bus.client.get(LOCK) == b"bridge-there-1"


def test_a_lease_is_renewed_by_every_round(bus: Ledger) -> None:
    janitor = janitor_of(bus)
    janitor.round()
    bus.client.pexpire(LOCK, 500)

    janitor.round()

    assert 29_000 < bus.client.pttl(LOCK) <= 30_000


def test_it_runs_until_it_is_stopped_and_then_gives_up_its_lease(bus: Ledger) -> None:
    janitor = janitor_of(bus, redis={"retention": 2}, bridge={"janitor_seconds": 0.01})
    publish(bus, 5)
    settle_new(bus, 5)
    thread = threading.Thread(target=janitor.run)

    thread.start()
    wait_until(lambda: bus.client.hget("genesis:counts", "janitor|trimmed") == b"3", "it trims and counts")
    janitor._stopped.set()
    thread.join()

    assert (len(ids(bus)), bus.client.exists(LOCK)) == (2, 0)


def test_most_rounds_only_trim(bus: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    janitor, swept = janitor_of(bus), []
    monkeypatch.setattr(janitor, "sweep_references", lambda: swept.append(1) or 0)

    for _ in range(SWEEP_EVERY + 1):
        janitor.round()

    assert len(swept) == 2


def test_consumers_that_hold_nothing_and_were_not_seen_for_long_are_removed(bus: Ledger) -> None:
    for consumer in ("worker-gone", "waiting", "bridge-here-1"):
        bus.client.xgroup_createconsumer(STREAM, GROUPS[0], consumer)
    publish(bus, 1)
    read(bus, GROUPS[0], 1)

    patient = janitor_of(bus).round(sweep=True)
    strict = janitor_of(bus, bridge={"consumer_seconds": 0.000_1}).round(sweep=True)

    assert (patient, strict) == (Round(elected=True), Round(elected=True, consumers=2))
    left = {row["name"]: row["pending"] for row in bus.client.xinfo_consumers(STREAM, GROUPS[0])}
    assert left == {b"bridge-here-1": 0, b"test": 1}
    assert bus.client.hget("genesis:counts", "janitor|consumers") == b"2"


def test_a_server_without_memory_is_trimmed_even_without_a_lock(bus: Ledger) -> None:
    first, second = (janitor_of(bus, name, redis={"retention": 2}) for name in ("bridge-here-1", "bridge-there-1"))
    publish(bus, 5)
    settle_new(bus, 5)
    for janitor in (first, second):
        janitor.round()
        janitor.resign()
    publish(bus, 5)
    settle_new(bus, 5)
    bus.client.config_set("maxmemory", bus.client.info("memory")["used_memory"] // 2)
    try:
        short_of_memory = [first.round(), second.round()]
    finally:
        bus.client.config_set("maxmemory", 0)

    assert short_of_memory == [Round(elected=True, trimmed=5, failed=("counting",)), Round(elected=True)]
    assert first.round() == Round(elected=True)
    assert bus.client.hget("genesis:counts", "janitor|trimmed") == b"8"


def test_a_server_that_is_away_ends_nothing_and_is_told_of_once(bus: Ledger, caplog: pytest.LogCaptureFixture) -> None:
    away = connect("unix:///tmp/no-redis-here.sock")
    janitor = Janitor(Ledger(bus.settings, bus.registry, away), FrameCache.of(bus.settings), "bridge-here-1", threading.Event())
    caplog.set_level(logging.INFO)

    rounds = [janitor.round(), janitor.round()]
    janitor.resign()
    away.connection_pool.reset()
    away.connection_pool.connection_kwargs["path"] = bus.client.connection_pool.connection_kwargs["path"]
    rounds.append(janitor.round())

    assert rounds == [Round(elected=False, failed=("election",))] * 2 + [Round(elected=True)]
    assert [record.message.split(":")[1] for record in caplog.records] == [
        " step 'election' is not possible now, and tried again at every turn",
        " step 'election' is possible again",
    ]


@pytest.fixture
def limited(bus: Ledger) -> Iterator[redis.Redis]:
    """Return a connection of a user who may not use all commands."""
    bus.client.execute_command("ACL", "SETUSER", "limited", "on", ">pw", "~*", "&*", "+@all", "-xgroup", "-xtrim")
    yield connect(bus.settings.redis.url.replace("unix://", "unix://limited:pw@"))
    bus.client.execute_command("ACL", "DELUSER", "limited")


def test_what_is_not_permitted_does_not_keep_it_from_the_rest(bus: Ledger, limited: redis.Redis) -> None:
    settings = changed(bus.settings, redis={"retention": 0}, bridge={"consumer_seconds": 0.000_1})
    janitor = Janitor(Ledger(settings, bus.registry, limited), FrameCache.of(settings), "bridge-here-1", threading.Event())
    bus.client.hset("genesis:references", "nobody's", 1)
    publish(bus, 2)
    settle_new(bus, 2)

    rounds = [janitor.round(sweep=True) for _ in range(2)]

    assert rounds == [
        Round(elected=True, failed=("trimmed", "consumers")),
        Round(elected=True, references=1, failed=("trimmed", "consumers")),
    ]
