"""The dead letters of an installation: select, look at, replay and drop them.

They are read in pages, so that any number of them can be gone through. A replay or drop is one script: two operators at
once, or an answer that is lost on its way, never do it twice.
"""

from __future__ import annotations

import heapq
import re
import threading
from collections.abc import Callable, Iterator
from operator import attrgetter
from typing import Any, Literal

import redis

from genesis.bus.deadletters import DeadLetter
from genesis.bus.patience import Patience
from genesis.bus.selection import Selection, short_name
from genesis.connections import connect, explain, script
from genesis.errors import BackpressureError, NoSuchLetterError, ServerRefusesError, UsageError
from genesis.events import STREAMS, Keys
from genesis.settings import Settings

PACKAGE = "genesis.bus"
FIRST_PAGE, LONGEST_PAGE = 16, 512  # letters
PAGE_BYTES = 2_000_000  # what a page may take: letters are a few kB each, or an oversized event
_ENTRY = re.compile(r"\d{1,20}-\d{1,20}")
_BIGGEST = 2**64

Fate = Literal["replayed", "gone", "no group", "incomplete"]
"""What came of a replay; all but the first did nothing.

gone: it was replayed before, or dropped. no group: the group that failed no longer exists. incomplete: the letter does
not hold the whole entry, which was deleted before it was buried, or had too many fields.
"""


