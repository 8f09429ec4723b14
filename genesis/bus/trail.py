"""One event's way: what came of it, through which groups and runs, read from what the ledger still has.

The runs are remembered (`genesis.bus.runlog`), the events lie in their streams until the janitor trims them, what waits is in the
pending lists, what failed is among the dead letters. Nothing is written here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import redis

from genesis.bus.consumers import HELD, WAITING, ran
from genesis.bus.runlog import RunRecord, parse, trace_of
from genesis.connections import connect, explain
from genesis.errors import GenesisError, NoSuchEventError, ServerUnavailableError, UsageError
from genesis.events import STREAMS, Event, Keys, decode
from genesis.settings import Settings
from genesis.subscriptions import Registry

PAGE = 1000
SCANNED = 5_000  # newest entries of each stream that are looked through for an event without a run
LEAST_PREFIX = 6  # characters of an id that may stand for all of it
FINAL = frozenset({"settled", "stale", "late", "filtered", "buried"})
_MOMENT_MS = 5  # a run's record and its outputs are written in one step; its milliseconds may differ by the script's own time


class Handling(msgspec.Struct, frozen=True):
    """What one group did with an event.

    Attributes:
        group: its name.
        queue: of its tasks; empty if no subscription has this group.
        task: name of the Celery task, likewise.
        state: settled, stale, late, filtered, buried; pending, waiting, queued, held: not done yet; unread; forgotten: done, but the
            ledger does not remember how.
        runs: oldest first.
        detail: for what is not done: in whose hands it is. For what is buried: its dead letter.
        causes: events that came of it.
    """

    group: str
    queue: str
    task: str
    state: str
    runs: tuple[RunRecord, ...]
    detail: str
    causes: tuple[Step, ...]


class Step(msgspec.Struct, frozen=True):
    """One event of the way.

    Attributes:
        stream: short name.
        id: of the event.
        entry: in its stream; empty if that is not known any more.
        published: seconds since 1970; None likewise.
        event: None once it was trimmed from its stream.
        handlings: by group.
    """

    stream: str
    id: str
    entry: str
    published: float | None
    event: Event | None
    handlings: tuple[Handling, ...]


class Trail(msgspec.Struct, frozen=True):
    """An event and what came of it.

    Attributes:
        trace: id of the trace that all of them share.
        above: the events that it came from, the first one first, each as `STREAM/ID`.
        step: the event.
    """

    trace: str
    above: tuple[str, ...]
    step: Step


class Tracker:
    """Finds events and follows them.

    Args:
        settings: of this installation.
        registry: the subscriptions.
        client: a connection to the ledger; None makes one.
    """

    def __init__(self, settings: Settings, registry: Registry, client: redis.Redis | None = None) -> None:
        self._settings = settings
        self._registry = registry
        self._keys = Keys(settings.redis.prefix)
        self._client = client or connect(settings.redis.url, timeout=settings.redis.timeout_seconds)
        self._runs: dict[str, list[RunRecord]] = {}
        self._causes: dict[str, tuple[RunRecord, str]] = {}

    def follow(self, name: str, *, from_root: bool = False) -> Trail:
        """Return what came of an event.

        Args:
            name: the event's id, the first characters of it, its entry (`frames/1764052345123-0`), or the id of a trace.
            from_root: begin with the first event of its trace.

        Raises:
            NoSuchEventError: the ledger does not know it (any more).
            UsageError: the first characters of several ids.
            ServerUnavailableError: the ledger is away.
        """
        try:
            self._read_runs()
            event = self._named(name)
            above = self._above(event)
            if from_root and above:
                event, above = above[0].partition("/")[2], []
            step = self._step(event)
            return Trail(self._trace(event, step), tuple(above), step)
        except redis.RedisError as error:
            raise ServerUnavailableError(explain(error, self._settings.redis.url, "redis.url")) from error

    def _read_runs(self) -> None:
        newest = "+"
        found: list[tuple[str, RunRecord]] = []
        while True:
            page: Any = self._client.xrevrange(self._keys.runs, max=newest, count=PAGE)
            found += [(entry.decode(), record) for entry, fields in page if (record := parse(fields)) is not None]
            if len(page) < PAGE:
                break
            newest = f"({page[-1][0].decode()}"
        for at, record in reversed(found):
            self._runs.setdefault(record.event, []).append(record)
            for output in record.outputs:
                self._causes[output.partition("/")[2]] = record, at

    def _named(self, name: str) -> str:
        """Return the id of the event that a person names."""
        stream, _, entry = name.rpartition("/")
        if stream:
            return self._of_entry(stream.removeprefix(f"{self._keys.prefix}:"), entry)
        known = self._runs.keys() | self._causes.keys()
        if name in known:
            return name
        if len(name) >= LEAST_PREFIX:
            begun = sorted(event for event in known if event.startswith(name))
            if len(begun) > 1:
                msg = f"{len(begun)} events' ids begin with {name!r}: give more of it ({', '.join(begun[:3])} ...)"
                raise UsageError(msg)
            if begun:
                return begun[0]
        for records in self._runs.values():
            if records[0].trace == name and records[0].event not in self._causes:
                return records[0].event
        return self._scanned(name)

    def _of_entry(self, stream: str, entry: str) -> str:
        if stream not in STREAMS:
            msg = f"no stream {stream[:60]!r} (streams: {', '.join(STREAMS)})"
            raise UsageError(msg)
        for records in self._runs.values():
            if records[0].stream == stream and records[0].entry == entry:
                return records[0].event
        try:
            page: Any = self._client.xrange(self._keys.stream(stream), entry, entry)
        except redis.ResponseError as error:
            msg = f"{entry[:60]!r} is no entry's id: expected MILLISECONDS-NUMBER"
            raise UsageError(msg) from error
        if not page:
            raise NoSuchEventError(_absent(f"{stream}/{entry}"))
        return str(page[0][1].get(b"id", b"").decode("utf-8", "replace"))

    def _scanned(self, name: str) -> str:
        """Look for an event that no run tells of: it may have been published just now, or wait for long."""
        if len(name) < LEAST_PREFIX:
            raise NoSuchEventError(_absent(name))
        for short in STREAMS:
            page: Any = self._client.xrevrange(self._keys.stream(short), count=SCANNED)
            for _, fields in page:
                event = fields.get(b"id", b"").decode("utf-8", "replace")
                if event.startswith(name) or trace_of(fields.get(b"traceparent", b"").decode("utf-8", "replace")) == name:
                    return str(event)
        raise NoSuchEventError(_absent(name))

    def _above(self, event: str) -> list[str]:
        above: list[str] = []
        while (cause := self._causes.get(event)) is not None and len(above) < PAGE:
            event = cause[0].event
            above.insert(0, f"{cause[0].stream}/{event}")
        return above

    def _trace(self, event: str, step: Step) -> str:
        if step.event is not None:
            return trace_of(step.event.traceparent)
        runs = self._runs.get(event) or []
        return runs[0].trace if runs else self._causes[event][0].trace if event in self._causes else ""

    def _step(self, event: str) -> Step:
        stream, entry = self._place(event)
        found = self._entry(stream, entry) if entry else None
        rows = {row.group: row for row in self._registry if stream == row.event.STREAM}
        records = self._runs.get(event, [])
        groups = [*rows, *dict.fromkeys(record.group for record in records if record.group not in rows)]
        handlings = []
        for group in groups:
            runs = tuple(record for record in records if record.group == group)
            state, detail = self._state(stream, entry, group, runs)
            causes = tuple(self._step(output.partition("/")[2]) for run in runs for output in run.outputs)
            row = rows.get(group)
            handlings.append(Handling(group, row.queue if row else "", row.task if row else "", state, runs, detail, causes))
        published = int(entry.partition("-")[0]) / 1000 if entry else None
        return Step(stream, event, entry, published, found, tuple(handlings))

    def _place(self, event: str) -> tuple[str, str]:
        """Return the stream of an event and its entry there; the entry is empty if it is not known any more."""
        if records := self._runs.get(event):
            return records[0].stream, records[0].entry
        if event in self._causes:
            record, at = self._causes[event]
            stream = next(output.partition("/")[0] for output in record.outputs if output.endswith(f"/{event}"))
            moment = int(at.partition("-")[0])
            page: Any = self._client.xrange(self._keys.stream(stream), moment - _MOMENT_MS, moment + _MOMENT_MS, count=PAGE)
            return stream, next((entry.decode() for entry, fields in page if fields.get(b"id") == event.encode()), "")
        for short in STREAMS:
            newest: Any = self._client.xrevrange(self._keys.stream(short), count=SCANNED)
            for entry, fields in newest:
                if fields.get(b"id") == event.encode():
                    return short, entry.decode()
        raise NoSuchEventError(_absent(event))

    def _entry(self, stream: str, entry: str) -> Event | None:
        page: Any = self._client.xrange(self._keys.stream(stream), entry, entry)
        try:
            return decode({name.decode(): value.decode() for name, value in page[0][1].items()}) if page else None
        except (GenesisError, UnicodeDecodeError):
            return None

    def _state(self, stream: str, entry: str, group: str, runs: Sequence[RunRecord]) -> tuple[str, str]:
        key = self._keys.stream(stream)
        over = next((run for run in reversed(runs) if run.outcome in FINAL), None)
        if over is not None and over.outcome != "buried":
            return over.outcome, ""
        if letter := self._letter(key, entry, group):
            return "buried", f"{stream}/{letter}"
        if over is not None:
            return over.outcome, ""
        if not entry:
            return "forgotten", ""
        return self._unsettled(key, entry, group)

    def _unsettled(self, key: str, entry: str, group: str) -> tuple[str, str]:
        try:
            pending: Any = self._client.xpending_range(key, group, min=entry, max=entry, count=1)
            groups: Any = self._client.xinfo_groups(key)
        except redis.ResponseError:
            return "forgotten", ""
        if pending:
            consumer, given = pending[0]["consumer"].decode("utf-8", "replace"), pending[0]["times_delivered"]
            idle = pending[0]["time_since_delivered"] / 1000
            return _waits(consumer), f"{consumer}, touched {idle:.1f} s ago, given {given} time{'' if given == 1 else 's'}"
        last = next((row["last-delivered-id"].decode() for row in groups if row["name"] == group.encode()), "")
        if last and _order(entry) > _order(last):
            return "unread", "no bridge has taken it yet"
        return "forgotten", ""

    def _letter(self, key: str, entry: str, group: str) -> str:
        """Return the id of the dead letter of an entry; empty if there is none."""
        if not entry:
            return ""
        after = entry.partition("-")[0]
        while True:
            page: Any = self._client.xrange(self._keys.dead_letters(key), after, "+", count=PAGE)
            for letter, fields in page:
                if fields.get(b"dlq-entry") == entry.encode() and fields.get(b"dlq-group") == group.encode():
                    return str(letter.decode())
            if len(page) < PAGE:
                return ""
            after = f"({page[-1][0].decode()}"


def _waits(consumer: str) -> str:
    if ran(consumer):
        return "pending"
    return {WAITING: "waiting", HELD: "held"}.get(consumer, "queued")


def _order(entry: str) -> tuple[int, int]:
    milliseconds, _, number = entry.partition("-")
    return int(milliseconds), int(number or 0)


def _absent(name: str) -> str:
    return (
        f"no event {name[:80]!r} on the ledger (any more): give an event's id, an entry such as frames/1764052345123-0, or a trace's id; "
        "it remembers the newest tracing.keep runs and redis.retention entries of each stream"
    )
