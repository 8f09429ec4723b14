"""The bridges' chores: when due, by the janitor alone, and whatever they raise."""

from __future__ import annotations

import logging
import threading
from functools import partial

import pytest

from genesis.bus.chores import Chore, Chores
from genesis.errors import ServerUnavailableError
from tests.processes import wait_until


def test_a_chore_is_done_at_once_and_then_when_it_is_due() -> None:
    done: list[str] = []
    listed = [Chore(name, seconds, partial(done.append, name)) for name, seconds in (("often", 10), ("seldom", 25))]
    chores = Chores(listed, lambda: True, threading.Event())

    for now in range(0, 40, 5):
        chores.turn(float(now))

    assert (done.count("often"), done.count("seldom")) == (4, 2)


@pytest.mark.parametrize("error", [ServerUnavailableError("the database is away"), ZeroDivisionError("nobody thought of this")])
def test_what_fails_is_told_once_and_tried_again(caplog: pytest.LogCaptureFixture, error: Exception) -> None:
    caplog.set_level(logging.INFO)
    failing = [error, error, None]

    def action() -> None:
        if (next_one := failing.pop(0)) is not None:
            raise next_one

    chores = Chores([Chore("the sweep", 10, action)], lambda: True, threading.Event())

    for now in (0.0, 5.0, 10.0, 20.0):
        chores.turn(now)

    ours = isinstance(error, ServerUnavailableError)
    assert [record.levelname for record in caplog.records] == (["WARNING", "INFO"] if ours else ["ERROR", "ERROR", "INFO"])
    assert "the sweep is possible again" in caplog.text
    assert failing == []


def test_only_the_janitor_does_them() -> None:
    done, elected, stopped = threading.Event(), threading.Event(), threading.Event()
    chores = Chores([Chore("one", 10, done.set)], elected.is_set, stopped)
    thread = threading.Thread(target=chores.run)

    thread.start()
    before = done.wait(0.6)
    elected.set()
    wait_until(done.is_set, "it is done", 10)
    stopped.set()
    thread.join()

    assert not before
