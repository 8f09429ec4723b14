"""Write the same warning once in a while, and say how many more there were: nothing that was counted is lost without a word.

The same is what has the same logger, level, template, camera, group, and kind of exception, and the same words but for those with
digits in them: another number or id makes no other warning, another server or reason does. Of one template no more than a few
different ones are told in a period; the rest is counted together.
"""

from __future__ import annotations

import logging
import re
import time
from collections import Counter, OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from genesis.logs.context import raw_fields
from genesis.logs.entry import Draft, Entry, entry_of, rendered, text_of

MOST = 1000
"""Different warnings that are remembered; with more of them the oldest are told, and begin anew."""
VARIANTS = 5
"""Different ones of the same template that are told in one period."""
EACH = {"each": True}
"""`extra=EACH`: a line that is meant for somebody, and written whatever was written before."""

_LOOKED_AT = 300  # characters of a message that are compared
_DIGIT = re.compile(r"\d")
_Kind = tuple[str, int, str, str, str, str]
_Key = tuple[_Kind, str]


@dataclass(slots=True)
class _Period:
    began: float
    ends: float
    count: int = 0
    last: Draft | None = None
    last_at: float = 0.0


class Repeats:
    """What was said lately. Not thread-safe: a handler calls it under its lock.

    Args:
        seconds: of a period; 0: everything is written.
        clock: monotonic seconds.
    """

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.seconds = seconds
        self._clock = clock
        self._periods: OrderedDict[_Key, _Period] = OrderedDict()  # by their end
        self._variants: Counter[_Kind] = Counter()

    def told(self, record: logging.LogRecord) -> list[Entry]:
        """Return what is to be written now: what was counted and is due, and the record itself, unless it is only counted."""
        if not self.seconds:
            return [entry_of(record)]
        now = self._clock()
        mine = entry_of(record) if record.levelno < logging.WARNING or hasattr(record, "each") else self._mine(record, now)
        told = self._due(now) if self._periods else []
        if mine is not None:
            told.append(mine)
        return told

    def rest(self) -> list[Entry]:
        """Return all that was counted and not told, and forget it."""
        told = [_summed(period) for period in self._periods.values()]
        self.forget()
        return [entry for entry in told if entry is not None]

    def forget(self) -> None:
        """Begin anew, as a child process does: what was counted is its parent's to tell."""
        self._periods.clear()
        self._variants.clear()

    def _mine(self, record: logging.LogRecord, now: float) -> Entry | None:
        message = rendered(record)
        key = self._key(record, message)
        period = self._periods.get(key)
        if period is not None and now < period.ends:
            period.count += 1
            period.last, period.last_at = Draft(record, message), now
            return None
        entry = entry_of(record)
        if period is not None:
            self._end(key)
            entry = msgspec.structs.replace(entry, more=period.count, span=now - period.began)
        self._begin(key, now)
        return entry

    def _key(self, record: logging.LogRecord, message: str) -> _Key:
        given = record.__dict__
        error = record.exc_info[0] if record.exc_info else None
        bound = raw_fields()
        words = " ".join([word for word in message[:_LOOKED_AT].split() if word.isalpha() or not _DIGIT.search(word)])
        kind = (
            record.name,
            record.levelno,
            # Where the message was put together before it was logged, its words are the template.
            record.msg[:_LOOKED_AT] if record.args and type(record.msg) is str else words,
            text_of(given.get("camera") or bound.get("camera")),
            text_of(bound.get("group")),
            error.__name__ if error is not None else "",
        )
        key = (kind, words)
        if key not in self._periods and self._variants[kind] >= VARIANTS:
            return (kind, "")
        return key

    def _begin(self, key: _Key, now: float) -> None:
        self._periods[key] = _Period(now, now + self.seconds)
        self._variants[key[0]] += 1

    def _end(self, key: _Key) -> None:
        del self._periods[key]
        kind = key[0]
        self._variants[kind] -= 1
        if not self._variants[kind]:
            del self._variants[kind]

    def _due(self, now: float) -> list[Entry]:
        told = []
        while self._periods:
            key, period = next(iter(self._periods.items()))
            full = len(self._periods) > MOST
            if now < period.ends and not full:
                break
            self._end(key)
            entry = _summed(period)
            if entry is not None:
                told.append(entry)
                if not full:
                    self._begin(key, now)  # so that one that goes on and on is told once in a period
        return told


def _summed(period: _Period) -> Entry | None:
    """Return the last one that was counted, with the number of the others."""
    if period.last is None:
        return None
    return period.last.entry(more=period.count - 1, span=period.last_at - period.began)
