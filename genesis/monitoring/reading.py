"""Ask the ledger for all that `genesis status` tells, in two round trips, however many streams, groups and cameras there are.

Where a server does not tell a group's lag, or Redis 7 tells it too high (see `lag.lua`), unread entries are counted; those take one
trip more for each thousand.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import redis

from genesis.bus.backpressure import MOST_COUNTED
from genesis.bus.programs import Program, recent
from genesis.events import STREAMS, Keys

PAGE = 1000  # entries that are counted in one trip
_NO_GROUPS = ("no such key", "NOGROUP")


@dataclass(frozen=True, slots=True)
class GroupAnswer:
    """A group as the server tells it; `oldest` is the id of its oldest pending entry."""

    name: str
    pending: int
    lag: int
    oldest: str | None


@dataclass(frozen=True, slots=True)
class StreamAnswer:
    """A stream as the server tells it."""

    exists: bool
    length: int
    dead_letters: int
    groups: tuple[GroupAnswer, ...]


@dataclass(frozen=True, slots=True)
class Answers:
    """What the ledger holds at one moment.

    Attributes:
        counts: totals by their name.
        programs: that gave a sign of life which is not forgotten, by role and name.
        references: frames that somebody waits for.
        streams: by short name.
        cameras: what is known of each, and its newest figures, by name.
    """

    counts: Mapping[str, int]
    programs: tuple[Program, ...]
    references: int
    streams: Mapping[str, StreamAnswer]
    cameras: Mapping[str, tuple[Mapping[str, str], Mapping[str, str]]]


@dataclass(slots=True)
class _Group:
    """A group of which more must be asked."""

    stream: str
    name: str
    pending: int
    told: int | None
    after: str
    lag: int = 0
    oldest: str | None = None

    def answer(self) -> GroupAnswer:
        return GroupAnswer(self.name, self.pending, self.lag, self.oldest)


@dataclass(slots=True)
class _Unread:
    """The ids of a stream's entries after what its slowest group has read; `most` are read where the server has a figure for the rest."""

    after: str
    most: float = MOST_COUNTED
    ids: list[tuple[int, int]] = field(default_factory=list)
    complete: bool = False


def read(client: redis.Redis, keys: Keys, now: float) -> Answers:
    """Ask the ledger.

    The totals are read first: who compares two looks sees in them whatever happened in between.

    Args:
        client: a connection to it.
        keys: of the installation.
        now: seconds since 1970.

    Raises:
        redis.RedisError: it is away, or refuses us.
    """
    with client.pipeline(transaction=False) as pipe:
        pipe.hgetall(keys.counts)
        pipe.hgetall(keys.programs)
        pipe.hlen(keys.references)
        pipe.smembers(keys.cameras)
        for short in STREAMS:
            stream = keys.stream(short)
            pipe.xinfo_groups(stream)
            pipe.exists(stream)
            pipe.xlen(stream)
            pipe.xlen(keys.dead_letters(stream))
        counts, programs, references, cameras, *of_streams = _answered(pipe)
    groups = {short: _groups(short, of_streams[4 * index]) for index, short in enumerate(STREAMS)}
    names = sorted(name.decode() for name in cameras)
    known = _more(client, keys, [group for some in groups.values() for group in some], names)
    streams = {}
    for index, short in enumerate(STREAMS):
        exists, length, dead = of_streams[4 * index + 1 : 4 * index + 4]
        streams[short] = StreamAnswer(bool(exists), int(length), int(dead), tuple(group.answer() for group in groups[short]))
    return Answers({key: int(value) for key, value in _texts(counts).items()}, signs(programs, now), int(references), streams, known)


def signs(answer: Mapping[bytes, bytes], now: float) -> tuple[Program, ...]:
    """Return the programs whose signs of life are not forgotten, by role and name; what is no sign of life is passed over.

    Args:
        answer: the hash of programs.
        now: seconds since 1970.
    """
    return tuple(recent(answer.values(), now))


