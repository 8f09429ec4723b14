"""Take what is known of a person out of the ledger: wait for what is under way, remove entries, and see that their bytes go.

Nothing is removed that some group has not settled. Removing an entry takes settled ones beside it along, whoever they are about
(see `scrub.lua`): they were only kept for looking at.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from genesis.bus.deadletters import DeadLetter
from genesis.bus.graveyard import Graveyard
from genesis.bus.ledger import PACKAGE, Ledger
from genesis.bus.persistence import block_limits
from genesis.bus.selection import Selection
from genesis.bus.sequence import Line
from genesis.bus.trimming import Trimmer
from genesis.connections import script
from genesis.events import STREAMS

Meant = Callable[[Mapping[bytes, bytes]], bool]
"""Tells by an entry's fields whether it is to go."""
Change = Callable[[dict[str, Any]], dict[str, Any] | None]
"""Returns what is to stand in place of a handler's state; None: it may stay as it is."""

PAGE = 200  # entries read at once
POLL_SECONDS = 0.2
MOST_COUNTED = 10_000  # unsettled entries
MOST_LETTERS, MOST_LETTER_BYTES = 5000, 20_000_000  # of a stream of dead letters that is written anew

_NONE = "0-0"
# What an entry that waits brings about comes into a stream that is looked at later: sessions bring zones about, and zones alerts.
_LAST = ("zones", "alerts")
_IN_ORDER = (*(stream for stream in STREAMS if stream not in _LAST), *_LAST)


@dataclass(slots=True)
class Scrubbed:
    """What was removed, and what could not be.

    Attributes:
        entries: that were meant.
        beside: settled entries that went with them.
        letters: dead letters that were meant.
        left: unsettled entries that were meant and are still there, by stream.
        lingering: streams whose deleted entries are no longer to be had, but may be found in the server's files yet.
    """

    entries: int = 0
    beside: int = 0
    letters: int = 0
    left: dict[str, int] = field(default_factory=dict)
    lingering: list[str] = field(default_factory=list)