class Graveyard:
    """The dead letters on the ledger.

    Until the server has answered once, it is not waited for; from then on it is, for `redis.give_up_seconds`.

    Args:
        settings: of this installation.
        client: a connection; None makes one from `redis.url`.
        stopped: set when the command is asked to end.
    """

    def __init__(self, settings: Settings, client: redis.Redis | None = None, stopped: threading.Event | None = None) -> None:
        self.keys = Keys(settings.redis.prefix)
        self._settings = settings.redis
        self._client = client or connect(settings.redis.url, timeout=settings.redis.timeout_seconds)
        # redis-py makes a dictionary of an entry, and loses fields whose name comes twice.
        self._raw = redis.Redis(connection_pool=self._client.connection_pool)
        for command in ("XRANGE", "XREVRANGE"):
            self._raw.set_response_callback(command, _as_it_is)
        self._patience = Patience(settings.redis.url, "redis.url", 0.0, stopped or threading.Event())
        self._replay = script(self._client, PACKAGE, "replay")
        self._drop = script(self._client, PACKAGE, "drop")
        backpressure = settings.event_driven.backpressure
        # What is new goes first: a replay leaves it the room above the threshold.
        self._limit = backpressure.block_threshold if backpressure.enabled else 0

    def now(self) -> int:
        """Return the server's time in milliseconds since 1970."""
        seconds, microseconds = self._call(self._client.time)
        return int(seconds) * 1000 + int(microseconds) // 1000

    def lengths(self) -> dict[str, int]:
        """Return the number of dead letters by stream (short names)."""

        def ask() -> list[Any]:
            with self._client.pipeline(transaction=False) as pipe:
                for short in STREAMS:
                    pipe.xlen(self._key(short))
                return list(pipe.execute())

        return dict(zip(STREAMS, self._call(ask), strict=True))

    def groups(self, stream: str) -> frozenset[str]:
        """Return the groups that a stream has now."""
        try:
            found = self._call(lambda: self._client.xinfo_groups(self.keys.stream(stream)))
        except ServerRefusesError as error:
            if "no such key" in str(error):
                return frozenset()
            raise
        return frozenset(group["name"].decode("utf-8", "backslashreplace") for group in found)

    def select(self, selection: Selection, *, newest_first: bool = False) -> Iterator[DeadLetter]:
        """Yield the letters that are meant, in the order of their burial; those that are buried meanwhile may be among them."""
        streams = [self._letters(stream, selection, newest_first=newest_first) for stream in selection.streams]
        return heapq.merge(*streams, key=attrgetter("order"), reverse=newest_first)

    def check_groups(self, selection: Selection) -> None:
        """Make sure that the groups of a selection are no typing mistakes.

        Raises:
            UsageError: a group is neither one of the streams' nor one that a dead letter names.
        """
        known: set[str] = set().union(*(self.groups(stream) for stream in selection.streams))
        if all(group in known for group in selection.groups):
            return
        known.update(letter.group for letter in self.select(Selection(selection.streams)))
        for group in selection.groups:
            if group not in known:
                msg = f"no group {group!r} (groups: {', '.join(sorted(known)) or 'none'})"
                raise UsageError(msg)

    def get(self, stream: str, letter_id: str) -> DeadLetter | None:
        """Return one letter, or None if it is not there.

        Args:
            stream: short name.
            letter_id: as Redis writes it.
        """
        page = self._page("XRANGE", self._key(stream), letter_id, letter_id, 1)
        return DeadLetter.parse(stream, *page[0]) if page else None

    def find(self, name: str) -> DeadLetter:
        """Return the letter that a person names: `zones/1764052345123-0`, or without the stream where that is enough.

        Raises:
            UsageError: that can't be a letter's name, or two streams have one of that id.
            NoSuchLetterError: there is none.
        """
        stream, _, letter_id = name.rpartition("/")
        if not _ENTRY.fullmatch(letter_id) or any(int(part) >= _BIGGEST for part in letter_id.split("-")):
            msg = f"{name[:100]!r} is no dead letter's id: expected STREAM/MILLISECONDS-NUMBER, as `genesis dlq list` shows it"
            raise UsageError(msg)
        streams = (short_name(self.keys, stream),) if stream else STREAMS
        found = [letter for short in streams if (letter := self.get(short, letter_id)) is not None]
        if len(found) > 1:
            msg = f"{len(found)} streams have a dead letter {letter_id}: say {' or '.join(letter.name for letter in found)}"
            raise UsageError(msg)
        if not found:
            msg = f"no dead letter {name} (any more); `genesis dlq list` shows those that are there"
            raise NoSuchLetterError(msg)
        return found[0]

    def replay(self, letter: DeadLetter) -> Fate:
        """Put a letter's entry back into its stream, for the group that failed and no other, and remove the letter.

        Raises:
            BackpressureError: the stream has no room; nothing was done.
            ServerUnavailableError: Redis was away for longer than `redis.give_up_seconds`, or refuses.
        """
        if not letter.whole:
            return "incomplete"
        stream = self.keys.stream(letter.stream)
        keys = [self._key(letter.stream), stream, self.keys.references, self.keys.counts]
        args: list[str | int] = [letter.id, letter.group, len(letter.fields), letter.frame, letter.replays + 1, self._limit]
        answer = self._call(lambda: self._replay(keys=keys, args=args))
        if answer[0] == b"full":
            raise BackpressureError(stream, int(answer[1]), self._limit)
        fates: dict[bytes, Fate] = {b"done": "replayed", b"gone": "gone"}
        return fates.get(answer[0], "no group")

    def drop(self, letter: DeadLetter) -> bool:
        """Remove a letter for good; return False if it was not there any more.

        Raises:
            ServerUnavailableError: Redis was away for longer than `redis.give_up_seconds`, or refuses.
        """
        keys = [self._key(letter.stream), self.keys.counts]
        args = [letter.id, f"{self.keys.stream(letter.stream)}|{letter.group}|discarded"]
        return bool(self._call(lambda: self._drop(keys=keys, args=args)))

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _letters(self, stream: str, selection: Selection, *, newest_first: bool) -> Iterator[DeadLetter]:
        key, oldest, newest, count = self._key(stream), str(selection.since), selection.until.get(stream, "+"), FIRST_PAGE
        while True:
            page = self._page("XREVRANGE", key, newest, oldest, count) if newest_first else self._page("XRANGE", key, oldest, newest, count)
            for letter_id, strings in page:
                letter = DeadLetter.parse(stream, letter_id, strings)
                if selection.matches(letter):
                    yield letter
            if len(page) < count:
                return
            after = f"({page[-1][0].decode()}"
            oldest, newest = (oldest, after) if newest_first else (after, newest)
            size = sum(len(string) for _, strings in page for string in strings)
            count = max(1, min(LONGEST_PAGE, 2 * count, count * PAGE_BYTES // max(1, size)))

    def _page(self, command: str, key: str, start: str, end: str, count: int) -> list[tuple[bytes, list[bytes]]]:
        raw: Any = self._raw
        answer = self._call(lambda: raw.execute_command(command, key, start, end, "COUNT", count))
        return [(letter_id, strings) for letter_id, strings in answer]

    def _key(self, stream: str) -> str:
        return self.keys.dead_letters(self.keys.stream(stream))

    def _call(self, action: Callable[[], Any]) -> Any:
        try:
            answer = self._patience.call(action)
        except redis.RedisError as error:
            raise ServerRefusesError(explain(error, self._settings.url, "redis.url")) from error
        self._patience.seconds = self._settings.give_up_seconds
        return answer


def _as_it_is(answer: Any, **_: Any) -> Any:
    return answer
