"""Reading a live source: newest frame, loss, return, silence; the time is the test's."""

from __future__ import annotations

import logging
from datetime import datetime, timezone

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genesis.capture.live import LiveReader, reconnect_delay
from genesis.capture.mailbox import MOST_CHANGES, Arrival, Lost, Mailbox, Recovered
from genesis.settings import Capture

TIMES = Capture(stall_seconds=10, open_seconds=5, reconnect_min_seconds=1, reconnect_max_seconds=8)
NOW = datetime(2026, 1, 1, tzinfo=timezone.utc)


class Bench:
    """A reader whose threads are functions that the test calls."""

    def __init__(self, source, clock, **options) -> None:
        self.threads = []
        self.reader = LiveReader("door", source, TIMES, clock, spawn=self.threads.append, chance=lambda: 0.5, **options)
        self.clock = clock

    def step_and_read(self) -> float:
        wait = self.reader.step()
        while self.threads:
            self.threads.pop(0)()
        return wait

    def items(self) -> list:
        found = []
        while (item := self.reader.take(0)) is not None:
            found.append(item)
        return found


@pytest.fixture
def bench(scripted, clock):
    return lambda *connections, **options: Bench(scripted(*connections), clock, **options)


def kinds(items) -> list[type]:
    return [type(item) for item in items]


def test_only_the_newest_frame_is_kept(bench):
    desk = bench([True, True, True])

    desk.step_and_read()

    assert kinds(desk.items()) == [Arrival]
    assert desk.reader.counts() == {"superseded": 2}
    assert desk.reader.counts() == {}


def test_a_source_that_ends_is_lost_once_and_recovered_once(bench, caplog):
    caplog.set_level(logging.INFO)
    desk = bench([True, False], "refused", "refused", [True, False])

    desk.step_and_read()
    waits = []
    for _ in range(3):
        waits.append(desk.reader.step())
        desk.clock.advance(waits[-1])
        desk.step_and_read()

    items = desk.items()
    assert kinds(items) == [Lost, Recovered, Arrival]  # the frame before the loss was replaced by the one after it
    assert items[0].reason == "rtsp://***@10.0.0.7/1 ended the stream"
    assert items[1].away == pytest.approx(sum(waits))
    assert waits == [1, 2, 4]
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]


def test_a_frame_before_the_loss_is_taken_before_it(bench):
    desk = bench([True, False])

    desk.step_and_read()
    desk.reader.step()

    assert kinds(desk.items()) == [Arrival, Lost]


def test_a_source_that_was_never_there_is_lost_once(bench, caplog):
    desk = bench("connection refused", "no route", "no route")

    for _ in range(3):
        desk.step_and_read()
        desk.clock.advance(desk.reader.step())

    items = desk.items()
    assert kinds(items) == [Lost]
    assert items[0].reason == "connection refused"
    assert len(caplog.records) == 1


def test_a_reader_that_never_opens_is_abandoned(bench):
    desk = bench(lambda: [True], [True])
    desk.reader.step()
    stuck = desk.threads.pop()

    desk.clock.advance(5.9)
    early = desk.reader.step()
    desk.clock.advance(0.2)
    desk.reader.step()
    stuck()

    items = desk.items()
    assert early == pytest.approx(0.1)
    assert [item.reason for item in items] == ["rtsp://***@10.0.0.7/1 did not open within 5 s"]


def test_a_stream_that_falls_silent_is_abandoned_and_opened_again(bench):
    desk = bench([True, lambda: fall_silent(9.9), lambda: fall_silent(10.1), True], [True])

    def fall_silent(seconds: float) -> bool:
        desk.clock.advance(seconds)
        desk.reader.step()
        return True

    desk.step_and_read()
    before = desk.items()
    desk.clock.advance(1)
    desk.step_and_read()

    assert kinds(before) == [Arrival, Lost]
    assert before[1].reason == "no frame for 10 s from rtsp://***@10.0.0.7/1"
    assert kinds(desk.items()) == [Recovered, Arrival]
    assert desk.reader._source.closed == 2


def test_a_read_that_fails_after_a_long_silence_says_so(bench):
    desk = bench([True, lambda: desk.clock.advance(9.5) or False])

    desk.step_and_read()
    desk.reader.step()

    assert desk.items()[-1].reason == "no frame for 10 s from rtsp://***@10.0.0.7/1"


def test_the_wait_begins_anew_after_a_connection_that_lasted(bench):
    short, long = [True, False], [True, lambda: desk.clock.advance(6) or True, lambda: desk.clock.advance(6) or True, False]
    desk = bench(short, short, short, long, short)
    waits = []

    for _ in range(4):
        desk.step_and_read()
        waits.append(desk.reader.step())
        desk.clock.advance(waits[-1])

    assert waits == [1, 2, 4, 1]


def test_a_broken_frame_is_counted_and_the_stream_goes_on(bench):
    desk = bench([True, None, True])

    desk.step_and_read()

    assert desk.reader.counts() == {"corrupt": 1, "superseded": 1}


def test_frames_over_the_limit_are_left_out_before_their_pixels_are_made(bench):
    tick = lambda: desk.clock.advance(0.05) or True  # noqa: E731
    desk = bench([tick] * 21, fps=10)

    desk.step_and_read()

    assert desk.reader.counts() == {"thinned": 10, "superseded": 10}
    assert desk.reader._source.retrieved == 11


def test_an_unexpected_failure_of_the_library_is_a_loss_too(bench, caplog):
    def fail() -> bool:
        message = "out of memory"
        raise RuntimeError(message)

    desk = bench([True, fail], fail, [True])

    desk.step_and_read()
    desk.step_and_read()
    desk.clock.advance(1)
    desk.step_and_read()
    desk.clock.advance(desk.reader.step())
    desk.step_and_read()

    assert kinds(desk.items()) == [Lost, Recovered, Arrival]


def test_a_closed_reader_starts_nothing_and_takes_nothing(bench):
    desk = bench([True, True])
    desk.reader.step()
    late = desk.threads.pop()

    desk.reader.close()
    late()

    assert desk.reader.step() == 0
    assert desk.threads == []
    assert desk.items() == []


def test_real_threads_read_and_end(scripted):
    from genesis.capture.clock import SystemClock

    reader = LiveReader("door", scripted([True] * 50 + [False], *["gone"] * 50), TIMES, SystemClock())

    reader.start()
    items = [reader.take(5), reader.take(5)]
    reader.close()

    assert Lost in kinds(items)
    assert not reader._supervisor.is_alive()


@given(attempt=st.integers(1, 10_000), chance=st.floats(0, 1))
def test_the_wait_stays_within_its_limits(attempt, chance):
    delay = reconnect_delay(attempt, 1.0, 30.0, chance)

    assert 0.75 <= delay <= 37.5


@pytest.mark.parametrize(("attempt", "delay"), [(1, 1), (2, 2), (3, 4), (5, 16), (6, 30), (60, 30)])
def test_the_wait_doubles_up_to_the_longest(attempt, delay):
    assert reconnect_delay(attempt, 1.0, 30.0, 0.5) == delay


def test_a_mailbox_that_nobody_empties_stays_small():
    mailbox = Mailbox()
    image = np.zeros((2, 2, 3), np.uint8)

    for number in range(3 * MOST_CHANGES):
        mailbox.put(Arrival(image, NOW))
        mailbox.post(Lost(NOW, str(number)))

    items = []
    while (item := mailbox.take(0)) is not None:
        items.append(item)
    assert len(items) <= MOST_CHANGES + 1
    assert kinds(items).count(Arrival) == 1
    assert items[-1].reason == str(3 * MOST_CHANGES - 1)
