"""Entries are removed only behind what every group has settled, and the newest ones stay."""

from __future__ import annotations

import threading
from random import Random

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from genesis.bus import trimming
from genesis.bus.backpressure import group_backlogs
from genesis.bus.ledger import Ledger
from genesis.bus.trimming import Trimmer
from genesis.subscriptions import Registry
from tests.janitors import GROUPS, STREAM, changed, ids, janitor_of, publish, read, settle, settle_new


class Model:
    """A stream and two groups, done by Redis and in our head."""

    def __init__(self, bus: Ledger, random: Random) -> None:
        bus.client.delete(STREAM)
        bus.create_groups()
        self.bus = bus
        self.random = random
        self.janitor = janitor_of(bus)
        self.published: list[str] = []
        self.kept: list[str] = []
        self.delivered = dict.fromkeys(GROUPS, 0)
        self.pending: dict[str, list[str]] = {group: [] for group in GROUPS}

    def publish(self, count: int) -> None:
        new = publish(self.bus, count)
        self.published += new
        self.kept += new

    def read(self, count: int, groups: tuple[str, ...] = ()) -> None:
        for group in groups or [self.random.choice(GROUPS)]:
            new = read(self.bus, group, count)
            assert new == self.published[self.delivered[group] : self.delivered[group] + count]
            self.delivered[group] += len(new)
            self.pending[group] += new

    def settle(self, count: int, groups: tuple[str, ...] = ()) -> None:
        for group in groups or [self.random.choice(GROUPS)]:
            done = self.random.sample(self.pending[group], min(count, len(self.pending[group])))
            settle(self.bus, group, done)
            self.pending[group] = [entry for entry in self.pending[group] if entry not in done]

    def work(self, count: int) -> None:
        """Let both groups settle everything up to an entry."""
        self.read(count, GROUPS)
        self.settle(len(self.published), GROUPS)

    def trim(self, retention: int) -> None:
        unsettled = {entry for group in GROUPS for entry in (*self.pending[group], *self.published[self.delivered[group] :])}
        settled = next((n for n, entry in enumerate(self.kept) if entry in unsettled), len(self.kept))
        too_many = min(settled, max(0, len(self.kept) - retention))
        self.janitor._ledger.settings = changed(self.bus.settings, redis={"retention": retention})

        assert self.janitor.trim() == too_many
        del self.kept[:too_many]
        assert ids(self.bus) == self.kept
        measured = {row.group: (row.pending, row.lag) for row in group_backlogs(self.bus.client, STREAM)}
        assert measured == {group: (len(self.pending[group]), len(self.published) - self.delivered[group]) for group in GROUPS}


MOVES = st.lists(st.tuples(st.sampled_from(["publish", "read", "settle", "work", "trim"]), st.integers(0, 45)), max_size=25)


@given(MOVES, st.integers(1, 50), st.integers(0, 30), st.randoms(use_true_random=False))
@hypothesis_settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_some_group_has_not_settled_is_never_trimmed_and_all_else_is(
    bus: Ledger, moves: list[tuple[str, int]], at_once: int, retention: int, random: Random
) -> None:
    model = Model(bus, random)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trimming, "AT_ONCE", at_once)
        for verb, count in moves:
            getattr(model, verb)(max(count, 1) if verb != "trim" else count)
        model.trim(retention)
        model.work(len(model.published) + 1)
        length = len(model.kept)
        model.trim(retention)

    assert len(ids(bus)) == min(length, retention)


def test_two_janitors_at_once_take_nothing_from_the_groups(bus: Ledger) -> None:
    janitors = [janitor_of(bus, f"bridge-here-{n}", redis={"retention": 3}) for n in range(2)]
    published, stopped = 600, threading.Event()
    received: dict[str, list[bytes]] = {group: [] for group in GROUPS}

    def work(group: str) -> None:
        while len(received[group]) < published:
            for entry in read(bus, group, 7):
                received[group] += [fields[b"n"] for _, fields in bus.client.xrange(STREAM, entry, entry)]
                settle(bus, group, [entry])

    def clean(janitor: object) -> None:
        while not stopped.is_set():
            janitor.trim()  # type: ignore[attr-defined]

    cleaners = [threading.Thread(target=clean, args=(janitor,)) for janitor in janitors]
    workers = [threading.Thread(target=work, args=(group,), daemon=True) for group in GROUPS]
    for thread in (*cleaners, *workers):
        thread.start()
    for number in range(published):
        bus.client.xadd(STREAM, {"n": str(number)})
    for thread in workers:
        thread.join(60)
    stopped.set()
    for thread in cleaners:
        thread.join()
    janitors[0].trim()

    assert received == {group: [str(number).encode() for number in range(published)] for group in GROUPS}
    assert len(ids(bus)) == 3