def _more(
    client: redis.Redis, keys: Keys, groups: Sequence[_Group], cameras: Sequence[str]
) -> dict[str, tuple[dict[str, str], dict[str, str]]]:
    """Complete what is known of groups, and return what is known of cameras."""
    waiting = [group for group in groups if group.pending]
    unread = _unread(groups)
    if not waiting and not unread and not cameras:
        return {}
    with client.pipeline(transaction=False) as pipe:
        for group in waiting:
            pipe.xpending(keys.stream(group.stream), group.name)
        for name in cameras:
            pipe.hgetall(keys.camera(name))
            pipe.hgetall(keys.figures(name))
        for short, run in unread.items():
            pipe.xrange(keys.stream(short), min=f"({run.after}", count=PAGE)
        answers = _answered(pipe)
    for group, summary in zip(waiting, answers, strict=False):
        group.oldest = _text(summary["min"]) if summary and summary["min"] else None
    of_cameras = [_texts(answer) for answer in answers[len(waiting) : len(waiting) + 2 * len(cameras)]]
    for run, page in zip(unread.values(), answers[len(waiting) + 2 * len(cameras) :], strict=True):
        _note(run, page)
    _count_on(client, keys, unread)
    for group in groups:
        if group.told != 0:
            group.lag = _lag(group, unread[group.stream])
    return dict(zip(cameras, zip(of_cameras[::2], of_cameras[1::2], strict=True), strict=True))


def _unread(groups: Sequence[_Group]) -> dict[str, _Unread]:
    """Return, for each stream of which entries must be counted, after which one: groups of a stream share what is read."""
    found: dict[str, _Unread] = {}
    for group in groups:
        if group.told == 0:
            continue
        run = found.setdefault(group.stream, _Unread(group.after))
        run.after = min(run.after, group.after, key=_order)
        if group.told is None:
            run.most = math.inf
    return found


def _count_on(client: redis.Redis, keys: Keys, unread: Mapping[str, _Unread]) -> None:
    while more := {short: run for short, run in unread.items() if not run.complete}:
        with client.pipeline(transaction=False) as pipe:
            for short, run in more.items():
                pipe.xrange(keys.stream(short), min=f"({'-'.join(map(str, run.ids[-1]))}", count=PAGE)
            for run, page in zip(more.values(), _answered(pipe), strict=True):
                _note(run, page)


def _note(run: _Unread, page: Sequence[tuple[bytes, Any]] | None) -> None:
    run.ids += [_order(_text(entry)) for entry, _ in page or ()]
    run.complete = len(page or ()) < PAGE or len(run.ids) >= run.most


def _lag(group: _Group, run: _Unread) -> int:
    if group.told is not None and len(run.ids) >= MOST_COUNTED:
        return group.told  # so many are not worth counting
    first = _order(group.after)
    return sum(entry > first for entry in run.ids)


def _groups(short: str, answer: Any) -> list[_Group]:
    groups = []
    for row in answer or ():
        told = row.get("lag")
        after = _text(row["last-delivered-id"])
        groups.append(_Group(short, _text(row["name"]), int(row["pending"]), None if told is None else int(told), after))
    return groups


def _answered(pipe: Any) -> list[Any]:
    """Send what is in a pipeline; a stream or group that is not there is answered with None."""
    answers = pipe.execute(raise_on_error=False)
    for answer in answers:
        if isinstance(answer, Exception) and not any(words in str(answer) for words in _NO_GROUPS):
            raise answer
    return [None if isinstance(answer, Exception) else answer for answer in answers]


def _order(entry: str) -> tuple[int, int]:
    milliseconds, _, number = entry.partition("-")
    return int(milliseconds), int(number or 0)


def _texts(answer: Mapping[bytes, bytes]) -> dict[str, str]:
    return {_text(name): _text(value) for name, value in answer.items()}


def _text(value: bytes | str) -> str:
    return value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else value