class Scrubber:
    """Works on one ledger.

    Args:
        ledger: where the streams are.
        stopped: set when the command is asked to end.
        clock: monotonic seconds.
    """

    def __init__(self, ledger: Ledger, stopped: threading.Event | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._ledger = ledger
        self._stopped = stopped or threading.Event()
        self._clock = clock
        self._trimmer = Trimmer(ledger)
        self._remove = script(ledger.client, PACKAGE, "scrub")
        self._swap = script(ledger.client, PACKAGE, "swap")
        self._compact = script(ledger.client, PACKAGE, "compact")

    def wait_until_settled(
        self,
        streams: Sequence[str],
        until: float,
        *,
        harmless: Callable[[Sequence[str]], bool] = lambda _frames: False,
        waits: Callable[[str, int], None] = lambda _stream, _left: None,
    ) -> dict[str, int]:
        """Wait until all that is published is settled by every group, and so is what comes of it.

        Args:
            streams: short names, in the order in which events pass them.
            until: by the clock; one look is taken in any case.
            harmless: told the frames that a stream's unsettled entries point to; True if those entries need not be waited for.
            waits: told the stream that is waited for, and how many entries of it are not settled.

        Returns:
            The number of entries that are not settled, by stream; empty if all are.

        Raises:
            ServerUnavailableError: Redis was away for longer than `redis.give_up_seconds`, or refuses.
        """
        left: dict[str, int] = {}
        for stream in streams:
            # Asked for only now: what the stream before brought about is in it.
            newest = self._newest(stream)
            while unsettled := self._unsettled(stream, newest):
                frames = [frame for frame in unsettled if frame]
                if len(frames) == len(unsettled) < MOST_COUNTED and harmless(frames):
                    break
                if self._clock() >= until or self._stopped.is_set():
                    left[stream] = len(unsettled)
                    break
                waits(stream, len(unsettled))
                self._stopped.wait(POLL_SECONDS)
        return left

    def remove(self, meant: Meant, until: float) -> Scrubbed:
        """Remove the entries and dead letters that are meant, from all streams.

        Args:
            meant: tells which.
            until: how long to wait, by the clock, for what is not settled yet.

        Raises:
            ServerUnavailableError: Redis was away for longer than `redis.give_up_seconds`, or refuses.
        """
        scrubbed = Scrubbed()
        for short in _IN_ORDER:
            found = [entry for entry, fields in self._entries(short) if meant(fields)]
            if found:
                self._remove_entries(short, found, until, scrubbed)
        self._remove_letters(meant, scrubbed)
        return scrubbed

    def rewrite_states(self, short: str, group: str, change: Change) -> int:
        """Change what an ordered subscription has kept, for each key; return for how many it was changed.

        A worker that is about to write a state meanwhile finds that it has changed, and runs again.

        Args:
            short: the stream's short name.
            group: of the subscription.
            change: what to make of each state; may be asked again about a newer one.

        Raises:
            ServerUnavailableError: Redis was away for longer than `redis.give_up_seconds`, or refuses.
        """
        states = self._ledger.keys.states(self._ledger.keys.stream(short), group)
        fields: Any = self._ledger.call(lambda: self._ledger.client.hkeys(states))
        return sum(self._ledger.call(lambda field=field: self._rewritten(states, field, change)) for field in fields)

    def _rewritten(self, states: str, field: bytes, change: Change) -> bool:
        client: Any = self._ledger.client  # its hget() carries the types of another mode
        while (found := client.hget(states, field)) is not None:
            version, _, text = found.partition(b" ")
            line = Line.parse(text)
            after = change(line.state)
            if after is None:
                return False
            now = f"{int(version) + 1} {msgspec.structs.replace(line, state=after).text}"
            if self._swap(keys=[states], args=[field, found, now]):
                return True
        return False

    def _newest(self, short: str) -> str:
        """Return the id of the newest entry."""
        client, stream = self._ledger.client, self._ledger.keys.stream(short)
        newest: Any = self._ledger.call(lambda: client.xrevrange(stream, count=1))
        return newest[0][0].decode() if newest else _NONE

    def _unsettled(self, short: str, newest: str) -> list[str]:
        """Return the frames (or '') of the entries up to one that are not settled, at most `MOST_COUNTED`."""
        start = self._ledger.call(lambda: self._trimmer.step(short, 2**53)).unsettled
        if start is None or (start != "-" and _order(start) > _order(newest)) or newest == _NONE:
            return []
        frames: list[str] = []
        for _, fields in self._entries(short, start, newest):
            frames.append(fields.get(b"framekey", b"").decode(errors="replace"))
            if len(frames) >= MOST_COUNTED:
                break
        return frames

    def _entries(self, short: str, start: str = "-", end: str = "+") -> Iterator[tuple[str, dict[bytes, bytes]]]:
        client, stream = self._ledger.client, self._ledger.keys.stream(short)
        while True:
            page: Any = self._ledger.call(lambda start=start: client.xrange(stream, min=start, max=end, count=PAGE))
            for entry, fields in page:
                yield entry.decode(), fields or {}
            if len(page) < PAGE:
                return
            start = f"({page[-1][0].decode()}"

    def _remove_entries(self, short: str, entries: Sequence[str], until: float, scrubbed: Scrubbed) -> None:
        stream = self._ledger.keys.stream(short)
        limits = block_limits(self._ledger)
        groups = [row.group for row in self._ledger.registry if short == row.event.STREAM]
        waiting, alone = list(entries), False
        while waiting:
            held = []
            for entry in waiting:
                args = [entry, *((0, 0) if alone else limits), *groups]
                answer: Any = self._ledger.call(lambda args=args: self._remove(keys=[stream], args=args))
                if answer[0] == b"unsettled":
                    held.append(entry)
                else:
                    scrubbed.entries += 1
                    # One that is gone was meant itself, and went beside another: it was counted there.
                    scrubbed.beside += int(answer[1]) if answer[0] == b"done" else -1
                    if alone and stream not in scrubbed.lingering:
                        scrubbed.lingering.append(stream)
            waiting = held
            if alone:
                break
            alone = bool(waiting) and (self._clock() >= until or self._stopped.wait(POLL_SECONDS))
        if waiting:
            scrubbed.left[short] = len(waiting)
        scrubbed.beside = max(0, scrubbed.beside)

    def _remove_letters(self, meant: Meant, scrubbed: Scrubbed) -> None:
        graveyard = Graveyard(self._ledger.settings, self._ledger.client)
        dropped: dict[str, int] = {}
        for letter in list(self._letters(graveyard, meant)):
            if graveyard.drop(letter):
                dropped[letter.stream] = dropped.get(letter.stream, 0) + 1
        for short in dropped:
            key = self._ledger.keys.dead_letters(self._ledger.keys.stream(short))
            if not self._ledger.call(lambda key=key: self._compact(keys=[key], args=[MOST_LETTERS, MOST_LETTER_BYTES])):
                scrubbed.lingering.append(key)
        scrubbed.letters = sum(dropped.values())

    @staticmethod
    def _letters(graveyard: Graveyard, meant: Meant) -> Iterator[DeadLetter]:
        for letter in graveyard.select(Selection()):
            if meant({**dict(letter.fields), **{name.encode(): text.encode() for name, text in letter.told.items()}}):
                yield letter


def _order(entry: str) -> tuple[int, int]:
    milliseconds, _, number = entry.partition("-")
    return int(milliseconds), int(number or 0)
