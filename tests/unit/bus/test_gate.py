"""The gate asks about the backlog only when it must."""

from __future__ import annotations

import pytest

from genesis.bus.backpressure import RECHECK_SECONDS, Gate
from genesis.settings import Backpressure


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def gate(clock: Clock) -> Gate:
    return Gate(Backpressure(max_pending=1000, block_threshold=800), clock)


def test_a_stream_that_was_never_measured_is_measured(gate: Gate) -> None:
    assert gate.limit({"s": 1}) == 1000


@pytest.mark.parametrize(
    ("backlog", "added", "count", "asks"),
    [
        (0, 0, 1, False),
        (0, 798, 1, False),
        (0, 799, 1, True),
        (799, 0, 1, True),
        (700, 50, 49, False),
        (700, 50, 50, True),
        (1000, 0, 1, True),
    ],
)
def test_it_asks_when_what_was_published_since_may_have_filled_the_stream(
    gate: Gate, backlog: int, added: int, count: int, asks: bool
) -> None:
    gate.saw("s", backlog)
    gate.published({"s": added})

    assert (gate.limit({"s": count}) == 1000) is asks


def test_it_asks_again_when_its_figure_is_old(gate: Gate, clock: Clock) -> None:
    gate.saw("s", 0)
    clock.now = RECHECK_SECONDS * 1.01

    assert gate.limit({"s": 1}) == 1000


def test_one_full_stream_of_several_is_enough_to_ask(gate: Gate) -> None:
    gate.saw("a", 0)
    gate.saw("b", 900)

    assert gate.limit({"a": 1, "b": 1}) == 1000


def test_it_warns_once_each_time_the_backlog_becomes_high(gate: Gate) -> None:
    assert [gate.saw("s", backlog) for backlog in (799, 800, 900, 500, 850)] == [False, True, False, False, True]


def test_it_never_asks_when_turned_off(clock: Clock) -> None:
    assert Gate(Backpressure(enabled=False), clock).limit({"s": 10_000}) == 0
