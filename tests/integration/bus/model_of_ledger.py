"""What a ledger with one stream should hold, in a few dictionaries; it knows nothing of Redis."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from genesis.events import FrameCaptured

STREAM = "genesis:frames"
GROUPS = ("frame-workers", "detection-workers")
WAITING = "waiting"
MAX_RETRIES, MAX_DELIVERIES, RETENTION, BUSY_MS = 1, 2, 2, 3

Key = tuple[str, str]  # group and entry


@dataclass(frozen=True)
class Entry:
    """An entry of the stream; `only` is the group that it was replayed for."""

    id: str
    event: FrameCaptured
    only: str = ""
    replays: int = 0


@dataclass
class Hand:
    """What is known of a pending entry."""

    consumer: str
    deliveries: int = 1
    aged: bool = False
    failures: int = 0
    death: str = ""

    @property
    def runs(self) -> bool:
        return self.consumer.startswith("worker-")

    @property
    def bridged(self) -> bool:
        return self.consumer.startswith("bridge-")


@dataclass(frozen=True)
class Letter:
    """What a dead letter says."""

    group: str
    entry: str
    reason: str
    attempts: int
    deliveries: int
    replays: int


@dataclass
class Model:
    """The entries, in whose hands each is, and what came of those that are done."""

    entries: list[Entry] = field(default_factory=list)
    trimmed: int = 0
    read: dict[str, int] = field(default_factory=lambda: dict.fromkeys(GROUPS, 0))
    hands: dict[Key, Hand] = field(default_factory=dict)
    outputs: Counter[Key] = field(default_factory=Counter)  # by group and event
    dropped: Counter[Key] = field(default_factory=Counter)  # likewise: settled without an output
    letters: list[Letter] = field(default_factory=list)  # all there ever were
    replayed: set[int] = field(default_factory=set)  # places of those that are gone
    counts: Counter[str] = field(default_factory=Counter)

    def entry(self, entry_id: str) -> Entry:
        return next(entry for entry in self.entries if entry.id == entry_id)

    def references(self) -> Counter[str]:
        """Count, for each frame, the deliveries that are not done."""
        found: Counter[str] = Counter()
        for place, entry in enumerate(self.entries):
            for group in GROUPS:
                if entry.only in {"", group} and (place >= self.read[group] or (group, entry.id) in self.hands):
                    found[entry.event.frame] += 1
        return found

    def take(self, bridge: str, group: str, count: int) -> list[str]:
        """Let a bridge read new entries."""
        taken = [entry.id for entry in self.entries[self.read[group] :][:count]]
        self.read[group] += len(taken)
        self.hands.update({(group, entry): Hand(bridge) for entry in taken})
        return taken

    def begin(self, key: Key, me: str, *, again: bool) -> bool:
        hand = self.hands.get(key)
        if hand is None or (hand.runs and not hand.aged and not (again and hand.consumer == me)):
            return False
        hand.consumer, hand.aged = me, False
        return True

    def fail(self, key: Key, me: str) -> int:
        hand = self.hands.get(key)
        if hand is None or hand.consumer not in {me, WAITING}:
            return 0
        if hand.consumer == me:
            hand.failures += 1
            hand.consumer, hand.aged = WAITING, False
            self.counts[f"{key[0]}|retried"] += hand.failures <= MAX_RETRIES
        return hand.failures

    def wait(self, key: Key, me: str) -> bool:
        hand = self.hands.get(key)
        if hand is None or hand.consumer != me:
            return False
        hand.consumer, hand.aged = WAITING, False
        return True

    def renew(self, key: Key, me: str) -> bool:
        hand = self.hands.get(key)
        if hand is None or (hand.runs and hand.consumer != me):
            return False
        hand.aged = False
        return True

    def give_back(self, key: Key, me: str) -> bool:
        if not self.renew(key, me):
            return False
        self.hands[key].consumer, self.hands[key].aged = WAITING, True
        return True

    def note(self, key: Key, me: str) -> bool:
        hand = self.hands.get(key)
        if hand is None or not hand.bridged:
            return False
        hand.consumer, hand.aged = me, False
        return True

    def died(self, key: Key, me: str, how: str, *, unasked: bool = False) -> bool:
        hand = self.hands.get(key)
        if hand is None or not (hand.consumer == me or (unasked and hand.bridged)):
            return False
        hand.consumer, hand.aged, hand.death = me, True, how
        return True

    def settle(self, key: Key, outcome: str) -> bool:
        if self.hands.pop(key, None) is None:
            return False
        self.counts[f"{key[0]}|{outcome}"] += 1
        if outcome != "filtered":
            self.counts[f"{key[0]}|busy_ms"] += BUSY_MS * (outcome == "settled")
            done = self.outputs if outcome == "settled" else self.dropped
            done[key[0], self.entry(key[1]).event.id] += 1
        return True

    def bury(self, key: Key, reason: str) -> bool:
        hand, entry = self.hands.pop(key, None), self.entry(key[1])
        if hand is None:
            return False
        self.counts[f"{key[0]}|buried"] += 1
        self.letters.append(Letter(*key, reason, hand.failures, hand.deliveries, entry.replays))
        return True

    def replay(self, place: int, entry_id: str) -> None:
        """Let the letter at a place become a new entry of that id."""
        letter = self.letters[place]
        self.replayed.add(place)
        self.entries.append(Entry(entry_id, self.entry(letter.entry).event, letter.group, letter.replays + 1))
        self.counts[f"{letter.group}|replayed"] += 1

    def reclaim(self, key: Key, bridge: str, *, own: bool = False) -> tuple[int, str] | None:
        """Let a bridge take what nobody has (or what it has itself); return how often it was delivered, and how its worker died."""
        hand = self.hands.get(key)
        if hand is None or (hand.consumer != bridge if own else not hand.aged):
            return None
        ran, hand.consumer, hand.aged = hand.runs, bridge, False
        hand.deliveries += ran
        return hand.deliveries, hand.death if ran else ""

    def trim(self) -> int:
        """Remove what all groups have settled, but for the newest; return how many."""
        oldest = [min([self.read[group], *(self._place(key[1]) for key in self.hands if key[0] == group)]) for group in GROUPS]
        removed = max(0, min(*oldest, len(self.entries) - RETENTION) - self.trimmed)
        self.trimmed += removed
        self.counts["janitor|trimmed"] += removed
        return removed

    def _place(self, entry_id: str) -> int:
        return next(place for place, entry in enumerate(self.entries) if entry.id == entry_id)
