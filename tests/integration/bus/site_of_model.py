"""A ledger beside its model: verbs are done on both, and must give the same answers and leave the same behind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

import redis
from hypothesis.stateful import RuleBasedStateMachine, invariant

from genesis.bus.burials import Burials
from genesis.bus.deadletters import DeadLetter, letter
from genesis.bus.graveyard import Graveyard
from genesis.bus.judge import Judge
from genesis.bus.ledger import Delivery, Ledger, Outcome
from genesis.bus.sweep import Found, Sweep
from genesis.errors import PermanentError
from genesis.events import AlertEvent, caused, decode, encode
from tests.integration.bus.model_of_ledger import BUSY_MS, GROUPS, MAX_DELIVERIES, MAX_RETRIES, STREAM, Key, Letter, Model
from tests.janitors import janitor_of

LEASE_MS = 3_600_000  # as the test sets it: no lease runs out by itself


class Site(RuleBasedStateMachine):
    """One stream, whose groups' work is done by bridges and workers that the test plays."""

    def __init__(self, bus: Ledger) -> None:
        super().__init__()
        self.client = bus.client
        self.client.flushall()
        self.ledger = Ledger(bus.settings, bus.registry, self.client)
        self.ledger.leases.fresh_ms = 0  # a bridge takes its own at once
        self.ledger.create_groups()
        self.ledger.uptime = lambda: 3600.0  # type: ignore[method-assign] # the tests' server has just been started
        self.rows = {row.group: row for row in bus.registry if row.group in GROUPS}
        self.graveyard = Graveyard(bus.settings, self.client)
        self.graveyard.lengths()  # from the first answer on it is patient
        self.janitor = janitor_of(bus)
        self.model = Model()
        self.tasks: dict[Key, None] = {}  # all that were ever dispatched
        self.queue: set[Key] = set()
        self.letters: list[DeadLetter] = []  # all that there ever were
        self.outputs: Counter[Key] = Counter()
        self.newest_output = "0"
        self.losing = ""  # name of the script whose next answer is lost
        leases = self.ledger.leases
        scripts = {"settle": self.ledger._settle, "bury": self.ledger._bury, "lease": leases._lease, "fail": leases._fail}
        scripts |= {"reclaim": leases._reclaim, "replay": self.graveyard._replay}
        self._names = {script.sha: name for name, script in scripts.items()}
        self.client.evalsha = self._evalsha  # type: ignore[method-assign]

    @invariant()
    def the_ledger_is_as_the_model(self) -> None:
        model = self.model
        with self.client.pipeline(transaction=False) as pipe:
            for group in GROUPS:
                pipe.xpending_range(STREAM, group, min="-", max="+", count=1000)
            pipe.hgetall(f"{STREAM}:attempts")
            pipe.hgetall("genesis:references")
            pipe.hgetall("genesis:counts")
            pipe.xrange(STREAM)
            pipe.xrange(f"{STREAM}:dlq")
            pipe.xrange("genesis:alerts", min=f"({self.newest_output}")
            *pending, attempts, references, counts, entries, letters, outputs = pipe.execute()

        hands = {
            (group, row["message_id"].decode()): (row["consumer"].decode(), row["time_since_delivered"] >= LEASE_MS, row["times_delivered"])
            for group, rows in zip(GROUPS, pending, strict=True)
            for row in rows
        }
        self.same(hands, {key: (hand.consumer, hand.aged, hand.deliveries) for key, hand in model.hands.items()})
        self.same(
            {name.decode(): _without_time(text.decode()) for name, text in attempts.items()},
            {"|".join(key): (hand.failures, hand.death) for key, hand in model.hands.items() if hand.failures or hand.death},
        )
        self.same({name.decode(): int(count) for name, count in references.items()}, dict(model.references()))
        totals = {name.decode().removeprefix(f"{STREAM}|"): int(count) for name, count in counts.items()}
        totals.pop("janitor|consumers", None)  # a matter of milliseconds
        self.same(totals, dict(+model.counts))
        there = [entry.decode() for entry, _ in entries]
        self.same(there, [entry.id for entry in model.entries[model.trimmed :]])
        self.same({entry for _, entry in hands} <= set(there), expected=True)
        self._see_letters(letters)
        self._see_outputs(outputs)

    def same(self, found: object, expected: object) -> None:
        """Compare what the ledger says with what the model says."""
        assert found == expected

    def verb(self, script: str, real: Callable[[], Any], model: Callable[[], Any], *, lost: bool) -> Any:
        """Do a verb on both; where the script's answer is lost on its way, it is done twice."""
        self.losing = script if lost else ""
        found = real()
        self.losing = ""
        expected = model()
        if lost:
            expected = model()
        self.same(found, expected)
        return found

    def begin_it(self, key: Key, me: str, *, again: bool = False, lost: bool = False) -> bool:
        self.queue.discard(key)
        real = partial(self.ledger.leases.begin, self.delivery(key), me, again=again)
        asked: list[bool] = []

        def begin() -> bool:
            asked.append(self.model.begin(key, me, again=again or bool(asked)))  # asked again, it is for what it may have already
            return asked[-1]

        return bool(self.verb("lease", real, begin, lost=lost))

    def fail_it(self, key: Key, me: str, *, dies: bool = False, lost: bool = False) -> None:
        """Note a failure; after too many bury the entry, unless the worker dies just then."""
        real = partial(self.ledger.leases.fail, self.delivery(key), me, MAX_RETRIES)
        failures = self.verb("fail", real, lambda: self.model.fail(key, me), lost=lost)
        if failures > MAX_RETRIES and not dies:
            self.bury_it(key, "retries_exhausted")

    def die_it(self, key: Key, me: str, how: str, *, unasked: bool = False, lost: bool = False) -> None:
        real = partial(self.ledger.leases.died, self.delivery(key), me, how, unasked=unasked)
        self.verb("lease", real, lambda: self.model.died(key, me, how, unasked=unasked), lost=lost)

    def settle_it(self, key: Key, outcome: str, *, lost: bool = False) -> None:
        event = self.model.entry(key[1]).event
        settled = outcome == "settled"
        outputs = caused([AlertEvent.about(event, rule=key[0], message=key[1])], event, key[0]) if settled else []
        self._done(
            "settle",
            lambda: self.ledger.settle(self.delivery(key), outputs, outcome=outcome, busy_ms=BUSY_MS if settled else 0),
            lambda: self.model.settle(key, outcome),
            lost=lost,
        )

    def bury_it(self, key: Key, reason: str, *, lost: bool = False) -> None:
        told = letter(self.delivery(key), reason, ValueError("no"))
        self._done("bury", lambda: self.ledger.bury(self.delivery(key), told), lambda: self.model.bury(key, reason), lost=lost)

    def judge(self, group: str, batch: Sequence[Found]) -> None:
        """Judge and dispatch, as a bridge does."""
        before, freed = self.model.references(), list[str]()
        wanted = Judge(self.ledger, self.rows[group], freed.extend, Burials()).judge(batch)
        expected = []
        for entry, raw in batch:
            if isinstance(raw, PermanentError):
                self.model.bury((group, entry), raw.reason)
            elif self.model.entry(entry).only not in {"", group}:
                self.model.settle((group, entry), "filtered")
            else:
                expected.append(entry)
        self.same([entry for entry, _ in wanted], expected)
        self._see_freed(before, freed)
        self.tasks.update({(group, entry): None for entry in expected})
        self.queue.update((group, entry) for entry in expected)

    def take_over(self, group: str, bridge: str, meanwhile: Callable[[], object], *, own: bool = False, lost: bool = False) -> None:
        """Let a bridge take what nobody has, or at its start what is its own, and dispatch it.

        Args:
            group: of the entries.
            bridge: consumer that stands for it.
            meanwhile: what happens between its look and its taking.
            own: what is its own.
            lost: the answer is lost with which it takes them: they are its own, but it does not know.
        """
        rows = sorted((key, hand) for key, hand in self.model.hands.items() if key[0] == group)
        seen = {key: hand.runs for key, hand in rows if (hand.consumer == bridge if own else hand.aged)}
        queue = _Queue(self, group, meanwhile, "reclaim" if lost else "")
        sweep = Sweep(self.ledger, self.rows[group], bridge, lambda: 0.0)
        found = sweep.own(queue) if own else sweep.take(queue)
        self.losing = ""
        taken = []
        for key, ran in seen.items():
            if not ran and key in self.queue:
                self.model.renew(key, bridge)
            elif row := self.model.reclaim(key, bridge, own=own):
                taken.append((key[1], *row))
        self.same([entry for entry, _ in found], [] if lost else [entry for entry, _, _ in taken])
        for (_, raw), (_, deliveries, death) in zip(found, taken, strict=False):
            buried = deliveries > MAX_DELIVERIES and not own
            self.same(raw.reason if isinstance(raw, PermanentError) else "", _reason(death) if buried else "")
        self.judge(group, found)

    def age(self, keys: Iterable[Key]) -> None:
        """Let it look as if nobody had touched entries for long."""
        for key in keys:
            hand = self.model.hands[key]
            hand.aged = True
            times = {"idle": 2 * LEASE_MS, "retrycount": hand.deliveries}
            self.client.xclaim(STREAM, key[0], hand.consumer, 0, [key[1]], justid=True, **times)

    def delivery(self, key: Key) -> Delivery:
        return Delivery(STREAM, *key, self.model.entry(key[1]).event.frame)

    def _done(self, script: str, real: Callable[[], Outcome], model: Callable[[], bool], *, lost: bool) -> None:
        before, freed = self.model.references(), list[str]()

        def done() -> bool:
            outcome = real()
            freed.extend(outcome.freed)
            return outcome.done

        self.verb(script, done, model, lost=lost)
        if not lost:
            self._see_freed(before, freed)

    def _see_freed(self, before: Counter[str], freed: list[str]) -> None:
        after = self.model.references()
        self.same(sorted(freed), sorted(name for name in before if name not in after))

    def _see_letters(self, rows: list[tuple[bytes, dict[bytes, bytes]]]) -> None:
        known = {row.id for row in self.letters}
        found = [DeadLetter.parse("frames", entry, [text for pair in fields.items() for text in pair]) for entry, fields in rows]
        for row in found:
            if row.id not in known:
                told = Letter(row.group, row.told["entry"], row.reason, row.number("attempts"), row.number("deliveries"), row.replays)
                place = len(self.letters)
                self.letters.append(row)
                self.same(told, self.model.letters[place] if place < len(self.model.letters) else None)
                event = self.model.entry(told.entry).event
                self.same(row.fields, tuple((name.encode(), value.encode()) for name, value in encode(event).items()))
        left = [row.id for place, row in enumerate(self.letters) if place not in self.model.replayed]
        self.same(([row.id for row in found], len(self.letters)), (left, len(self.model.letters)))

    def _see_outputs(self, rows: list[tuple[bytes, dict[bytes, bytes]]]) -> None:
        for entry, fields in rows:
            alert = decode({name.decode(): value.decode() for name, value in fields.items()})
            assert isinstance(alert, AlertEvent)
            self.outputs[alert.rule, alert.cause] += 1
            self.newest_output = entry.decode()
        self.same(self.outputs, self.model.outputs)

    def _evalsha(self, sha: str, *arguments: Any) -> Any:
        answer = type(self.client).evalsha(self.client, sha, *arguments)
        if self.losing and self._names.get(sha) == self.losing:
            self.losing = ""
            raise redis.ConnectionError("the connection broke before the answer came")
        return answer


class _Queue:
    """The queue, and what happens while a bridge looks at it."""

    def __init__(self, site: Site, group: str, meanwhile: Callable[[], object], losing: str) -> None:
        self._site = site
        self._group = group
        self._meanwhile: Callable[[], object] | None = meanwhile
        self._losing = losing

    def queued(self) -> frozenset[str]:
        if self._meanwhile is not None:
            self._meanwhile()
        self._meanwhile, self._site.losing = None, self._losing
        return frozenset(entry for group, entry in self._site.queue if group == self._group)


def _without_time(attempts: str) -> tuple[int, str]:
    count, _, rest = attempts.partition(" ")
    return int(count), rest.partition(" ")[2]


def _reason(death: str) -> str:
    return "time_limit" if death.startswith("time limit") else "poison"
