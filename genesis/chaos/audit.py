"""Judge what was seen: what is lost, what was done twice, what was buried without a cause, what leaks. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from genesis.chaos.evidence import Books, Evidence
from genesis.chaos.mixed import FLAKY, Mixed
from genesis.chaos.pipeline import COUNT, TOLD_EVERY, camera_of, counted, event_id, told_id
from genesis.chaos.progress import NEVER, Numbered, Progress

Sort = Literal["lost", "doubled", "buried", "order", "leak", "books"]
ENDS = ("settled", "filtered", "stale", "late", "buried")
"""What an entry can be counted as when a group is done with it."""

_LOST_FRAME = "stale_frame"  # the volatile server was lost, and the picture with it


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that must not be.

    Attributes:
        sort: lost, doubled, buried (without a cause, or not buried with one), order, leak, or books that do not agree.
        what: in words.
        at: when it happened, as near as it can be told, in seconds of the monotonic clock.
    """

    sort: Sort
    what: str
    at: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """All of it."""

    numbered: Sequence[Numbered]
    findings: Sequence[Finding]

    def of(self, sort: Sort) -> list[Finding]:
        """Return the findings of one sort."""
        return [finding for finding in self.findings if finding.sort == sort]


def judge(seen: Evidence, books: Books, acknowledged: Sequence[int], cameras: int, mixed: Sequence[Mixed]) -> Verdict:
    """Judge a run that is over.

    Args:
        seen: all that was seen.
        books: what the ledger says of itself.
        acknowledged: places of the events whose publication was acknowledged (`publisher.event_at`).
        cameras: that published in turn.
        mixed: what was put in beside.
    """
    progress = Progress()
    progress.feed(seen)
    findings = list(_numbered(progress.numbered))
    stream = Counter(entry.event for entry in seen.entries if entry.stream == "persons")
    for place in acknowledged:
        event = event_id(*camera_of(place, cameras))
        if not stream[event]:
            findings.append(Finding("lost", f"{event} was acknowledged, and is not in its stream", 0.0))
    findings += _stages(seen)
    findings += _ordered(seen, books)
    findings += _letters(seen, mixed)
    findings += _mixed(seen, mixed)
    findings += _books(seen, books)
    findings += _leftovers(books)
    return Verdict(progress.numbered, findings)


def _numbered(numbered: Sequence[Numbered]) -> Iterator[Finding]:
    """Find numbers without a line, and with more than one effect."""
    for each in numbered:
        if each.done == NEVER:
            yield Finding("lost", f"{each.event} has no line and no dead letter", each.published)
        if len(each.keys) > 1:
            yield Finding("doubled", f"{each.event} took effect {len(each.keys)} times: {', '.join(sorted(each.keys))}", each.lines[-1][1])


def _stages(seen: Evidence) -> Iterator[Finding]:
    """Find events that are in a stream more than once."""
    first: set[tuple[str, str]] = set()
    for entry in seen.entries:
        if entry.mark:
            continue
        if (entry.stream, entry.event) in first:
            yield Finding("doubled", f"{entry.event} is in {entry.stream} more than once ({entry.entry})", entry.at)
        first.add((entry.stream, entry.event))


def _ordered(seen: Evidence, books: Books) -> Iterator[Finding]:
    """Find events that an ordered group has missed, or had twice, or out of order."""
    numbers: dict[str, list[int]] = defaultdict(list)
    for event in {entry.event for entry in seen.entries if entry.stream == "persons" and not entry.mark}:
        _, camera, text = event.split("-")
        numbers[camera].append(int(text))
    told = {entry.event for entry in seen.entries if entry.stream == "metrics"}
    for camera, found in sorted(numbers.items()):
        count, chain = 0, 0
        for number in sorted(found):
            count, chain = counted(count, chain, number)
            if count % TOLD_EVERY == 0 and told_id(event_id(camera, number)) not in told:
                yield Finding("lost", f"{COUNT} has not told that it has counted {count} events of {camera}", NEVER)
        if books.states.get(camera) != (count, chain):
            yield Finding(
                "order", f"{COUNT} has counted {books.states.get(camera)} of {camera}, and in order it is {(count, chain)}", NEVER
            )
    for outcome in ("skipped", "late"):
        if times := books.counts.get(f"persons|{COUNT}|{outcome}", 0):
            yield Finding("order", f"{COUNT} counts {times} events as {outcome}", NEVER)


