"""The same warning is written once in a while, and nothing that was counted is lost without a word."""

from __future__ import annotations

import logging
import weakref

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genesis.logs import bound
from genesis.logs.forms import line
from genesis.logs.repeats import EACH, MOST, VARIANTS, Repeats


class Log:
    """What a handler with these repeats would write, and a clock to turn."""

    def __init__(self, seconds: float = 10.0) -> None:
        self.now = 0.0
        self.repeats = Repeats(seconds, lambda: self.now)
        self.lines: list[str] = []

    def say(
        self, message: str, *arguments: object, level: int = logging.WARNING, name: str = "genesis.x", error: BaseException | None = None
    ):
        record = logging.LogRecord(name, level, __file__, 1, message, arguments, (type(error), error, None) if error else None)
        self.add(self.repeats.told(record))

    def add(self, entries) -> None:
        self.lines += [line(entry).partition(": ")[2].partition("  [")[0] for entry in entries]


def test_the_same_warning_is_counted_until_the_time_is_over():
    log = Log()

    for second in range(12):
        log.now = float(second)
        log.say("waiting (try %d)", second)

    assert log.lines == ["waiting (try 0)", "waiting (try 10) (and 9 more like it in the last 10 s)"]


def test_what_was_counted_is_told_before_the_next_line_of_anything():
    log = Log()
    for number in range(43):
        log.say("waiting (try %d)", number)
    log.now = 60.0

    log.say("something else", level=logging.INFO)

    assert log.lines == ["waiting (try 0)", "waiting (try 42) (and 41 more like it in the last 1 s)", "something else"]


def test_one_that_goes_on_and_on_is_told_once_in_a_period():
    log = Log()

    for tenth in range(1000):
        log.now = tenth / 10
        log.say("waiting (try %d)", tenth)
        log.say("a tick", level=logging.INFO)

    waiting = [text for text in log.lines if text.startswith("waiting")]
    assert len(waiting) == 10
    assert sum(1 + int(text.partition("(and ")[2].partition(" ")[0] or 0) for text in waiting) == 901  # the rest is still counted


def test_a_second_one_is_told_alone():
    log = Log()
    log.say("waiting")
    log.say("waiting")
    log.now = 11.0

    log.say("a tick", level=logging.INFO)

    assert log.lines == ["waiting", "waiting", "a tick"]


@pytest.mark.parametrize(
    ("first", "second", "both"),
    [
        (("waiting: %s", "redis.url is away"), ("waiting: %s", "celery.broker_url is away"), True),
        (("entry %s of %s is lost", "1764-0", "frames"), ("entry %s of %s is lost", "1765-0", "frames"), False),
        (("entry %s of %s is lost", "1764-0", "frames"), ("entry %s of %s is lost", "1764-0", "persons"), True),
        (("put together 17",), ("put together 18",), False),
        (("put together",), ("something else",), True),
        (("%s", "one text"), ("%s", "another text"), True),
    ],
)
def test_other_words_make_another_warning_and_other_numbers_do_not(first, second, both):
    log = Log()

    log.say(*first)
    log.say(*second)

    assert len(log.lines) == 1 + both


@pytest.mark.parametrize("field", ["camera", "group"])
def test_another_camera_or_group_makes_another_warning(field):
    log = Log()

    for value in ("a", "b", "a"):
        with bound(**{field: value}):
            log.say("lost")

    assert len(log.lines) == 2


def test_another_event_makes_no_other_warning():
    log = Log()

    for value in ("a", "b"):
        with bound(event=value, entry=value):
            log.say("lost")

    assert len(log.lines) == 1


def test_another_level_logger_or_kind_of_error_makes_another_warning():
    log = Log()

    log.say("lost")
    log.say("lost", level=logging.ERROR)
    log.say("lost", name="genesis.y")
    log.say("lost", error=ValueError("x"))
    log.say("lost", error=KeyError("x"))
    log.say("lost", error=KeyError("y"))

    assert len(log.lines) == 5


def test_of_one_template_only_a_few_different_ones_are_told():
    log = Log()

    for number in range(26):
        log.say("file %s is missing", chr(ord("a") + number))
    log.add(log.repeats.rest())

    assert len(log.lines) == VARIANTS + 2
    assert log.lines[-1] == f"file z is missing (and {26 - VARIANTS - 2} more like it in the last 1 s)"


@pytest.mark.parametrize("level", [logging.DEBUG, logging.INFO])
def test_what_is_no_warning_is_always_written(level):
    log = Log()

    for _ in range(3):
        log.say("hello", level=level)

    assert log.lines == ["hello"] * 3


def test_everything_is_written_if_the_time_is_nothing():
    log = Log(0)

    for _ in range(3):
        log.say("lost")

    assert log.lines == ["lost"] * 3


def test_a_line_that_is_meant_for_somebody_is_always_written():
    log = Log()
    record = logging.LogRecord("genesis.notify.alerts", logging.WARNING, __file__, 1, "desk: %s", ("somebody",), None)
    record.__dict__.update(EACH)

    for _ in range(3):
        log.add(log.repeats.told(record))

    assert log.lines == ["desk: somebody"] * 3


def test_what_was_counted_is_told_without_a_traceback_and_without_secrets():
    log = Log()
    for _ in range(3):
        log.say("lost rtsp://a:s3cret@h", error=ValueError("token=s3cret"))

    (entry,) = log.repeats.rest()

    assert (entry.message, entry.failure.message, entry.failure.traceback) == ("lost rtsp://***@h", "token=***", "")


def test_nothing_that_was_logged_is_kept_alive():
    class Frame:
        def __str__(self) -> str:
            return "frame"

    log, frame, error = Log(), Frame(), ValueError("x")
    gone = weakref.ref(frame)
    for _ in range(2):
        log.say("bad %s", frame, error=error)

    del frame

    assert gone() is None
    assert log.repeats.rest()[0].message == "bad frame"


def test_memory_is_bounded_and_what_has_to_go_is_told():
    log = Log(3600)

    for number in range(3 * MOST):
        for _ in range(3):
            log.say("lost", name=f"library.{number}")
    log.add(log.repeats.rest())

    assert len(log.lines) == 2 * 3 * MOST
    assert sum(text.endswith("(and 1 more like it in the last 1 s)") for text in log.lines) == 3 * MOST


@given(
    steps=st.lists(
        st.tuples(st.floats(0, 8), st.sampled_from(["red", "green", "7 blue"]), st.sampled_from([None, "door", "yard"]), st.booleans()),
        max_size=60,
    )
)
def test_every_record_is_told_or_counted_exactly_once(steps):
    log = Log(5.0)
    told = 0

    for seconds, word, camera, warning in steps:
        log.now += seconds
        with bound(camera=camera):
            record = logging.LogRecord("x", logging.WARNING if warning else logging.INFO, __file__, 1, "%s", (word,), None)
            told += sum(1 + entry.more for entry in log.repeats.told(record))
    told += sum(1 + entry.more for entry in log.repeats.rest())

    assert told == len(steps)
    assert log.repeats.rest() == []
