"""A look takes no longer than one cares to wait."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from genesis.errors import ServerUnavailableError
from genesis.monitoring.looks import Answer, Look
from tests.processes import wait_until


class Silent:
    """A server that says nothing until it is told to; counts how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0
        self.speaks = threading.Event()

    def __call__(self) -> int:
        self.asked += 1
        self.speaks.wait()
        return self.asked


@pytest.fixture
def silent() -> Iterator[Silent]:
    server = Silent()
    yield server
    server.speaks.set()


def test_what_is_found_is_the_answer() -> None:
    assert Look("the sky", lambda: "blue", 5.0).begin()() == Answer("blue")


def test_what_can_not_be_looked_at_is_an_answer_too() -> None:
    def look() -> str:
        raise ServerUnavailableError("it rains")

    assert Look("the sky", look, 5.0).begin()() == Answer(None, "it rains")


def test_a_server_that_says_nothing_is_not_waited_for_and_not_asked_again(silent: Silent) -> None:
    look = Look("the sphinx", silent, 0.05)
    begun = time.monotonic()

    answers = [look.begin()() for _ in range(4)]

    assert answers == [Answer(None, "the sphinx: no answer within 0.05 s")] * 4
    assert time.monotonic() - begun < 2
    assert silent.asked == 1


def test_once_it_has_spoken_it_is_asked_anew(silent: Silent) -> None:
    look = Look("the sphinx", silent, 0.05)
    look.begin()()
    silent.speaks.set()
    wait_until(lambda: not [thread for thread in threading.enumerate() if "sphinx" in thread.name], "the look is over")

    assert look.begin()() == Answer(2)


def test_who_asks_while_a_look_is_under_way_is_told_what_it_finds(silent: Silent) -> None:
    look = Look("the sphinx", silent, 5.0)
    first, second = look.begin(), look.begin()
    silent.speaks.set()

    assert (first(), second()) == (Answer(1), Answer(1))


def test_a_mistake_of_ours_is_raised() -> None:
    answer = Look("the sky", lambda: {}["blue"], 5.0).begin()

    with pytest.raises(KeyError):
        answer()
