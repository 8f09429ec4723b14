"""Bridges, workers and operators do anything at any time, twice, late or half: the ledger is always as a simple model says.

`EXAMPLES_OF_MODEL=1000 pytest tests/integration/bus/test_model.py --hypothesis-seed=7` looks further.
"""

from __future__ import annotations

import logging
import os
import sys
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule, run_state_machine_as_test

from genesis.bus.ledger import Ledger
from genesis.events import completed
from tests.events_of_tests import frame
from tests.integration.bus.model_of_ledger import GROUPS, MAX_DELIVERIES, RETENTION, STREAM, Entry, Key
from tests.integration.bus.site_of_model import LEASE_MS, Site
from tests.janitors import changed

EXAMPLES, STEPS = int(os.environ.get("EXAMPLES_OF_MODEL", "160")), 60

BRIDGE = st.sampled_from(["bridge-a-1", "bridge-b-1"])
WORKER = st.sampled_from(["holder", "worker-one", "worker-two"])  # the first is whoever runs the entry
GROUP = st.sampled_from(GROUPS)
PICK = st.integers(0, 9)
PICKS = st.lists(PICK, min_size=1, max_size=3)
LOST = st.integers(0, 5).map(lambda number: number == 5)
ENDS = st.lists(st.sampled_from(["settle", "fail", "fail", "die", "die"]), min_size=1, max_size=4)
DEATHS = ["signal 9 (SIGKILL)", "time limit: 60 s"]
VERBS = ["begin", "run unasked", "settle", "fail", "wait", "renew", "give back", "die", "bury", "sweep", "lose queue"]
MEANWHILE = st.sampled_from(["nothing", "begin", "begin", *VERBS])


