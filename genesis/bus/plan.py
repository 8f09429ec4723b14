"""What a replay or a drop of dead letters will do, counted before it is done.

The letters are gone through twice: once to count them, once to do it. The second time takes none that was not there the
first time: an entry that fails again at once comes back as a newer letter, and would be replayed without end.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from genesis.bus.deadletters import DeadLetter
from genesis.bus.graveyard import Graveyard
from genesis.bus.selection import Selection
from genesis.cache import FrameCache
from genesis.errors import GenesisError

FRAMES_AT_ONCE = 500

Place = tuple[str, str]
"""Short name of a stream, and a group."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The letters of a replay or drop.

    Attributes:
        letters: how many there are to be replayed or dropped, by stream and group.
        groupless: further ones that can't be replayed, since their group no longer exists.
        incomplete: further ones that can't be replayed, since they do not hold the whole entry.
        frames_gone: letters whose frame is not in the frame cache; 0 where nobody could be asked.
        again: goes through the letters once more.
    """

    letters: Mapping[Place, int]
    groupless: Mapping[Place, int]
    incomplete: Mapping[Place, int]
    frames_gone: int
    again: Callable[[], Iterator[DeadLetter]]

    @property
    def total(self) -> int:
        """Letters to be replayed or dropped."""
        return sum(self.letters.values())

    @property
    def left(self) -> int:
        """Letters that were meant and can't be replayed."""
        return sum(self.groupless.values()) + sum(self.incomplete.values())


def plan_selected(
    graveyard: Graveyard, selection: Selection, limit: int | None, cache: FrameCache | None, seen: Callable[[int], None] = lambda _: None
) -> Plan:
    """Count the letters of a selection.

    Args:
        graveyard: where they are.
        selection: which are meant.
        limit: take no more than this many, the oldest first.
        cache: to look for their frames in, for a replay; None for a drop.
        seen: called with the number of letters found so far.
    """
    last: dict[str, str] = {}

    def noted() -> Iterator[DeadLetter]:
        for number, letter in enumerate(islice(graveyard.select(selection), limit), start=1):
            last[letter.stream] = letter.id
            seen(number)
            yield letter

    plan = _plan(graveyard, noted(), cache, again=lambda: iter(()))
    there = replace(selection, streams=tuple(stream for stream in selection.streams if stream in last), until=last)
    return replace(plan, again=lambda: graveyard.select(there))


def plan_named(graveyard: Graveyard, letters: Sequence[DeadLetter], cache: FrameCache | None) -> Plan:
    """Count letters that were named one by one.

    Args:
        graveyard: where they are.
        letters: which are meant; one that is named twice counts once.
        cache: as in `plan_selected`.
    """
    distinct = {letter.name: letter for letter in letters}.values()
    return _plan(graveyard, distinct, cache, again=lambda: iter(distinct))


def _plan(graveyard: Graveyard, letters: Iterable[DeadLetter], cache: FrameCache | None, again: Callable[[], Iterator[DeadLetter]]) -> Plan:
    known: dict[str, frozenset[str]] = {}
    counted, groupless, incomplete = Counter[Place](), Counter[Place](), Counter[Place]()
    frames = _Frames(cache)
    for letter in letters:
        if cache is not None and letter.stream not in known:
            known[letter.stream] = graveyard.groups(letter.stream)
        if cache is None or (letter.whole and letter.group in known[letter.stream]):
            kind = counted
            if letter.frame:
                frames.look_for(letter.frame)
        else:
            kind = groupless if letter.whole else incomplete
        kind[letter.stream, letter.group] += 1
    return Plan(counted, groupless, incomplete, frames.gone(), again)


class _Frames:
    """Counts frames that are no longer in the cache; when its server is away, none."""

    def __init__(self, cache: FrameCache | None) -> None:
        self._cache = cache
        self._waiting: list[str] = []
        self._gone = 0

    def look_for(self, frame: str) -> None:
        """Look for a frame, now or later."""
        self._waiting.append(frame)
        if len(self._waiting) >= FRAMES_AT_ONCE:
            self._look()

    def gone(self) -> int:
        """Return how many of the frames were not there."""
        self._look()
        return self._gone

    def _look(self) -> None:
        waiting, self._waiting = self._waiting, []
        if self._cache is None:
            return
        try:
            self._gone += len(waiting) - self._cache.has(*waiting)
        except GenesisError:
            self._cache, self._gone = None, 0
