"""A command that has started programs hears every signal that asks it to end, and finishes stopping them."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from genesis.cli.launch import ENDING, interruptible, undisturbed


@pytest.fixture(autouse=True)
def _handlers() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in ENDING}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_ctrl_c_a_service_manager_and_a_closed_terminal_all_interrupt(number: signal.Signals) -> None:
    interruptible()

    with pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_second_one_does_not_disturb_the_stopping(number: signal.Signals) -> None:
    interruptible()
    done = []

    with undisturbed():
        os.kill(os.getpid(), number)
        done.append("stopped")

    assert done == ["stopped"]
    with pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), number)
