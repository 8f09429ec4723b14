"""Dead letters as JSON, as a table, one in full, and their statistics."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from genesis.cli.terminal import ago, local_time, safe
from genesis.masking import mask

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.text import Text

    from genesis.bus.deadletters import DeadLetter

MAX_FIELDS = 100  # shown of one letter
MAX_VALUE, MAX_DATA, MAX_TRACEBACK = 1_000, 20_000, 10_000  # characters shown
_NAME = 64
NARROW = 140  # columns below which a letter takes two lines
LINE, CAMERA = 120, 16  # characters in a table

MEANING = {
    "retries_exhausted": "its handler failed every time: mend the cause, then replay",
    "permanent": "its handler said that it can never succeed: mend the cause, then replay",
    "malformed": "it is no event: find who published it",
    "unknown_type": "its type or version is not known here: upgrade the workers, then replay",
    "oversized": "it is larger than delivery.max_event_bytes: publish less in one, or raise the setting and replay",
    "stale_frame": "its frame was gone before it was looked at: more workers, or a longer frame_cache.ttl_seconds",
    "time_limit": "its handler took too long every time: mend the handler or raise its time_limit, then replay",
    "poison": "its workers died of it every time: find out how (a library's crash, no memory), then replay",
}


def summary(letter: DeadLetter) -> dict[str, Any]:
    """Return what is known of a letter, without its fields and traceback."""
    told = {name: mask(letter.told.get(name, "")) for name in ("message", "task", "worker", "version", "entry")}
    return {
        "id": letter.name,
        "stream": letter.stream,
        "group": letter.group,
        "reason": letter.reason,
        "error": letter.error,
        "message": told["message"],
        "attempts": letter.number("attempts"),
        "deliveries": letter.number("deliveries"),
        "replays": letter.replays,
        "buried": _iso(letter.order[0]),
        "first_failure": _iso(letter.number("first-failure")),
        "last_failure": _iso(letter.number("last-failure")),
        "entry": told["entry"],
        "event": _value(letter.own("id"), mask),
        "type": _value(letter.own("type"), mask),
        "camera": _value(letter.own("subject"), mask),
        "task": told["task"],
        "worker": told["worker"],
        "version": told["version"],
    }


def whole(letter: DeadLetter, *, masked: bool = True) -> dict[str, Any]:
    """Return all of a letter.

    What is not UTF-8 becomes `{"base64": ...}`. The fields are an object, in their order; where a name is not UTF-8 or
    comes twice they are a list of `[name, value]`.

    Args:
        letter: the letter.
        masked: False gives the fields byte for byte.
    """
    veil = mask if masked else str
    pairs = [(_value(name, str), _value(value, veil)) for name, value in letter.fields]
    names = [name for name, _ in pairs if isinstance(name, str)]
    plain = len(set(names)) == len(pairs)
    return {
        **summary(letter),
        "traceback": mask(letter.told.get("traceback", "")),
        "truncated": letter.left_out,
        "fields": dict(pairs) if plain else pairs,
    }


def as_json(value: Any, indent: int | None = None) -> str:
    """Return JSON that a terminal takes for text, whatever is in it."""
    return json.dumps(value, ensure_ascii=True, indent=indent)


def _value(value: bytes, veil: Any) -> Any:
    try:
        return veil(value.decode())
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(value).decode()}


def _iso(milliseconds: int) -> str | None:
    try:
        return datetime.fromtimestamp(milliseconds / 1000, timezone.utc).isoformat(timespec="milliseconds") if milliseconds else None
    except (ValueError, OverflowError, OSError):
        return None


def table(letters: Iterable[DeadLetter], now: int, width: int) -> RenderableType:
    """Return a table of letters.

    Args:
        letters: in the order of its rows.
        now: the server's time in milliseconds since 1970, for their age.
        width: columns of the terminal; on a narrow one a letter takes two lines.
    """
    from rich import box  # noqa: PLC0415 - --help stays quick
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    narrow = width < NARROW
    rows = Table(box=box.SIMPLE_HEAD, header_style="bold", padding=(0, 1, 0, 0))
    for name in ("id, group", "reason, error") if narrow else ("id", "group", "reason", "error"):
        rows.add_column(name, no_wrap=not name.endswith("error"))
    for name in ("runs", "given", "replays", "age"):
        rows.add_column(name, justify="right", no_wrap=True)
    rows.add_column("camera", no_wrap=True)
    for letter in letters:
        reason = Text(safe(letter.reason, _NAME), style="red" if letter.reason == "poison" else "yellow")
        told = [Text(letter.name), Text(safe(letter.group, _NAME)), reason, _one_line(Text(_error(letter, LINE)))]
        numbers = letter.number("attempts"), letter.number("deliveries"), letter.replays or "-", ago((now - letter.order[0]) / 1000)
        cells = [Text("\n").join(told[:2]), _one_line(Text("\n").join(told[2:]))] if narrow else told
        rows.add_row(*cells, *map(str, numbers), Text(safe(letter.own("subject"), CAMERA)))
    return rows


def _one_line(text: Text) -> Text:
    """Let each line of a text be cut at the end of its column: that column gives way when the terminal is narrow."""
    text.no_wrap, text.overflow = True, "ellipsis"
    return text


def _error(letter: DeadLetter, limit: int) -> str:
    short = letter.error.rpartition(".")[2]
    return safe(f"{short}: {letter.message}" if letter.message else short, limit)


def full(letter: DeadLetter) -> Iterator[tuple[str, str]]:
    """Yield the lines that show one letter, each with a style of rich's."""
    yield letter.name, "bold"
    first, last = (local_time(letter.number(name)) for name in ("first-failure", "last-failure"))
    told = {name: safe(letter.told.get(name, ""), MAX_VALUE) for name in ("group", "reason", "error", "entry", "task", "worker", "version")}
    yield from _rows({
        "group": told["group"],
        "reason": f"{told['reason']} ({MEANING.get(letter.reason, 'not a reason that is known here')})",
        "error": told["error"],
        "message": safe(letter.message, MAX_VALUE, lines=True),
        "attempts": f"failed runs: {letter.number('attempts')}, deliveries: {letter.number('deliveries')}, replays: {letter.replays}",
        "failed": f"first {first}, last {last}",
        "buried": local_time(letter.order[0]),
        "entry": f"{told['entry']} of {letter.stream}",
        "task": told["task"],
        "worker": f"{told['worker']}, Genesis {told['version']}",
    })  # fmt: skip
    if letter.left_out:
        yield f"  {letter.left_out} more fields of the entry had no room in the letter, so it can't be replayed", "red"
    yield "", ""
    yield "fields" if letter.fields else "no fields: the entry had been deleted when it was buried", "bold"
    for name, value in letter.fields[:MAX_FIELDS]:
        limit = MAX_DATA if name == b"data" else MAX_VALUE
        text = _pretty(value) if name == b"data" else None
        yield from _rows({safe(name, _NAME): safe(value, limit) if text is None else safe(text, limit, lines=True)})
    if len(letter.fields) > MAX_FIELDS:
        yield f"  ... and {len(letter.fields) - MAX_FIELDS} more (--json shows all)", "dim"
    if trace := letter.told.get("traceback", ""):
        yield "", ""
        yield "traceback", "bold"
        for line in safe(trace.rstrip(), MAX_TRACEBACK, lines=True).split("\n"):
            yield f"  {line}", ""


