"""The common log of several programs as machines read it: one JSON object a line, whatever the programs write."""

from __future__ import annotations

import logging
from datetime import datetime
from typing import IO, Any

import msgspec

from genesis.logs.entry import Entry
from genesis.logs.forms import as_json
from genesis.masking import mask

COMPLAINT = "genesis: "
"""Begins the line in which a program says why it ends."""


class JsonPrinter:
    """Writes lines as objects; honcho's printer for people has the same methods.

    Args:
        output: where they go.
    """

    def __init__(self, output: IO[str]) -> None:
        self.output = output
        self.width = 0  # there is no prefix

    def write(self, message: Any) -> None:
        """Write what a program has said: an object as it is, any other line as the message of one."""
        text = message.data.decode("utf-8", "replace") if isinstance(message.data, bytes) else message.data
        for line in filter(None, map(str.rstrip, text.split("\n"))):
            self.output.write((line if entry_in(line) is not None else wrapped(message.name, line, message.time)) + "\n")
        self.output.flush()


def entry_in(line: str) -> dict[str, Any] | None:
    """Return the object that a line consists of; None for any other line."""
    if not line.startswith("{"):
        return None
    try:
        found = msgspec.json.decode(line)
    except msgspec.DecodeError:
        return None
    return found if isinstance(found, dict) else None


def wrapped(program: str, line: str, time: datetime) -> str:
    """Return a line that is no object as one.

    Args:
        program: that wrote it.
        line: without its end.
        time: when it came.
    """
    number = logging.ERROR if line.startswith(COMPLAINT) else logging.INFO
    entry = Entry(time.timestamp(), logging.getLevelName(number), number, "genesis.output", mask(line.removeprefix(COMPLAINT)), {}, 0)
    return as_json(entry, program)


def complaint_in(line: str) -> str:
    """Return why a program ends, if that is what a line of either form says; else nothing."""
    if line.startswith(COMPLAINT):
        return line.removeprefix(COMPLAINT)
    entry = entry_in(line)
    if entry is None or (entry.get("logger"), entry.get("level")) != ("genesis", "ERROR"):
        return ""
    return str(entry.get("message", ""))
