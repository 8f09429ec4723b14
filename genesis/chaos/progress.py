"""What has become of each numbered event so far."""

from __future__ import annotations

from dataclasses import dataclass, field

from genesis.chaos.evidence import Effect, Entry, Evidence, Letter
from genesis.chaos.pipeline import event_id, stage_ids

NEVER = float("inf")


@dataclass(slots=True)
class Numbered:
    """What became of one numbered event; times in seconds of the monotonic clock.

    Attributes:
        event: its id.
        published: when, as its stream tells.
        done: when its line was written, or one of its stages was buried; infinity for not yet.
        lines: delivery key and time of every line that it has.
    """

    event: str
    published: float = NEVER
    done: float = NEVER
    lines: list[tuple[str, float]] = field(default_factory=list)

    @property
    def keys(self) -> set[str]:
        """The deliveries that wrote its lines: one."""
        return {key for key, _ in self.lines}

    @property
    def repeats(self) -> list[float]:
        """When a delivery wrote its line again, having been interrupted before it could be settled."""
        seen: set[str] = set()
        again = []
        for key, at in self.lines:
            if key in seen:
                again.append(at)
            seen.add(key)
        return again


class Progress:
    """Follows all numbered events; fed with what was seen, in any order of sorts and in time's order within one."""

    def __init__(self) -> None:
        self._events: dict[str, Numbered] = {}
        self._open: dict[str, Numbered] = {}
        self._stage_of: dict[tuple[str, str, str], str] = {}
        self._buried: dict[tuple[str, str, str], float] = {}
        self._fed = (0, 0, 0)

    def feed(self, seen: Evidence) -> None:
        """Take in what is new since the last time."""
        entries, letters, lines = self._fed
        for entry in seen.entries[entries:]:
            self._entry(entry)
        for letter in seen.letters[letters:]:
            self._letter(letter)
        for line in seen.lines[lines:]:
            self._line(line)
        self._fed = (len(seen.entries), len(seen.letters), len(seen.lines))

    @property
    def numbered(self) -> list[Numbered]:
        """All events that are in their stream."""
        return [each for each in self._events.values() if each.published != NEVER]

    def waiting(self, before: float, after: float = -NEVER) -> int:
        """Return how many of the events that were published before a time, and after another, are not done."""
        return sum(after < each.published <= before for each in self._open.values())

    def last_done(self, before: float) -> float:
        """Return when the last of the events that were published before a time was done, as far as they are."""
        times = (each.done for each in self._events.values() if each.published <= before and each.done != NEVER)
        return max(times, default=before)

    def _entry(self, entry: Entry) -> None:
        if entry.stream != "persons" or entry.mark:
            return
        known = self._known(entry.event)
        known.published = min(known.published, entry.at)
        for stage in stage_ids(entry.event):
            self._stage_of[stage] = entry.event
            if stage in self._buried:
                known.done = min(known.done, self._buried[stage])
        if known.done == NEVER:
            self._open[entry.event] = known

    def _letter(self, letter: Letter) -> None:
        stage = (letter.stream, letter.group, letter.event)
        self._buried[stage] = letter.at
        if stage in self._stage_of:
            self._done(self._events[self._stage_of[stage]], letter.at)

    def _line(self, line: Effect) -> None:
        if not line.number.isdigit() or line.camera.isalpha():
            return  # of an event that was put in
        known = self._known(event_id(line.camera, int(line.number)))
        known.lines.append((line.key, line.at))
        self._done(known, line.at)

    def _known(self, event: str) -> Numbered:
        return self._events.setdefault(event, Numbered(event))

    def _done(self, known: Numbered, at: float) -> None:
        known.done = min(known.done, at)
        self._open.pop(known.event, None)
