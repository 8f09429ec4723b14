"""Whatever is logged is one line that can't be forged, in either form, and has no secret in it."""

from __future__ import annotations

import json
import logging
import math
import sys
from datetime import datetime, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genesis.logs import bound
from genesis.logs.entry import Entry, entry_of
from genesis.logs.forms import DIM, INDENT, PLAIN, as_json, line


class Hostile:
    """An object that can't be shown."""

    def __str__(self) -> str:
        raise RuntimeError("not me")

    __repr__ = __str__


class HostileError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("not me")


def entry(message: Any = "hello", *arguments: Any, failed: BaseException | None = None, **given: Any) -> Entry:
    record = logging.LogRecord("genesis.bus.runs", logging.WARNING, __file__, 1, message, arguments, None)
    record.created = datetime(2026, 11, 3, 20, 15, 7, 123_900, timezone.utc).timestamp()
    record.process = 7
    if failed is not None:
        record.exc_info = (type(failed), failed, failed.__traceback__)
    record.__dict__.update(given)
    return entry_of(record)


def raised(error: BaseException) -> BaseException:
    try:
        raise error  # noqa: TRY301 - for its traceback
    except BaseException as caught:  # noqa: BLE001 - likewise
        return caught


def test_an_object_has_all_that_is_known():
    with bound(camera="door", stream="frames", group="g", entry="1-0", event="e-1", task="t"):
        told = json.loads(as_json(entry("lost %s", "it"), program="worker", node="detection@host"))

    assert told == {
        "time": "2026-11-03T20:15:07.123Z",
        "level": "WARNING",
        "logger": "genesis.bus.runs",
        "message": "lost it",
        "program": "worker",
        "node": "detection@host",
        "pid": 7,
        "camera": "door",
        "stream": "frames",
        "group": "g",
        "entry": "1-0",
        "event": "e-1",
        "task": "t",
    }


def test_an_exception_is_an_object_of_its_own():
    told = json.loads(as_json(entry("failed", failed=raised(OSError("no rtsp://a:s3cret@h/1")))))

    assert told["exception"]["type"] == "OSError"
    assert told["exception"]["message"] == "no rtsp://***@h/1"
    assert told["exception"]["traceback"].startswith("Traceback (most recent call last):\n")
    assert "s3cret" not in json.dumps(told)


@pytest.mark.parametrize(
    ("message", "bindings", "about"),
    [
        ("hello", {"camera": "door", "stream": "frames", "group": "dw", "entry": "1764-0"}, "door frames/dw 1764-0"),
        ("camera 'door': lost", {"camera": "door", "session": "abc"}, ""),
        ("outdoors", {"camera": "door"}, "door"),
        ("g of frames", {"stream": "frames", "group": "g", "entry": "1-0", "task": "p:frames:g:1-0"}, "1-0"),
        ("hello", {"task": "p:frames:g:1-0"}, "p:frames:g:1-0"),
        ("hello", {"event": "e-1", "attempt": 2, "trace": "00-abc"}, "e-1 run 2"),
        ("hello", {"rack": 3}, "rack=3"),
        ("hello", {}, ""),
    ],
)
def test_a_line_has_what_its_message_does_not_name(message, bindings, about):
    with bound(**bindings):
        text = line(entry(message))

    assert text.partition(message)[2] == (f"  [{about}]" if about else "")


def test_what_is_bound_is_dimmed_on_a_terminal():
    with bound(camera="door"):
        text = line(entry("hello"), dim=True)

    assert text.endswith(f"hello  {DIM}[door]{PLAIN}")


def test_a_child_process_is_named():
    found = entry("hello", processName="ForkPoolWorker-2", threadName="reader")

    assert " WARNING ForkPoolWorker-2 runs: hello" in line(found)
    assert json.loads(as_json(found))["process"] == "ForkPoolWorker-2"
    assert json.loads(as_json(found))["thread"] == "reader"


FORGED = "\n20:15:08 ERROR runs: all is lost"


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        (f"hello{FORGED}", "hello\n    20:15:08 ERROR runs: all is lost"),
        ("hello\r\nyou\rthere", "hello\n    you\n    there"),
        ("\x1b[31mred\x1b[0m \x07\x00", "\\x1b[31mred\\x1b[0m \\x07\\x00"),
        ("one\u2028two\x85three", "one\\u2028two\\x85three"),
        ("back\u202ewards", "back\\u202ewards"),
        ("Grüße, 門, \xa0 and\ttab", "Grüße, 門, \xa0 and\ttab"),
        ("half \ud83d of it", "half \\ud83d of it"),
    ],
)
def test_nothing_in_a_message_acts_on_a_terminal_or_looks_like_another_line(message, shown):
    text = line(entry("%s", message))

    assert text.partition("runs: ")[2] == shown


def test_a_traceback_can_not_forge_a_line_either():
    text = line(entry("failed", failed=raised(ValueError(f"x{FORGED}"))))

    first, *rest = text.split("\n")
    assert first.endswith("WARNING runs: failed")
    assert all(one.startswith(INDENT) for one in rest)