def _rows(values: dict[str, str]) -> Iterator[tuple[str, str]]:
    width = 15
    for name, value in values.items():
        begin, *further = value.split("\n")
        yield f"  {name:<{width}} {begin}", ""
        for line in further:
            yield f"  {'':<{width}} {line}", ""


def _pretty(value: bytes) -> str | None:
    """Return a JSON value over several lines; None if it is not JSON, or too long to be shown."""
    if len(value) > MAX_DATA:
        return None
    try:
        return json.dumps(json.loads(value), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return None


@dataclass(slots=True)
class Share:
    """The letters of one stream, group, reason and error."""

    stream: str
    group: str
    reason: str
    error: str
    letters: int = 0
    oldest: int = 0
    newest: int = 0

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON can hold it."""
        return {
            "stream": self.stream, "group": self.group, "reason": self.reason, "error": self.error, "letters": self.letters,
            "oldest": _iso(self.oldest), "newest": _iso(self.newest),
        }  # fmt: skip


def shares(letters: Iterable[DeadLetter]) -> list[Share]:
    """Count letters, which come oldest first, by stream, group, reason and error; the largest share of a group first."""
    found: dict[tuple[str, str, str, str], Share] = {}
    for letter in letters:
        kind = letter.stream, letter.group, letter.reason, letter.error
        share = found.get(kind) or found.setdefault(kind, Share(*kind, oldest=letter.order[0]))
        share.letters += 1
        share.newest = letter.order[0]
    return sorted(found.values(), key=lambda share: (share.stream, share.group, -share.letters))


def share_table(rows: Iterable[Share], now: int) -> RenderableType:
    """Return the statistics as a table."""
    from rich import box  # noqa: PLC0415 - --help stays quick
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    shown = Table(box=box.SIMPLE_HEAD, header_style="bold", padding=(0, 1, 0, 0))
    for name in ("stream", "group", "reason", "error"):
        shown.add_column(name, overflow="fold")
    for name in ("letters", "oldest", "newest"):
        shown.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        texts = [Text(safe(text, _NAME)) for text in (row.stream, row.group, row.reason, row.error)]
        shown.add_row(*texts, str(row.letters), ago((now - row.oldest) / 1000), ago((now - row.newest) / 1000))
    return shown
