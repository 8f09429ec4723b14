"""Counting dropped frames, and talking about trouble."""

from __future__ import annotations

import logging

import pytest

from genesis.capture.drops import Drops, reason_of
from genesis.capture.trouble import CameraLogger, Trouble
from genesis.errors import BackpressureError, FrameCacheFullError, ServerUnavailableError


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (BackpressureError("genesis:frames", 1000, 1000), "backpressure"),
        (FrameCacheFullError(500, 1, 500), "cache_full"),
        (ServerUnavailableError("away"), "redis_unavailable"),
    ],
)
def test_every_refusal_has_its_reason(error, reason):
    assert reason_of(error) == reason


def test_drops_are_told_at_most_once_a_second_and_at_the_end(sink):
    drops = Drops("door", sink)

    for tenth in range(25):
        drops.add("superseded")
        drops.report(100 + tenth / 10)
    drops.add("corrupt", 2)
    drops.report(102.5, final=True)

    assert sink.drops == [
        ("door", "superseded", 1),
        ("door", "superseded", 10),
        ("door", "superseded", 10),
        ("door", "superseded", 4),
        ("door", "corrupt", 2),
    ]
    assert drops.totals == {"corrupt": 2, "superseded": 25}


def test_drops_are_also_counted_since_the_last_frame_and_in_the_session(sink):
    drops = Drops("door", sink)

    drops.add("superseded")
    drops.taken()
    drops.add("corrupt", 2)
    counted = drops.since_taken, drops.in_session, drops.totals
    drops.begin_session()
    drops.add("superseded")

    assert counted == ({"corrupt": 2}, {"corrupt": 2, "superseded": 1}, {"corrupt": 2, "superseded": 1})
    assert (drops.since_taken, drops.in_session) == ({"superseded": 1}, {"superseded": 1})
    assert drops.totals == {"corrupt": 2, "superseded": 2}


def test_nothing_dropped_is_nothing_told(sink):
    drops = Drops("door", sink)

    drops.add("superseded", 0)
    drops.report(1, final=True)

    assert sink.drops == []
    assert drops.totals == {}


def test_trouble_is_said_once_when_it_begins_and_once_when_it_is_over(caplog):
    caplog.set_level(logging.INFO)
    trouble = Trouble(CameraLogger(logging.getLogger("genesis.test"), "door"), "waiting", "waited %d times")

    for second in range(10):
        trouble.met("no room", second)
        trouble.passed(second + 0.5)
    trouble.passed(14.5)
    trouble.passed(20)

    assert caplog.messages == ["camera 'door': waiting: no room", "camera 'door': no longer waiting (waited 10 times in 9.0 s)"]
    assert {record.camera for record in caplog.records} == {"door"}


def test_trouble_that_returns_is_said_again(caplog):
    caplog.set_level(logging.INFO)
    trouble = Trouble(CameraLogger(logging.getLogger("genesis.test"), "door"), "waiting", "waited %d times")

    trouble.met("no room", 0)
    trouble.passed(0, final=True)
    trouble.met("away", 1)

    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO", "WARNING"]
