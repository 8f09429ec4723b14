"""The two forms of the log: a line for people, and a JSON object for machines. Either way a line can't be forged.

`20:15:07 WARNING runs: night_watch failed: no answer  [door frames/night-watch 1764-0]`
`{"time":"2026-11-03T20:15:07.123Z","level":"WARNING","logger":"genesis.bus.runs","message":...,"camera":"door","stream":"frames",...}`
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import msgspec

from genesis.logs.entry import Entry, Failure

Form: TypeAlias = Callable[[Entry], str]

CLOCK = "%H:%M:%S"
INDENT = "    "  # of what belongs to the line above: it can't be taken for a line of its own
DIM, PLAIN = "\x1b[2m", "\x1b[0m"
# Written by every entry; a field of the same name gets an underscore.
RESERVED = frozenset(
    {"time", "level", "logger", "message", "program", "node", "pid", "process", "thread", "exception", "stack", "repeats", "seconds"}
)

# What moves the cursor, colours, ends a line in some program's eyes, or turns the direction of writing; and what is no character.
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_BREAK = re.compile(r"\r\n?|\n")
_encode = msgspec.json.Encoder().encode
_second: tuple[int, str] = (-1, "")
_clock: tuple[int, str] = (-1, "")


def line(entry: Entry, *, dim: bool = False) -> str:
    """Return an entry for people: time, level, the last part of the logger's name, message, and what the message does not name.

    Args:
        entry: what is written.
        dim: whether the terminal shows what was bound less brightly.
    """
    who = entry.logger.rpartition(".")[2]
    if entry.process:
        who = f"{entry.process} {who}"
    message = entry.message + _more(entry)
    text = _safe(f"{_time_of_day(entry.time)} {entry.level} {who}: {message}")
    if entry.fields and (about := _safe(_about(entry)).replace("\n", " ")):
        # On the first line, if there are several.
        first, broken, rest = text.partition("\n")
        text = f"{first}  {DIM}[{about}]{PLAIN}" if dim else f"{first}  [{about}]"
        text += broken + rest
    if entry.failure is not None:
        told = entry.failure.traceback or f"{entry.failure.type}: {entry.failure.message}"
        text += f"\n{_safe(told)}"
    if entry.stack:
        text += f"\n{_safe(entry.stack)}"
    return text.replace("\n", f"\n{INDENT}")


def as_json(entry: Entry, program: str = "", node: str = "") -> str:
    """Return an entry as a JSON object in one line of ASCII or UTF-8.

    Args:
        entry: what is written.
        program: whose log it is.
        node: name of the worker.
    """
    told: dict[str, Any] = {
        "time": _timestamp(entry.time),
        "level": entry.level,
        "logger": entry.logger,
        "message": entry.message + _more(entry),
    }
    whose = {"program": program, "node": node, "pid": entry.pid, "process": entry.process, "thread": entry.thread}
    told.update((name, value) for name, value in whose.items() if value)
    told.update((f"{name}_" if name in RESERVED else name, value) for name, value in entry.fields.items())
    if entry.more:
        told["repeats"], told["seconds"] = entry.more, round(entry.span, 3)
    if entry.failure is not None:
        told["exception"] = _exception(entry.failure)
    if entry.stack:
        told["stack"] = entry.stack
    try:
        text = _encode(told).decode()
    except UnicodeEncodeError:  # half a character, as names of files may have
        text = _encode(_whole(told)).decode()
    # Line breaks to some readers, and JSON leaves them as they are.
    return text if text.isascii() else _CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _more(entry: Entry) -> str:
    if not entry.more:
        return ""
    return f" (and {entry.more} more like it in the last {max(1, round(entry.span))} s)"


def _exception(failure: Failure) -> dict[str, str]:
    told = {"type": failure.type, "message": failure.message}
    return {**told, "traceback": failure.traceback} if failure.traceback else told


def _about(entry: Entry) -> str:
    """Return the fields that the message does not name, shortly."""
    told, message = entry.fields, entry.message
    left = {name: str(value) for name, value in told.items() if value is not None and not _named(str(value), message)}
    group = "/".join(left[name] for name in ("stream", "group") if name in left)
    entry_id = left.get("entry", "")
    # A task's id is made of stream, group and entry; traces and sessions are for machines.
    task = "" if "entry" in told else left.get("task", "")
    attempt = f"run {left['attempt']}" if "attempt" in left else ""
    parts = [left.get("camera", ""), group, entry_id, left.get("event", ""), task, attempt]
    parts += [f"{name}={value}" for name, value in left.items() if name not in _SHORT]
    return " ".join(part for part in parts if part)


_SHORT = frozenset({"camera", "session", "stream", "group", "entry", "event", "task", "attempt", "trace"})


def _named(value: str, message: str) -> bool:
    start = message.find(value)
    if start < 0:
        return False
    end = start + len(value)
    before, after = message[start - 1 : start], message[end : end + 1]
    return not (before.isalnum() or after.isalnum())


def _safe(text: str) -> str:
    """Return a text without anything that a terminal would obey; its line breaks are newlines."""
    if text.isprintable():
        return text
    text = _BREAK.sub("\n", text)
    return _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}" if ord(found[0]) < 0x100 else f"\\u{ord(found[0]):04x}", text)  # noqa: PLR2004 - two digits


def _whole(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, Mapping):
        return {_whole(name): _whole(inner) for name, inner in value.items()}
    return value


def _timestamp(seconds: float) -> str:
    """Return a time as RFC 3339 has it: UTC, with milliseconds."""
    global _second  # noqa: PLW0603 - the last second's text; threads may race, none sees half of it
    whole, milliseconds = divmod(int(seconds * 1000), 1000)
    known, text = _second
    if known != whole:
        text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(whole))
        _second = (whole, text)
    return f"{text}.{milliseconds:03d}Z"


def _time_of_day(seconds: float) -> str:
    global _clock  # noqa: PLW0603 - likewise
    whole = int(seconds)
    known, text = _clock
    if known != whole:
        text = time.strftime(CLOCK, time.localtime(whole))
        _clock = (whole, text)
    return text