def test_what_is_bound_can_not_forge_a_line_either():
    with bound(event=f"e{FORGED}"):
        text = line(entry("hello"))

    assert "\n" not in text


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (1, 1),
        (True, True),
        (1.5, 1.5),
        (math.nan, "nan"),
        (math.inf, "inf"),
        (2**80, str(2**80)),
        (b"\xff", "b'\\xff'"),
        ("rtsp://a:s3cret@h", "rtsp://***@h"),
        (Hostile(), "<Hostile that can't be shown: RuntimeError>"),
        ([1, {"a": 2}], "[1, {'a': 2}]"),
    ],
)
def test_a_field_may_be_anything(value, told):
    with bound(rack=value):
        found = json.loads(as_json(entry()))

    assert found["rack"] == told


def test_a_field_whose_name_is_a_secrets_is_masked():
    with bound(db_password="s3cret"):
        found = entry()

    assert json.loads(as_json(found))["db_password"] == "***"
    assert "s3cret" not in line(found)


@pytest.mark.parametrize(
    ("message", "arguments", "told"),
    [
        ("%s", (Hostile(),), "%s (not all of it can be shown: RuntimeError)"),
        ("%d of %d", (1,), "%d of %d (not all of it can be shown: TypeError)"),
        (Hostile(), (), "<Hostile that can't be shown: RuntimeError> (not all of it can be shown: RuntimeError)"),
        ("%s", (b"\x00",), "b'\\x00'"),
        (ValueError("as a message"), (), "as a message"),
        ("100%", (), "100%"),
    ],
)
def test_a_message_may_be_anything(message, arguments, told):
    found = entry(message, *arguments)

    assert found.message == told


@pytest.mark.parametrize("text", ["x" * 50_000_000, "a-" * 600_000 + "key=", "rtsp://a:s3cret@h " * 100_000])
def test_a_message_of_any_length_is_a_line_of_bearable_length(text):
    found = entry("%s", text)

    assert len(as_json(found)) < 10_000
    assert "characters)" in found.message
    assert "s3cret" not in found.message


@pytest.mark.parametrize("error", [Hostile, lambda: RecursionError("deep"), HostileError])
def test_an_exception_that_can_not_be_shown_is_named(error):
    failed = error()
    if not isinstance(failed, BaseException):
        failed = ValueError(failed)

    told = json.loads(as_json(entry("failed", failed=raised(failed))))

    assert told["exception"]["type"] == type(failed).__name__


def test_how_many_more_there_were_is_said_in_both_forms():
    found = Entry(0.0, "WARNING", 30, "x", "again", {}, 1, more=41, span=9.8)

    assert line(found).endswith("x: again (and 41 more like it in the last 10 s)")
    assert json.loads(as_json(found)) | {"time": ""} == {
        "time": "", "level": "WARNING", "logger": "x", "pid": 1, "repeats": 41, "seconds": 9.8,
        "message": "again (and 41 more like it in the last 10 s)",
    }  # fmt: skip


ANYTHING = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.binary(), st.lists(st.text(), max_size=2), st.builds(Hostile),
    st.text(st.sampled_from("\n\r\x1b\u2028\x85\ud800 {}%s'\"\\")),
)  # fmt: skip


@given(
    message=ANYTHING,
    arguments=st.lists(ANYTHING, max_size=3),
    bindings=st.dictionaries(st.text(min_size=1, max_size=5), ANYTHING, max_size=3),
    name=st.text(max_size=10),
    failed=st.one_of(st.none(), st.builds(ValueError, ANYTHING)),
)
def test_whatever_is_logged_is_exactly_one_object_in_one_line(message, arguments, bindings, name, failed):
    with bound(**bindings):
        record = logging.LogRecord(name, logging.WARNING, __file__, 1, message, tuple(arguments), None)
        if failed is not None:
            raised(failed)
            record.exc_info = (type(failed), failed, failed.__traceback__)
        found = entry_of(record)

    text = as_json(found, program="worker")

    assert len(text.splitlines()) == 1
    assert json.loads(text)["program"] == "worker"
    text.encode()
    first, *rest = line(found).split("\n")
    assert first[8] == " "
    assert all(one.startswith(INDENT) for one in rest)
    assert all(character in "\n\t" or ord(character) >= 0x20 for character in line(found))


@given(password=st.text(st.characters(codec="utf-8", exclude_categories=("Z", "C"), exclude_characters="'\"@*"), min_size=6, max_size=12))
def test_no_form_shows_a_password(password):
    secret = f"S{password}T"
    with bound(event=f"rtsp://a:{secret}@h"):
        found = entry(
            "%s and %s", f"password={secret.replace('&', '')}", f"rtsp://a:{secret}@h", failed=raised(ValueError(f"redis://:{secret}@h"))
        )

    assert secret not in json.loads(as_json(found))["message"]
    assert secret not in as_json(found)
    assert secret not in line(found)


def test_deep_in_the_stack_too():
    def deeper(left: int) -> Entry:
        return deeper(left - 1) if left else entry("%s", "here")

    depth = sys.getrecursionlimit() // 2

    assert deeper(depth).message == "here"