def test_an_entry_is_unsettled_though_the_one_before_it_was_published_in_the_same_millisecond(bus: Ledger) -> None:
    janitor = janitor_of(bus, redis={"retention": 0})
    for number in range(1, 11):
        bus.client.xadd(STREAM, {"n": number}, id=f"5-{number}")
    settle_new(bus, 4)

    assert janitor.trim() == 4
    assert ids(bus)[0] == "5-5"


@pytest.mark.parametrize(
    ("last", "removed"),
    [
        ("7-999999999999999", 1),
        ("7-9007199254740993", 0),
        ("7-18446744073709551615", 0),
        ("18446744073709551615-18446744073709551615", 0),
    ],
)
def test_where_a_number_is_too_large_for_lua_an_entry_less_is_removed(bus: Ledger, last: str, removed: int) -> None:
    janitor = janitor_of(bus, redis={"retention": 0})
    for entry in ("7-1", last):
        bus.client.xadd(STREAM, {"n": "1"}, id=entry)
    for group in GROUPS:
        read(bus, group, 2)
        settle(bus, group, ["7-1"])

    trimmed = [janitor.trim()]
    for group in GROUPS:
        trimmed.append(janitor.trim())
        settle(bus, group, [last])
    trimmed.append(janitor.trim())

    assert trimmed == [1, 0, 0, removed]


def test_a_step_removes_as_much_as_it_may(bus: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trimming, "AT_ONCE", 45)
    publish(bus, 110)
    settle_new(bus, 110)

    steps = [Trimmer(bus).step("zones", 10) for _ in range(4)]

    assert [(step.removed, step.more) for step in steps] == [(45, True), (45, True), (10, False), (0, False)]


def test_large_entries_are_removed_in_smaller_steps(bus: Ledger) -> None:
    publish(bus, 60, size=100_000)
    settle_new(bus, 60)
    trimmer, steps = Trimmer(bus), []

    while not steps or steps[-1].more:
        steps.append(trimmer.step("zones", 1))

    assert sum(step.removed for step in steps) == 59
    assert max(step.removed for step in steps) < 30


def test_dead_letters_and_streams_without_a_group_are_never_trimmed(bus: Ledger) -> None:
    janitor = janitor_of(bus, registry=Registry(), redis={"retention": 0})
    bus.client.delete("genesis:alerts")
    publish(bus, 5, "genesis:alerts")
    publish(bus, 5, "genesis:zones:dlq")
    publish(bus, 5)
    settle_new(bus, 5)

    assert janitor.trim() == 5
    assert [len(ids(bus, stream)) for stream in ("genesis:alerts", "genesis:zones:dlq", STREAM)] == [5, 5, 0]


def test_a_stream_whose_group_is_missing_is_not_trimmed_and_that_is_said_once(bus: Ledger, caplog: pytest.LogCaptureFixture) -> None:
    janitor = janitor_of(bus, redis={"retention": 2})
    publish(bus, 5)
    settle_new(bus, 5)
    bus.client.xgroup_destroy(STREAM, GROUPS[0])

    trimmed = [janitor.trim(), janitor.trim()]
    bus.create_groups()
    trimmed.append(janitor.trim())
    seen_again = read(bus, GROUPS[0], 10)
    settle(bus, GROUPS[0], seen_again)
    trimmed.append(janitor.trim())

    assert (trimmed, len(seen_again)) == ([0, 0, 0, 3], 5)
    assert [record.message for record in caplog.records] == [
        f"janitor: stream zones is not trimmed while its group {GROUPS[0]} is missing, which is to see everything"
    ]


def test_a_group_that_nobody_subscribed_to_is_waited_for_too(bus: Ledger) -> None:
    janitor = janitor_of(bus, redis={"retention": 0})
    bus.client.xgroup_create(STREAM, "someone-else", id="0")
    entries = publish(bus, 4)
    settle_new(bus, 4)
    settle(bus, "someone-else", read(bus, "someone-else", 1))

    assert janitor.trim() == 1
    assert ids(bus) == entries[1:]
