"""The common log of several programs is one object a line, whatever they write."""

from __future__ import annotations

import io
import json
from datetime import datetime, timezone

import pytest
from honcho.printer import Message

from genesis.embedded.lines import JsonPrinter, complaint_in

NOW = datetime(2026, 11, 3, 20, 15, 7, tzinfo=timezone.utc)


def written(data: bytes | str, name: str = "worker-alerts") -> list[str]:
    output = io.StringIO()
    JsonPrinter(output).write(Message(type="line", data=data, time=NOW, name=name, colour=None))
    return output.getvalue().splitlines()


def test_an_object_stays_as_it_is():
    line = '{"time":"2026-11-03T20:15:07.000Z","message":"ä"}'

    assert written(f"{line}\n".encode()) == [line]


@pytest.mark.parametrize(
    ("data", "message", "level"),
    [
        (b"[h264 @ 0x55] error while decoding\n", "[h264 @ 0x55] error while decoding", "INFO"),
        (b"genesis: redis.url redis://u:s3cret@h: refused\n", "redis.url redis://***@h: refused", "ERROR"),
        (b'{"half of an object\r\n', '{"half of an object', "INFO"),
        (b"\xff\n", "\ufffd", "INFO"),
        (b"[1, 2]\n", "[1, 2]", "INFO"),
        ("stopped", "stopped", "INFO"),
    ],
)
def test_any_other_line_becomes_the_message_of_one(data, message, level):
    (line,) = written(data)

    assert json.loads(line) == {
        "time": "2026-11-03T20:15:07.000Z",
        "level": level,
        "logger": "genesis.output",
        "message": message,
        "program": "worker-alerts",
    }


def test_an_empty_line_is_left_out():
    assert written(b"\n") == []


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("genesis: no such file", "no such file"),
        ('{"level":"ERROR","logger":"genesis","message":"no such file"}', "no such file"),
        ('{"level":"ERROR","logger":"genesis.bus.runs","message":"failed"}', ""),
        ('{"level":"INFO","logger":"genesis","message":"hello"}', ""),
        ("20:15:07 ERROR runs: genesis: failed", ""),
    ],
)
def test_why_a_program_ends_is_found_in_either_form(line, complaint):
    assert complaint_in(line) == complaint