def _letters(seen: Evidence, mixed: Sequence[Mixed]) -> Iterator[Finding]:
    """Find dead letters that should not be."""
    fates: Mapping[str, Mapping[str, frozenset[str]]] = {each.mark: each.fate for each in mixed}
    first: set[tuple[str, str, str]] = set()
    for letter in seen.letters:
        delivery = (letter.stream, letter.group, letter.entry)
        told = f"{letter.event or letter.mark} of {letter.stream} for {letter.group}"
        if delivery in first:
            yield Finding("doubled", f"{told} has two dead letters", letter.at)
        first.add(delivery)
        allowed = fates.get(letter.mark, {}).get(letter.group, frozenset()) if letter.mark else {_LOST_FRAME}
        if letter.reason not in allowed:
            yield Finding("buried", f"{told} was buried as {letter.reason} ({letter.entry})", letter.at)


def _mixed(seen: Evidence, mixed: Sequence[Mixed]) -> Iterator[Finding]:
    """Find what was put in, and has not come to its end."""
    buried = {(letter.mark, letter.group) for letter in seen.letters}
    effects = Counter((line.camera, line.number) for line in {(line.camera, line.number, line.key): line for line in seen.lines}.values())
    there = {entry.mark: entry.at for entry in seen.entries if entry.mark}
    for each in mixed:
        if each.mark not in there:
            yield Finding("lost", f"{each.mark} was put into {each.stream}, and is not there", 0.0)
            continue
        for group in each.fate:
            if (each.mark, group) not in buried:
                yield Finding("buried", f"{each.mark} of {each.stream} is not among the dead letters of {group}", there[each.mark])
        times = effects[FLAKY, each.effect] if each.effect else 1
        if times != 1:
            yield Finding("lost" if not times else "doubled", f"{each.mark} took effect {times} times", there[each.mark])


def _books(seen: Evidence, books: Books) -> Iterator[Finding]:
    """Find totals that do not add up, and entries that nobody has done."""
    for (stream, group), pending in sorted(books.pending.items()):
        ended = {end: books.counts.get(f"{stream}|{group}|{end}", 0) for end in ENDS}
        entries, letters = seen.count(stream), sum(1 for each in seen.letters if (each.stream, each.group) == (stream, group))
        told = ", ".join(f"{count} {end}" for end, count in ended.items() if count)
        if pending or books.unread[stream, group]:
            yield Finding("lost", f"{pending} entries of {stream} are pending in {group} and {books.unread[stream, group]} unread", NEVER)
        if sum(ended.values()) != entries:
            yield Finding("books", f"{stream} had {entries} entries, and {group} counts {told}", NEVER)
        if ended["buried"] != letters:
            yield Finding(
                "books", f"{group} counts {ended['buried']} entries of {stream} as buried, and {letters} dead letters are there", NEVER
            )
        if lost := books.counts.get(f"{stream}|{group}|lost", 0):
            yield Finding("lost", f"{group} found {lost} entries of {stream} deleted", NEVER)


def _leftovers(books: Books) -> Iterator[Finding]:
    """Find what nobody needs any more, and is still there."""
    for stream, count in books.attempts.items():
        if count:
            yield Finding("leak", f"{count} attempts of {stream} are still noted", NEVER)
    for what in ("references", "attempts"):
        if count := books.counts.get(f"janitor|{what}", 0):
            yield Finding("leak", f"{count} {what} were left over, and swept up by the janitor", NEVER)
    if books.references:
        yield Finding("leak", f"{books.references} frames are still referenced", NEVER)
    if books.frames:
        yield Finding("leak", f"{books.frames} frames are still in the cache", NEVER)
