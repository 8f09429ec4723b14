"""Deliveries of an ordered subscription (`keyed_by`): one after the other for each key, with the handler's state.

State, outputs and acknowledgements are one settlement with a version check: of two workers that met in
one key, one finds that the state has changed, reads it again and runs again. An event that comes before
its turn stays pending, in the hands of `held`, and is settled together with the one that it waited for.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NoReturn

import msgspec

from genesis.bus.ledger import Delivery, StateWrite
from genesis.bus.patience import backoff
from genesis.bus.runlog import Report, records_of
from genesis.bus.sequence import Gap, Line, Place, Step, arrive, following, without
from genesis.errors import PermanentError, RetryableError
from genesis.events import Event, decode, encode

if TYPE_CHECKING:
    from genesis.bus.runs import Again, Run

logger = logging.getLogger(__name__)

TRIES = 50  # of one delivery in vain, before it leaves the key to the others for a while
TURN_MS = 2_000  # a settlement is not put off for longer than this by further events whose turn it is
SHARE = 1 / 3  # of its time limit that a task goes on with events that waited, before it leaves them to another one


class _ReadAgain(Exception):  # noqa: N818 - nothing is wrong
    """The state has changed, or is to be looked at once more."""


class _More(Exception):  # noqa: N818 - all is well
    """Something was done, and there may be more to do."""


class _Over(Exception):  # noqa: N818 - nothing is wrong
    """The entry is not pending any more."""


def deliver_in_order(run: Run, event: Event, clock: Callable[[], float] = time.monotonic) -> Again | None:
    """Run an entry, and those that waited for it; or hold it back until it is its turn.

    Args:
        run: of the entry.
        event: the entry's.
        clock: seconds; a task does not go on for longer than a share of its time limit.

    Raises:
        ServerUnavailableError: the ledger was away for longer than `redis.give_up_seconds`, or the frame cache is.
    """
    turn, vain = _Turn(run, event), 0
    until = clock() + (run.row.time_limit or run.process.settings.celery.time_limit_seconds) * SHARE
    while vain < TRIES:
        try:
            return turn.take()
        except _Over:
            return None
        except _More:
            vain = 0
            if turn.settled and clock() > until:
                break
        except _ReadAgain:
            vain += 1
            run.process.pause(backoff(vain, first=0.001, longest=0.1))
    if turn.settled:
        turn.hand_over()
        return None
    return run.later(run.process.settings.delivery.backpressure_delay, RetryableError(f"key {turn.key!r} is written by many at once"))


@dataclass(slots=True)
class _Done:
    """What the handler did with the events whose turn it was."""

    line: Line
    settled: list[tuple[Delivery, str]] = field(default_factory=list)
    reports: list[Report] = field(default_factory=list)
    outputs: list[Event] = field(default_factory=list)
    busy_ms: float = 0
    failed: Place | None = None
    error: Exception | None = None

    @property
    def entries(self) -> set[str]:
        return {delivery.entry for delivery, _ in self.settled}


class _Turn:
    """One delivery's tries to be handled in its turn."""

    def __init__(self, run: Run, event: Event) -> None:
        self.run = run
        self.event = event
        self.key = str(getattr(event, run.row.keyed_by or ""))
        self.ledger = run.process.ledger
        self.states = self.ledger.keys.states(run.delivery.stream, run.delivery.group)
        self.gap = Gap(*run.row.gaps(run.process.settings))
        self.version = 0
        self.settled = False  # the entry itself; there may be more to do for those behind it
        # What the handler made of an event and a state: another event that is held back meanwhile changes neither.
        self._ran: dict[tuple[str, bytes], tuple[list[Event], float, bytes]] = {}

    def take(self) -> Again | None:
        """Do what can be done now.

        Raises:
            _More: that was done; there may be more.
            _ReadAgain: the state has changed meanwhile.
            _Over: the entry was settled by somebody else.
        """
        run, mine = self.run, self.run.delivery.entry
        line, now_ms = self._read()
        place = _place(run.delivery, self.event)
        line, steps = self._now(line, place, now_ms)
        if not steps:
            if not self.settled:
                self._hold(line)
            return None
        found = self._found(steps)
        if gone := [step.place.entry for step in steps if step.place.entry not in found]:
            # Settled, buried or removed by somebody else: nobody waits for them any more.
            self._hold(without(line, gone))
            raise _ReadAgain
        done = self._handle(line, steps, found)
        self._commit(done, line)
        if done.failed is not None and done.error is not None:
            if done.failed.entry == mine:
                return run.unsuccessful(self.event, done.error)
            self.ledger.leases.give_back(run.consumer, [self._sibling(done.failed.entry)])
        self.settled = self.settled or mine in done.entries
        if self.settled and (place is None or not done.line.held):
            return None
        raise _More if done.settled else _ReadAgain

    def _now(self, line: Line, place: Place | None, now_ms: int) -> tuple[Line, Sequence[Step]]:
        """Return the line with this event in its place, and the steps that can be taken.

        Raises:
            _Over: its turn has passed.
        """
        if place is None:
            return line, (Step(Place(self.run.delivery.entry, "", 0, 0.0), line),)
        if self.settled:
            return line, self._without_overtaking(line, following(line, now_ms, self.gap))
        verdict = arrive(line, place, now_ms, self.gap)
        if verdict.kind == "late":
            self._late()
        return verdict.line, self._without_overtaking(verdict.line, verdict.steps)

    def hand_over(self) -> None:
        """Have those whose turn it is now dispatched by a bridge, as a delivery of their own."""
        line, now_ms = self._read()
        for step in following(line, now_ms, self.gap)[:1]:
            self.ledger.leases.give_back(self.run.consumer, [self._sibling(step.place.entry)])

    def _without_overtaking(self, line: Line, steps: Sequence[Step]) -> Sequence[Step]:
        """Return the steps up to the first that would pass over an event which another worker is handling at this moment.

        That one does not fail to come: its handler takes long, while others hold back what follows. It goes on with them itself.
        """
        before = line
        for index, step in enumerate(steps):
            passes_over = step.line.skipped > before.skipped or (before.session and step.line.session != before.session)
            if passes_over and any(_between(before, step.place, other) for other in self._running()):
                return steps[:index]
            before = step.line
        return steps

    def _running(self) -> list[Place]:
        """Return the places of this key's events that other runs are handling now."""
        own = self.run.delivery
        rows = [row for row in self.ledger.leases.running(own.stream, own.group) if row.entry != own.entry]

        def look() -> Any:
            with self.ledger.client.pipeline(transaction=False) as pipe:
                for row in rows:
                    pipe.xrange(own.stream, min=row.entry, max=row.entry)
                return pipe.execute()

        places = []
        for row, entries in zip(rows, self.ledger.call(look) if rows else [], strict=True):
            for _, fields in entries:
                event = _decoded(fields)
                if event is not None and str(getattr(event, self.run.row.keyed_by or "")) == self.key:
                    places.append(_place(self._sibling(row.entry), event))
        return [place for place in places if place is not None]

    def _read(self) -> tuple[Line, int]:
        """Read the key's line, note its version, and return it with the server's time in milliseconds."""

        def both() -> Any:
            with self.ledger.client.pipeline(transaction=False) as pipe:
                pipe.hget(self.states, self.key)
                pipe.time()
                return pipe.execute()

        found, (seconds, micros) = self.ledger.call(both)
        version, _, text = (found or b"0 ").partition(b" ")
        self.version = int(version)
        return Line.parse(text), int(seconds) * 1000 + int(micros) // 1000

    def _found(self, steps: Sequence[Step]) -> dict[str, tuple[Delivery, Event]]:
        """Return the entries and events of those whose turn it is, as far as they are still pending."""
        own = self.run.delivery
        others = [step.place.entry for step in steps if step.place.entry != own.entry]

        def look() -> Any:
            with self.ledger.client.pipeline(transaction=False) as pipe:
                for entry in others:
                    pipe.xpending_range(own.stream, own.group, min=entry, max=entry, count=1)
                    pipe.xrange(own.stream, min=entry, max=entry)
                return pipe.execute()

        answers = self.ledger.call(look) if others else []
        found: dict[str, tuple[Delivery, Event]] = {own.entry: (own, self.event)}
        for entry, pending, entries in zip(others, answers[::2], answers[1::2], strict=True):
            if pending and entries:
                event = decode(_texts(entries[0][1]))
                found[entry] = (self._sibling(entry, event.frame), event)
        return found

    def _handle(self, line: Line, steps: Sequence[Step], found: dict[str, tuple[Delivery, Event]]) -> _Done:
        """Run the handler on each event in turn, until one fails or there are as many outputs as one step may publish."""
        run, done = self.run, _Done(line)
        most = run.process.settings.event_driven.backpressure.max_pending
        text = msgspec.json.encode(line.state)
        for step in steps:
            if done.settled and done.busy_ms > TURN_MS:
                break
            delivery, event = found[step.place.entry]
            try:
                stale = run.stale(event)
                outputs, busy_ms, after = ([], 0, text) if stale else self._outcome(event, delivery, text)
                if len(outputs) > most:
                    msg = f"{run.row.name} returned {len(outputs)} events, more than event_driven.backpressure.max_pending ({most})"
                    raise PermanentError(msg)  # noqa: TRY301 - it is the event's failure like any other
            except Exception as error:  # noqa: BLE001 - a handler may raise anything
                done.failed, done.error = step.place, error
                # It comes again by itself, as a delivery of its own: nobody else is to try it meanwhile.
                done.line = without(done.line, [step.place.entry])
                break
            if done.settled and len(done.outputs) + len(outputs) > most // 2:
                break
            outcome = "stale" if stale else "settled"
            done.settled.append((delivery, outcome))
            done.reports.append(run.report(event, outcome, outputs, busy_ms, delivery))
            done.outputs += outputs
            done.busy_ms += busy_ms
            text = after
            moved = step.line.moved + int(done.busy_ms)  # a server may have been away meanwhile
            done.line = msgspec.structs.replace(step.line, state=msgspec.json.decode(text), moved=moved)
        return done

    def _outcome(self, event: Event, delivery: Delivery, before: bytes) -> tuple[list[Event], float, bytes]:
        """Run the handler, unless this turn has done so with the same state; return its events, milliseconds, and the state after it."""
        known = self._ran.get((delivery.entry, before))
        if known is not None:
            return known
        state: dict[str, Any] = msgspec.json.decode(before)
        outputs, busy_ms = self.run.handle(event, delivery, state)
        for output in outputs:
            encode(output)  # what can't be published is this event's failure, not that of the whole turn
        known = self._ran[delivery.entry, before] = outputs, busy_ms, msgspec.json.encode(state)
        return known

    def _commit(self, done: _Done, before: Line) -> None:
        if not done.settled:
            if done.failed is not None and done.failed.entry != self.run.delivery.entry:
                self._hold(done.line)
            return
        (first, outcome), *further = done.settled
        settled = self.ledger.settle(
            first,
            done.outputs,
            outcome=outcome,
            busy_ms=int(done.busy_ms),
            further=further,
            state=self._write(done.line),
            records=records_of(done.reports, self.ledger.settings.tracing.keep),
        )
        if not settled.done:
            raise _ReadAgain
        for report in done.reports:
            report.tell(self.run.process.spans)
        self.run.process.release(settled.freed)
        if skipped := done.line.skipped - before.skipped:
            row = self.run.row
            self.ledger.count(f"{first.stream}|{first.group}|skipped", skipped)
            logger.warning("%s: passed over %d events of %s %r that did not come", row.name, skipped, row.keyed_by, self.key)

    def _hold(self, line: Line) -> None:
        outcome = self.ledger.hold(self.run.delivery, self._write(line))
        if not outcome.done:
            raise _ReadAgain if outcome.conflict else _Over
        self.run.report(self.event, "held").tell(None)

    def _late(self) -> NoReturn:
        report = self.run.report(self.event, "late")
        records = records_of([report], self.ledger.settings.tracing.keep)
        outcome = self.ledger.settle(self.run.delivery, outcome="late", records=records)
        self.run.process.release(outcome.freed)
        if outcome.done:
            report.tell(self.run.process.spans)
            row = self.run.row
            logger.warning("%s: event %s of %s %r came after its turn was over", row.name, self.event.id, row.keyed_by, self.key)
        raise _Over

    def _write(self, line: Line) -> StateWrite:
        return StateWrite(self.states, self.key, self.version, line.text)

    def _sibling(self, entry: str, frame: str = "") -> Delivery:
        return Delivery(self.run.delivery.stream, self.run.delivery.group, entry, frame)


def _place(delivery: Delivery, event: Event) -> Place | None:
    """Return where an event stands; None where its type has no numbers, so that its turn is when it comes."""
    number, session = getattr(event, "number", None), getattr(event, "session", None)
    if not isinstance(number, int) or not isinstance(session, str):
        return None
    live, last = bool(getattr(event, "live", True)), bool(getattr(event, "last", False))
    return Place(delivery.entry, session, number, event.time.timestamp(), live=live, last=last)


def _between(line: Line, place: Place, other: Place) -> bool:
    """Tell whether an event would come too late once `place` is taken."""
    if other.session == place.session and other.number < place.number:
        return other.session != line.session or other.number > line.number
    return other.session == line.session != place.session and other.number > line.number


def _texts(fields: dict[bytes, bytes]) -> dict[str, str]:
    return {name.decode(): value.decode() for name, value in fields.items()}


def _decoded(fields: dict[bytes, bytes]) -> Event | None:
    """Return an entry's event; None if it is none, which its own run will find out."""
    try:
        return decode(_texts(fields))
    except (PermanentError, UnicodeDecodeError):
        return None
