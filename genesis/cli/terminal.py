"""Text of unknown origin, made fit for a terminal: no credentials, no control characters, no more of it than asked for."""

from __future__ import annotations

from datetime import datetime

from genesis.masking import mask

_MARGIN = 500  # characters looked at beyond what is shown, so that no credentials are cut in two before they are masked
MINUTE, HOUR, DAY = 60, 3600, 86_400


def safe(text: str | bytes, limit: int, *, lines: bool = False) -> str:
    r"""Return a text that can be shown.

    Args:
        text: bytes that are not UTF-8 are shown as `\xff`.
        limit: most characters of it.
        lines: keep line ends and tabs.
    """
    if isinstance(text, bytes):
        text = text.decode("utf-8", "backslashreplace")
    cut = mask(text[: limit + _MARGIN])
    more = len(text) > limit
    kept = cut[:limit] if more else cut
    shown = "".join(c if c.isprintable() or (lines and c in "\n\t") else _escaped(c) for c in kept)
    return f"{shown}…" if more else shown


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


def ago(seconds: float) -> str:
    """Return a time ago in the largest unit that fits."""
    if seconds < MINUTE:
        return f"{max(0, seconds):.0f} s"
    if seconds < HOUR:
        return f"{seconds / MINUTE:.0f} min"
    if seconds < 2 * DAY:
        return f"{seconds / HOUR:.1f} h"
    return f"{seconds / DAY:.0f} d"


def local_time(milliseconds: int) -> str:
    """Return a time by this machine's clock and zone, from milliseconds since 1970."""
    try:
        return datetime.fromtimestamp(milliseconds / 1000).astimezone().strftime("%Y-%m-%d %H:%M:%S %Z")
    except (ValueError, OverflowError, OSError):
        return f"{milliseconds} ms"