class Anything(Site):
    """What may happen. A worker may be one that lost its lease long ago; a `lost` answer makes its caller ask again."""

    @initialize()
    def begin_with_some(self) -> None:
        self.publish(2, lost=False)
        for group in GROUPS:
            self.read(group, "bridge-a-1", 2, dies=False)

    @precondition(lambda self: len(self.model.hands) < 20)
    @rule(count=st.integers(1, 2), lost=LOST)
    def publish(self, count: int, *, lost: bool) -> None:
        number = len(self.model.entries)
        events = [completed(frame(number + offset)) for offset in range(count)]
        self.losing = "settle" if lost else ""
        self.ledger.publish(events)
        rows: Any = self.client.xrevrange(STREAM, count=count)
        self.model.entries += [Entry(entry.decode(), event) for (entry, _), event in zip(rows[::-1], events, strict=True)]

    @rule(group=GROUP, bridge=BRIDGE, count=st.integers(1, 3), dies=LOST)
    def read(self, group: str, bridge: str, count: int, *, dies: bool) -> None:
        """Take new entries, and dispatch them unless the bridge dies just then."""
        answer: Any = self.client.xreadgroup(group, bridge, {STREAM: ">"}, count=count)
        batch = [(entry.decode(), fields) for entry, fields in answer[0][1]] if answer else []
        self.same([entry for entry, _ in batch], self.model.take(bridge, group, count))
        if not dies:
            self.judge(group, batch)

    @precondition(lambda self: self.tasks)
    @rule(pick=PICK, worker=WORKER, again=st.booleans(), twice=LOST, lost=LOST)
    def begin(self, pick: int, worker: str, *, again: bool = False, twice: bool = False, lost: bool = False) -> None:
        """Begin; the task may have been in the queue `twice`."""
        key, me = self.picked(pick, worker)
        self.begin_it(key, me, again=again, lost=lost)
        if twice:
            self.queue.add(key)

    @precondition(lambda self: self.tasks)
    @rule(pick=PICK, worker=WORKER, ends=ENDS, how=st.sampled_from(DEATHS), twice=LOST)
    def run(self, pick: int, worker: str, ends: list[str], how: str, *, twice: bool) -> None:
        """Run what nobody runs, some times; what its worker dies of, the next one has at once."""
        key, me = self.picked(pick, worker, runs=False)
        for end in ends:
            if not self.begin_it(key, me):
                return
            if twice:
                self.queue.add(key)
            if end == "settle":
                self.settle_it(key, "settled")
            elif end == "fail":
                self.fail_it(key, me)
            else:
                self.die_it(key, me, how)
                self.take_over(key[0], "bridge-a-1", lambda: None)
            self.the_ledger_is_as_the_model()

    @precondition(lambda self: self.tasks)
    @rule(pick=PICK, worker=WORKER, noted=st.booleans(), end=st.sampled_from(["settle", "fail", "wait", "die", "vanish"]), lost=LOST)
    def run_unasked(self, pick: int, worker: str, end: str = "vanish", *, noted: bool = True, lost: bool = False) -> None:
        """Run what may be in anybody's hands without asking first: it is asked, or noted, later or never."""
        key, me = self.picked(pick, worker)
        self.queue.discard(key)
        if noted:
            self.ledger.leases.note(me, [self.delivery(key)])
            self.model.note(key, me)
        if end == "settle":
            self.settle_it(key, "settled", lost=lost)
        elif end == "die":
            self.die_it(key, me, DEATHS[0], unasked=True, lost=lost)
        elif end in {"fail", "wait"} and self.begin_it(key, me, again=True, lost=lost):
            if end == "fail":
                self.fail_it(key, me)
            else:
                self.wait(pick, me)

    @precondition(lambda self: self.tasks)
    @rule(pick=PICK, outcome=st.sampled_from(["settled", "settled", "stale"]), lost=LOST)
    def settle(self, pick: int, outcome: str = "settled", *, lost: bool = False) -> None:
        self.settle_it(self.picked(pick)[0], outcome, lost=lost)

    @precondition(lambda self: self.tasks)
    @rule(pick=PICK, worker=WORKER, dies=LOST, lost=LOST)
    def fail(self, pick: int, worker: str, *, dies: bool = False, lost: bool = False) -> None:
        self.fail_it(*self.picked(pick, worker, runs=True), dies=dies, lost=lost)

    @precondition(lambda self: self.tasks)
    @rule(pick=PICK, worker=WORKER, lost=LOST)
    def wait(self, pick: int, worker: str, *, lost: bool = False) -> None:
        key, me = self.picked(pick, worker, runs=True)
        self.verb("lease", lambda: self.ledger.leases.wait(self.delivery(key), me), lambda: self.model.wait(key, me), lost=lost)

    @precondition(lambda self: self.tasks)
    @rule(picks=PICKS, worker=WORKER, lost=LOST)
    def renew(self, picks: list[int], worker: str, *, lost: bool = False) -> None:
        self._with_several(picks, worker, self.ledger.leases.renew, self.model.renew, lost=lost)

    @precondition(lambda self: self.tasks)
    @rule(picks=PICKS, worker=WORKER, lost=LOST)
    def give_back(self, picks: list[int], worker: str, *, lost: bool = False) -> None:
        self._with_several(picks, worker, self.ledger.leases.give_back, self.model.give_back, lost=lost)

    @precondition(lambda self: self.tasks)
    @rule(pick=PICK, worker=WORKER, how=st.sampled_from(DEATHS), lost=LOST)
    def die(self, pick: int, worker: str, how: str = DEATHS[0], *, lost: bool = False) -> None:
        self.die_it(*self.picked(pick, worker, runs=True), how, lost=lost)

    @precondition(lambda self: self.tasks)
    @rule(pick=PICK, lost=LOST)
    def bury(self, pick: int, *, lost: bool = False) -> None:
        self.bury_it(self.picked(pick)[0], "permanent", lost=lost)

    @precondition(lambda self: self.model.hands)
    @rule(pick=PICK, all_of_them=st.booleans())
    def let_leases_run_out(self, pick: int, *, all_of_them: bool) -> None:
        """Touch an entry, or all that is in the same hands, for long no more."""
        keys = list(self.model.hands)
        one = keys[-1 - pick % len(keys)]
        owner = self.model.hands[one].consumer
        self.age([key for key, hand in self.model.hands.items() if hand.consumer == owner] if all_of_them else [one])

    @rule(group=GROUP, bridge=BRIDGE, what=MEANWHILE, pick=PICK, worker=WORKER, lost=LOST)
    def sweep(self, group: str, bridge: str, what: str = "nothing", pick: int = 0, worker: str = "holder", *, lost: bool = False) -> None:
        self.take_over(group, bridge, partial(self._meanwhile, what, pick, worker), lost=lost)

    @rule(group=GROUP, bridge=BRIDGE, what=MEANWHILE, pick=PICK, worker=WORKER)
    def restart_bridge(self, group: str, bridge: str, what: str, pick: int, worker: str) -> None:
        self.take_over(group, bridge, partial(self._meanwhile, what, pick, worker), own=True)

    @rule()
    def lose_queue(self) -> None:
        self.queue.clear()

    @precondition(lambda self: self.letters)
    @rule(pick=PICK, lost=LOST)
    def replay(self, pick: int, *, lost: bool) -> None:
        """Replay a letter that is there, or (with the last picks) one that may be gone."""
        there = [place for place in range(len(self.letters)) if place not in self.model.replayed] if pick < 8 else []
        place = there[pick % len(there)] if there else pick % len(self.letters)
        gone = place in self.model.replayed
        self.losing = "replay" if lost else ""
        self.same(self.graveyard.replay(self.letters[place]), "gone" if gone or lost else "replayed")
        if not gone:
            ((entry, _),) = self.client.xrevrange(STREAM, count=1)  # type: ignore[misc,union-attr]
            self.model.replay(place, entry.decode())

    @rule()
    def clean_up(self) -> None:
        done = self.janitor.round(sweep=True)
        self.same((done.trimmed, done.references, done.attempts, done.failed), (self.model.trim(), 0, 0, ()))

    def teardown(self) -> None:
        try:
            if sys.exc_info()[0] is None:
                self._come_to_an_end()
        finally:
            del self.client.evalsha

    def _come_to_an_end(self) -> None:
        """Let everybody be gone; what is left is taken over by others and done."""
        self.queue.clear()
        self.age(self.model.hands)
        for group in GROUPS:
            self.read(group, "bridge-b-1", 1000, dies=False)
            self.sweep(group, "bridge-a-1")
        for key in list(self.model.hands):
            self.same(self.begin_it(key, "worker-one"), expected=True)
            self.settle_it(key, "settled")
        self.clean_up()
        self.the_ledger_is_as_the_model()

        left = [row for place, row in enumerate(self.letters) if place not in self.model.replayed]
        ends = self.outputs + self.model.dropped + Counter((row.group, row.own("id").decode()) for row in left)
        events = {entry.event.id: entry.event.frame for entry in self.model.entries}
        self.same(ends, Counter({(group, event): 1 for group in GROUPS for event in events}))
        counts = [self.client.hlen("genesis:references"), self.client.hlen(f"{STREAM}:attempts"), self.client.xlen(STREAM)]
        self.same(counts, [0, 0, min(RETENTION, len(self.model.entries))])

    def _meanwhile(self, what: str, pick: int, worker: str) -> None:
        """Let something happen between a bridge's look at a group and its taking."""
        verbs: dict[str, Callable[[], object]] = {
            "begin": lambda: self.begin(pick, worker),
            "run unasked": lambda: self.run_unasked(pick, worker),
            "settle": lambda: self.settle(pick),
            "fail": lambda: self.fail(pick, worker),
            "wait": lambda: self.wait(pick, worker),
            "renew": lambda: self.renew([pick], worker),
            "give back": lambda: self.give_back([pick], worker),
            "die": lambda: self.die(pick, worker),
            "bury": lambda: self.bury(pick),
            "sweep": lambda: self.sweep(GROUPS[pick % 2], "bridge-b-1"),
            "lose queue": self.lose_queue,
        }
        if what in VERBS and self.tasks:
            verbs[what]()

    def picked(self, pick: int, worker: str = "holder", *, runs: bool | None = None) -> tuple[Key, str]:
        """Return a delivery that was dispatched, and a worker.

        Args:
            pick: the first ones take an unsettled delivery that is as wanted, then any unsettled one, then one that is done; newest first.
            worker: `holder` is whoever runs it.
            runs: whether it is to be in a worker's hands.
        """
        keys, hands = list(self.tasks)[::-1], self.model.hands
        unsettled = [key for key in keys if key in hands]
        preferred = [key for key in unsettled if runs is None or hands[key].runs == runs]
        done = [key for key in keys if key not in hands]
        wanted = (preferred if pick < 6 else unsettled if pick < 8 else done) or keys
        key = wanted[pick % len(wanted)]
        if worker == "holder":
            worker = hands[key].consumer if key in hands and hands[key].runs else "worker-one"
        return key, worker

    def _with_several(
        self, picks: list[int], worker: str, real: Callable[..., int], model: Callable[[Key, str], bool], *, lost: bool
    ) -> None:
        chosen = dict(self.picked(pick, worker, runs=True) for pick in picks)
        me, deliveries = next(iter(chosen.values())), [self.delivery(key) for key in chosen]
        self.verb("lease", lambda: real(me, deliveries), lambda: sum(model(key, me) for key in chosen), lost=lost)


def test_whatever_happens_the_ledger_is_as_the_model_says_and_all_comes_to_one_end(
    bus: Ledger, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL, "genesis")
    monkeypatch.setattr("genesis.bus.patience.backoff", lambda _attempt: 0.0)
    bus.settings = changed(
        bus.settings,
        redis={"retention": RETENTION},
        delivery={"lease_seconds": LEASE_MS / 1000, "max_deliveries": MAX_DELIVERIES},
        bridge={"consumer_seconds": 0.001},
    )
    wanted = hypothesis_settings(max_examples=EXAMPLES, stateful_step_count=STEPS, suppress_health_check=list(HealthCheck))

    run_state_machine_as_test(partial(Anything, bus), settings=wanted)
