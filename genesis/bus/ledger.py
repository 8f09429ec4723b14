"""The atomic verbs on the ledger: publish, settle, hold, bury. Each is one script, all or nothing."""

from __future__ import annotations

import contextlib
import os
import threading
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import redis

from genesis.bus.backpressure import Gate, group_backlogs
from genesis.bus.clock import LedgerClock
from genesis.bus.leases import Leases
from genesis.bus.patience import Patience
from genesis.bus.runlog import FIELD
from genesis.connections import UNAVAILABLE, connect, explain, script
from genesis.errors import BackpressureError, ServerRefusesError, ServerUnavailableError
from genesis.events import Event, Keys, encode
from genesis.settings import Settings
from genesis.subscriptions import Registry

PACKAGE = "genesis.bus"
_NO_STATE = ("", "", "")
OUTPUTS = 7  # keys of settle.lua before the outputs' streams
MOST = 50  # settlements in one step: more would hold up the server


@dataclass(frozen=True, slots=True)
class Delivery:
    """One entry in the hands of one group."""

    stream: str
    group: str
    entry: str
    frame: str = ""


@dataclass(frozen=True, slots=True)
class StateWrite:
    """The state of an ordered subscription's key, to be written in the same step as what came of it.

    Attributes:
        hash: key of the hash of states.
        field: whose state it is.
        version: the one that it was read with; a write of a state that has changed since does nothing.
        text: the new state.
    """

    hash: str
    field: str
    version: int
    text: str

    @property
    def value(self) -> str:
        """What is written: the next version and the state."""
        return f"{self.version + 1} {self.text}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a settle, hold or bury did.

    Attributes:
        done: False when the entry was not pending any more, so that nothing was done.
        conflict: nothing was done, since the state has been written by another run.
        freed: keys of the frames that nobody needs any more.
        letter: entry id of the dead letter, after a bury.
    """

    done: bool
    freed: tuple[str, ...] = ()
    letter: str = ""
    conflict: bool = False


@dataclass(frozen=True, slots=True)
class Settlement:
    """Entries of one group that are settled together, and what comes of them; all of it takes effect, or nothing.

    Attributes:
        entries: each with what to count it as: `settled`, `stale`, `filtered`, `late` or `lost`.
        outputs: events, complete with ids.
        busy_ms: milliseconds that the handler ran.
        state: of the handler, to be written with them.
        records: of the runs that this settles (see `genesis.bus.runlog`), to be remembered.
    """

    entries: Sequence[tuple[Delivery, str]]
    outputs: Sequence[Event] = ()
    busy_ms: int = 0
    state: StateWrite | None = None
    records: Sequence[str] = ()


NOTHING = Outcome(done=False)
DONE = Outcome(done=True)
CONFLICT = Outcome(done=False, conflict=True)


class Ledger:
    """The durable Redis. Thread-safe; made anew after a fork.

    Args:
        settings: of this installation.
        registry: the subscriptions, which say how many groups read each stream.
        client: a connection; None makes one from `redis.url`.
        stopped: set when the process is asked to end.
    """

    def __init__(
        self, settings: Settings, registry: Registry, client: redis.Redis | None = None, stopped: threading.Event | None = None
    ) -> None:
        self.settings = settings
        self.registry = registry
        self.keys = Keys(settings.redis.prefix)
        self.client = client or connect(settings.redis.url, timeout=settings.redis.timeout_seconds)
        self.gate = Gate(settings.event_driven.backpressure)
        self._patience = Patience(settings.redis.url, "redis.url", settings.redis.give_up_seconds, stopped or threading.Event())
        self._settle = script(self.client, PACKAGE, "settle")
        self._bury = script(self.client, PACKAGE, "bury")
        self._hold = script(self.client, PACKAGE, "hold")
        self.leases = Leases(self)
        self.clock = LedgerClock(self._time)
        self._publisher = threading.local()

    def publish(self, events: Sequence[Event]) -> None:
        """Publish events in one step, with a reference to each one's frame for every group that will read it.

        Tried again while Redis is away; a number per thread and call makes sure that an answer lost on
        the way does not publish twice, also when the caller gives the same events again after an error.

        Raises:
            BackpressureError: a stream has no room for them; nothing was published.
            ServerUnavailableError: Redis was away for longer than `redis.give_up_seconds`.
        """
        if not events:
            return
        name, number = self._publication(tuple(event.id for event in events))
        stream = self.keys.stream_of(events[0])
        keys = [stream, self.keys.attempts(stream), self.keys.references, self.keys.counts, self._publisher_key(name)]
        publication = Settlement([(Delivery(stream, "", str(number)), "")], events)
        (outcome,) = self._run([*keys, self.keys.counts], "", [publication])
        if isinstance(outcome, BackpressureError):
            raise outcome
        self._publisher.ids = None

    def publish_as(self, name: str, known: int = -1) -> int:
        """Publish, in this thread, under a name that outlives the process; each call of `publish` has a number, from 0.

        A program that was killed in the middle of a call and is started again learns here whether that call took effect.

        Args:
            name: unique among publishers; one process at a time may use it.
            known: number of the last call that the program knows to have taken effect; the server forgets after an hour.

        Returns:
            Number of the last call that took effect; -1 if there was none. The next one has the number after it.

        Raises:
            ServerUnavailableError: Redis was away for longer than `redis.give_up_seconds`.
        """
        found = self.call(lambda: self.client.get(self._publisher_key(name)))
        last = max(known, int(found if found is not None else -1))
        local = self._publisher
        local.pid, local.name, local.number, local.ids = os.getpid(), name, last, None
        return last

    def settle(
        self,
        delivery: Delivery,
        outputs: Sequence[Event] = (),
        *,
        outcome: str = "settled",
        busy_ms: int = 0,
        further: Sequence[tuple[Delivery, str]] = (),
        state: StateWrite | None = None,
        records: Sequence[str] = (),
    ) -> Outcome:
        """Acknowledge an entry, publish what came of it and release its frame, in one step.

        Args:
            delivery: the entry.
            outputs: events, complete with ids.
            outcome: what to count it as: `settled`, `stale`, `filtered` or `late`.
            busy_ms: milliseconds that the handler ran.
            further: entries of the same group that are settled with it, each with its outcome.
            state: of the handler, to be written with them.
            records: of the runs that this settles (see `genesis.bus.runlog`), to be remembered.

        Raises:
            BackpressureError: an output's stream has no room; nothing was done.
            ServerUnavailableError: Redis was away for longer than `redis.give_up_seconds`.
        """
        (done,) = self.settle_all([Settlement(((delivery, outcome), *further), outputs, busy_ms, state, records)])
        if isinstance(done, BackpressureError):
            raise done
        return done

    def settle_all(self, settlements: Sequence[Settlement]) -> list[Outcome | BackpressureError]:
        """Settle entries of one group, each settlement by itself, in as few round trips as can be.

        Args:
            settlements: of one subscription; no more than one of them with a state.

        Returns:
            What became of each; a `BackpressureError` where an output's stream has no room, so that nothing was done.

        Raises:
            MalformedEventError: an output can't be published; nothing was done.
            ServerUnavailableError: Redis was away for longer than `redis.give_up_seconds`; some may have taken effect.
        """
        outcomes: list[Outcome | BackpressureError] = []
        counts = self.keys.counts
        for start in range(0, len(settlements), MOST):
            page = settlements[start : start + MOST]
            first = page[0].entries[0][0]
            states = next((settlement.state.hash for settlement in page if settlement.state), counts)
            keys = [first.stream, self.keys.attempts(first.stream), self.keys.references, counts, counts, states]
            outcomes += self._run(keys, first.group, page)
        return outcomes

    def remember(self, record: str) -> None:
        """Remember a run that settled nothing; where the ledger is away it is forgotten.

        Args:
            record: see `genesis.bus.runlog`.
        """
        keep = self.settings.tracing.keep
        if keep:
            with contextlib.suppress(redis.RedisError):
                self.client.xadd(self.keys.runs, {FIELD: record}, maxlen=keep, approximate=True)

    def hold(self, delivery: Delivery, state: StateWrite) -> Outcome:
        """Hold an entry back until it is its turn; it stays pending.

        Raises:
            ServerUnavailableError: Redis was away for longer than `redis.give_up_seconds`.
        """
        args = [delivery.group, delivery.entry, state.field, str(state.version), state.value]
        answer = self.call(lambda: self._hold(keys=[delivery.stream, state.hash], args=args), gone=b"gone")
        return {b"done": Outcome(done=True), b"conflict": CONFLICT}.get(answer, NOTHING)

    def bury(self, delivery: Delivery, letter: Mapping[str, str]) -> Outcome:
        """Acknowledge an entry and write its dead letter, in one step.

        Args:
            delivery: the entry; its own fields are copied by the server.
            letter: fields to add (see `genesis.bus.deadletters`).

        Raises:
            ServerUnavailableError: Redis was away for longer than `redis.give_up_seconds`.
        """
        stream = delivery.stream
        keys = [stream, self.keys.dead_letters(stream), self.keys.attempts(stream), self.keys.references, self.keys.counts]
        args = [delivery.group, delivery.entry, str(_now_ms()), *(part for pair in letter.items() for part in pair)]
        answer = self.call(lambda: self._bury(keys=keys, args=args), gone=[b"gone"])
        if answer[0] == b"gone":
            return NOTHING
        return Outcome(done=True, letter=answer[1].decode(), freed=_texts(answer[2]))

    def make_sure_of_room(self, event: type[Event]) -> None:
        """Ask whether an event of this type could be published now; a round trip only where its stream may be nearly full.

        Raises:
            BackpressureError: the stream has no room.
            ServerUnavailableError: Redis was away for longer than `redis.give_up_seconds`.
        """
        stream = self.keys.stream_of(event)
        limit = self.gate.limit({stream: 1})
        if limit:
            backlog = max((group.total for group in self.call(lambda: group_backlogs(self.client, stream, limit))), default=0)
            self.gate.saw(stream, backlog)
            if backlog >= limit:
                raise BackpressureError(stream, backlog, limit)

    def count(self, name: str, by: int = 1) -> None:
        """Add to one of the totals."""
        self.call(lambda: self.client.hincrby(self.keys.counts, name, by))

    def uptime(self) -> float:
        """Return the seconds since the server was started."""
        return float(self.call(lambda: self.client.info("server"))["uptime_in_seconds"])

    def create_groups(self) -> list[tuple[str, str]]:
        """Create every stream and group that is missing, at the beginning of its stream; return those created.

        Raises:
            ServerUnavailableError: Redis was away for longer than `redis.give_up_seconds`, or refuses.
        """
        created = []
        for row in self.registry:
            stream = row.stream(self.keys)
            if self.call(lambda stream=stream, group=row.group: create_group(self.client, stream, group)):
                created.append((stream, row.group))
        return created

    def close(self) -> None:
        """Close the connections."""
        self.client.close()

    def _run(self, keys: list[str], group: str, settlements: Sequence[Settlement]) -> list[Outcome | BackpressureError]:
        keys.append(self.keys.runs)
        wanted: dict[str, int] = {}
        body: list[str | int] = []
        for settlement in settlements:
            state = settlement.state
            body += [settlement.busy_ms, len(settlement.entries)]
            body += [part for delivery, told in settlement.entries for part in (delivery.entry, delivery.frame, told)]
            body += [state.field, state.version, state.value] if state else _NO_STATE
            body += [len(settlement.records), *settlement.records, len(settlement.outputs)]
            for output in settlement.outputs:
                stream = self.keys.stream_of(output)
                if stream not in wanted:
                    keys.append(stream)
                wanted[stream] = wanted.get(stream, 0) + 1
                fields = [part for pair in encode(output).items() for part in pair]
                body += [keys.index(stream, OUTPUTS) + 1, output.frame, len(self.registry.groups(output)), len(fields), *fields]
        args = [group, self.gate.limit(wanted), self.settings.tracing.keep, len(settlements), *body]
        answers = self.call(lambda: self._settle(keys=keys, args=args), gone=[[b"gone"]] * len(settlements))
        outcomes = [self._outcome(answer) for answer in answers]
        if any(isinstance(outcome, Outcome) and outcome.done for outcome in outcomes):
            self.gate.published(wanted)
        return outcomes

    def _outcome(self, answer: Any) -> Outcome | BackpressureError:
        if answer[0] == b"full":
            stream, backlog = answer[1].decode(), int(answer[2])
            self.gate.saw(stream, backlog)
            return BackpressureError(stream, backlog, self.settings.event_driven.backpressure.max_pending)
        if answer[0] in {b"gone", b"conflict"}:
            return CONFLICT if answer[0] == b"conflict" else NOTHING
        if not answer[1] and not answer[2]:
            return DONE
        for stream, backlog in zip(answer[1][::2], answer[1][1::2], strict=True):
            if self.gate.saw(stream.decode(), int(backlog)):
                self.count(f"{stream.decode()}|warned")
        return Outcome(done=True, freed=_texts(answer[2]))

    def call(self, action: Any, gone: Any = None, *, patient: bool = True) -> Any:
        """Do something with the client, again and again while Redis is away; it must be something that may be done twice.

        Args:
            action: returns the client's answer.
            gone: what to return where the stream or the group has been removed.
            patient: False tries it once.

        Raises:
            ServerRefusesError: Redis does not let us in, or does not do this.
            ServerUnavailableError: Redis was away for longer than `redis.give_up_seconds`.
        """
        try:
            return self._patience.call(action) if patient else action()
        except UNAVAILABLE as error:
            raise ServerUnavailableError(explain(error, self.settings.redis.url, "redis.url")) from error
        except redis.ResponseError as error:
            if gone is not None and "NOGROUP" in str(error):
                return gone  # the stream was removed: nobody waits for this entry any more
            raise ServerRefusesError(explain(error, self.settings.redis.url, "redis.url")) from error

    def _time(self) -> float:
        seconds, microseconds = self.client.time()
        return float(seconds) + float(microseconds) / 1e6

    def _publisher_key(self, name: str) -> str:
        return f"{self.keys.prefix}:publisher:{name}"

    def _publication(self, ids: tuple[str, ...]) -> tuple[str, int]:
        local = self._publisher
        if getattr(local, "pid", None) != os.getpid():  # a fork's numbers would be taken for repetitions of its parent's
            local.pid, local.name, local.number, local.ids = os.getpid(), uuid.uuid4().hex, 0, None
        if local.ids != ids:
            local.number, local.ids = local.number + 1, ids
        return local.name, local.number


def create_group(client: redis.Redis, stream: str, group: str) -> bool:
    """Create a group at the beginning of a stream, and the stream; return False when it was there."""
    try:
        client.xgroup_create(stream, group, id="0", mkstream=True)
    except redis.ResponseError as error:
        if "BUSYGROUP" in str(error):
            return False
        raise
    return True


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _texts(values: Sequence[bytes]) -> tuple[str, ...]:
    return tuple(value.decode(errors="replace") for value in values)  # whoever published may have written any bytes
