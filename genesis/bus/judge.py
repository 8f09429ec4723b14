"""What a bridge can answer by itself: an entry that is no event is buried, one that nobody here wants is settled."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeAlias

from genesis.bus.burials import Burials
from genesis.bus.deadletters import letter, message
from genesis.bus.dispatch import Entry
from genesis.bus.leases import tell_lost
from genesis.bus.ledger import Delivery, Ledger
from genesis.bus.runlog import Report, records_of
from genesis.errors import MalformedEventError, OversizedEventError, PermanentError
from genesis.events import Event, decode
from genesis.logs import bound
from genesis.subscriptions import Subscription

RawFields: TypeAlias = dict[bytes, bytes] | None
REPLAY_GROUP = b"replaygroup"  # the field of a replayed entry that names the one group that it is for


class Judge:
    """Judges the entries of one subscription.

    Args:
        ledger: where they are settled or buried.
        row: the subscription.
        release: called with the frames that nobody needs any more.
        burials: what was buried.
    """

    def __init__(self, ledger: Ledger, row: Subscription, release: Callable[[Iterable[str]], None], burials: Burials) -> None:
        self._ledger = ledger
        self._row = row
        self._release = release
        self._burials = burials
        self._stream = row.stream(ledger.keys)
        self._group = row.group.encode()

    def judge(self, batch: Sequence[tuple[str, RawFields | PermanentError]]) -> list[Entry]:
        """Return the entries that a worker must see, readable; the others are settled or buried.

        Args:
            batch: entry ids, each with its fields, or with why it is to be buried unread.
        """
        return [entry for entry_id, raw in batch if (entry := self._one(entry_id, raw)) is not None]

    def _one(self, entry: str, raw: RawFields | PermanentError) -> Entry | None:
        delivery, event = Delivery(self._stream, self._row.group, entry), None
        if not raw:
            tell_lost(self._stream, self._row.group, entry)
            self._ledger.settle(delivery, outcome="lost")
            return None
        try:
            if isinstance(raw, PermanentError):
                raise raw
            if raw.get(REPLAY_GROUP, self._group) != self._group:
                self._ledger.settle(delivery, outcome="filtered")  # its one reference is the other group's
                return None
            fields = self._readable(raw)
            event = decode(fields)
            if not isinstance(event, self._row.event):
                msg = f"a {type(event).__name__} in {self._stream}, which carries {self._row.event.__name__} alone"
                raise MalformedEventError(msg)
            if self._row.when is not None and not self._wanted(event):
                delivery = Delivery(self._stream, self._row.group, entry, event.frame)
                self._release(self._ledger.settle(delivery, outcome="filtered", records=self._records(event, delivery)).freed)
                return None
        except PermanentError as error:
            outcome = self._ledger.bury(delivery, letter(delivery, error.reason, _untraced(error)))
            if outcome.done:
                with bound(event=event.id if event else None, camera=event.camera if event else None):
                    self._burials.told(delivery, error.reason, error)
            self._release(outcome.freed)
            return None
        return entry, fields

    def _records(self, event: Event, delivery: Delivery) -> list[str]:
        report = Report(event, delivery, "filtered", task=self._row.task)
        return records_of([report], self._ledger.settings.tracing.keep)

    def _readable(self, raw: dict[bytes, bytes]) -> dict[str, str]:
        size, limit = sum(len(name) + len(value) for name, value in raw.items()), self._ledger.settings.delivery.max_event_bytes
        if size > limit:
            msg = f"the entry has {size} bytes, allowed are {limit} (delivery.max_event_bytes)"
            raise OversizedEventError(msg)
        try:
            return {name.decode(): value.decode() for name, value in raw.items()}
        except UnicodeDecodeError as error:
            msg = f"the entry is not UTF-8 text: {error}"
            raise MalformedEventError(msg[:500]) from error

    def _wanted(self, event: Event) -> bool:
        """Ask the subscription's filter; where it fails, the event is buried."""
        assert self._row.when is not None  # noqa: S101 - for the type checker
        try:
            return bool(self._row.when(event))
        except Exception as error:
            msg = f"the filter of {self._row.name} failed: {type(error).__name__}: {message(error)}"
            raise PermanentError(msg) from error


def _untraced(error: PermanentError) -> PermanentError:
    """Return the error; without its traceback if the entry is at fault: where our own code saw it tells nothing, and is slow to tell."""
    if type(error) is not PermanentError:  # that one is the filter's
        error.__cause__ = None
        error = error.with_traceback(None)
    return error
