"""How far a stream is settled, and removing what lies behind that."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from genesis.bus.ledger import PACKAGE, Ledger
from genesis.connections import script
from genesis.events import STREAMS

AT_ONCE = 200  # entries removed in one step: more would hold up the server
_ALL = 2**53  # entries to keep, where nothing is to be removed


@dataclass(frozen=True, slots=True)
class Trimmed:
    """What one step did, and how far the stream is settled.

    Attributes:
        removed: number of entries.
        more: there is more to remove.
        unsettled: where the entries begin that some group may not have settled, as XRANGE takes it: an id, or
            `-` when a group is missing, which is then to see everything; None when nobody reads the stream.
        missing: groups of subscriptions that are not there; the stream is not trimmed meanwhile.
    """

    removed: int = 0
    more: bool = False
    unsettled: str | None = None
    missing: frozenset[str] = frozenset()


class Trimmer:
    """Trims streams in steps; each asks the groups themselves, so any number of callers may do so at once."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._trim = script(ledger.client, PACKAGE, "trim")

    def step(self, short: str, keep: int) -> Trimmed:
        """Remove some of the oldest entries of a stream, if every group has settled them and they are not among the newest.

        Args:
            short: the stream's short name.
            keep: the newest entries, which stay.
        """
        stream = self._ledger.keys.stream(short)
        groups = [row.group for row in self._ledger.registry if short == row.event.STREAM]
        answer: Any = self._trim(keys=[stream], args=[keep, AT_ONCE, *groups])
        if answer[0] == b"missing":
            return Trimmed(unsettled="-", missing=frozenset(group.decode() for group in answer[1:]))
        if answer[0] == b"unread":
            return Trimmed()
        return Trimmed(answer[0], bool(answer[1]), answer[2].decode())

    def unsettled(self) -> dict[str, str]:
        """Return, for every stream that is read, where its unsettled entries begin (see `Trimmed`)."""
        starts = {self._ledger.keys.stream(short): self.step(short, _ALL).unsettled for short in STREAMS}
        return {stream: start for stream, start in starts.items() if start is not None}
