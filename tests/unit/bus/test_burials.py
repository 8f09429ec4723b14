"""What is buried is told in one harmless line each, and a flood of them in a few."""

from __future__ import annotations

import logging

import pytest

from genesis.bus.burials import MOST, PERIOD, Burials
from genesis.bus.ledger import Delivery

DELIVERY = Delivery("genesis:zones", "testers", "1-0")


class Speechless(Exception):  # noqa: N818
    """An error that can't be told."""

    def __str__(self) -> str:
        raise ValueError("no words")


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.ERROR, "genesis.bus.burials")
    return caplog


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (ValueError("one\ntwo\r\n12:00:00 ERROR forged"), "ValueError: one two 12:00:00 ERROR forged"),
        (ValueError("\x1b[31mred\x07"), "ValueError: \\x1b[31mred\\x07"),
        (ValueError("half a character \ud800"), "ValueError: half a character \\ud800"),
        (Speechless(), "Speechless: (its message can't be had: ValueError)"),
    ],
    ids=["lines", "terminal", "surrogate", "speechless"],
)
def test_an_error_is_told_in_one_line_that_does_nothing(lines: pytest.LogCaptureFixture, error: Exception, told: str) -> None:
    Burials().told(DELIVERY, "permanent", error)

    (line,) = lines.messages
    assert line == f"buried entry 1-0 of genesis:zones for testers (permanent): {told}"


def test_of_many_the_first_are_told_and_the_rest_are_counted(lines: pytest.LogCaptureFixture) -> None:
    now = [0.0]
    burials = Burials(clock=lambda: now[0])

    for _ in range(1000):
        burials.told(DELIVERY, "malformed", ValueError("x"))
    burials.told(DELIVERY, "poison", ValueError("another kind"))
    before = len(lines.messages)
    now[0] = PERIOD + 1
    burials.told(DELIVERY, "malformed", ValueError("x"))

    assert before == MOST + 1
    assert lines.messages[before] == f"buried {1000 - MOST} more entries of genesis:zones for testers (malformed)"
