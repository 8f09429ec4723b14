"""Which dead letters are meant: by stream, group, error, reason and age."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from fnmatch import fnmatchcase
from typing import get_args

from genesis.bus.deadletters import DeadLetter, Reason
from genesis.errors import UsageError
from genesis.events import STREAMS, Keys

REASONS: tuple[str, ...] = get_args(Reason)
_AGO = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)\s*([smhdw])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


@dataclass(frozen=True, slots=True)
class Selection:
    """A choice of dead letters; what is empty chooses all.

    Attributes:
        streams: short names.
        groups: the groups that failed.
        errors: patterns (`*`, `?`) for the error's type, with or without its module, or for `Type: message`.
        reasons: some of `Reason`.
        since: milliseconds since 1970; letters of that time and later.
        until: the id of the newest letter to take, by stream; a stream that is not named has no such end.
    """

    streams: tuple[str, ...] = STREAMS
    groups: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    since: int = 0
    until: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        keys: Keys,
        now: int,
        *,
        streams: Sequence[str] = (),
        groups: Sequence[str] = (),
        errors: Sequence[str] = (),
        reasons: Sequence[str] = (),
        since: str | None = None,
    ) -> Selection:
        """Make a selection of what a person has typed.

        Args:
            keys: of this installation.
            now: the server's time, in milliseconds since 1970.
            streams: names, short or full.
            groups: names.
            errors: patterns.
            reasons: some of `Reason`.
            since: `10m`, `2h`, `3d`, or an ISO time (without a zone: this machine's).

        Raises:
            UsageError: a stream or reason that there is not, or a time that can't be read.
        """
        for reason in reasons:
            if reason not in REASONS:
                msg = f"no reason {reason!r} (reasons: {', '.join(REASONS)})"
                raise UsageError(msg)
        return cls(
            streams=tuple(dict.fromkeys(short_name(keys, stream) for stream in streams)) or STREAMS,
            groups=tuple(groups),
            errors=tuple(pattern.lower() for pattern in errors),
            reasons=tuple(reasons),
            since=parse_since(since, now) if since is not None else 0,
        )

    def matches(self, letter: DeadLetter) -> bool:
        """Tell whether a letter of one of the streams, within the times, is meant."""
        if self.groups and letter.group not in self.groups:
            return False
        if self.reasons and letter.reason not in self.reasons:
            return False
        return not self.errors or self._is_meant(letter.error.lower(), letter.message.lower())

    def _is_meant(self, error: str, message: str) -> bool:
        short = error.rpartition(".")[2]
        return any(fnmatchcase(text, pattern) for pattern in self.errors for text in (error, short, f"{short}: {message}"))


def short_name(keys: Keys, stream: str) -> str:
    """Return the short name of a stream, from that or from its key.

    Raises:
        UsageError: there is no such stream.
    """
    short = stream.removeprefix(f"{keys.prefix}:").removesuffix(":dlq")
    if short not in STREAMS:
        msg = f"no stream {stream!r} (streams: {', '.join(STREAMS)})"
        raise UsageError(msg)
    return short


def parse_since(text: str, now: int) -> int:
    """Return a time in milliseconds since 1970, from `10m` (ago) or an ISO time.

    Args:
        text: what was typed.
        now: milliseconds since 1970.

    Raises:
        UsageError: it is neither.
    """
    if ago := _AGO.fullmatch(text.strip().lower()):
        return max(0, now - int(float(ago[1]) * _SECONDS[ago[2]] * 1000))
    try:
        moment = datetime.fromisoformat(re.sub("[zZ]$", "+00:00", text.strip()))
        return max(0, int((moment if moment.tzinfo else moment.astimezone()).timestamp() * 1000))
    except (ValueError, OverflowError, OSError):
        msg = f"--since {text!r}: expected a time ago (90s, 10m, 2h, 3d, 1w) or an ISO time such as 2026-01-31T17:30"
        raise UsageError(msg) from None
