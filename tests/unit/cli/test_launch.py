"""A command that has started programs hears every signal that asks it to end, and finishes stopping them.

Each case runs in a process of its own, since signals are a process's affair.
"""

from __future__ import annotations

import signal

import pytest

from tests.processes import python

INTERRUPTED = """
import os, sys
from genesis.cli.launch import interruptible
interruptible()
try:
    os.kill(os.getpid(), int(sys.argv[1]))
except KeyboardInterrupt:
    print("interrupted")
"""

UNDISTURBED = """
import os, sys
from genesis.cli.launch import interruptible, undisturbed
interruptible()
with undisturbed():
    os.kill(os.getpid(), int(sys.argv[1]))
    print("stopped")
try:
    os.kill(os.getpid(), int(sys.argv[1]))
except KeyboardInterrupt:
    print("interrupted")
"""

ENDING = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


@pytest.mark.parametrize("number", ENDING)
def test_ctrl_c_a_service_manager_and_a_closed_terminal_all_interrupt(number: signal.Signals) -> None:
    ended = python("-c", INTERRUPTED, str(int(number)))

    assert (ended.returncode, ended.stdout) == (0, "interrupted\n")


@pytest.mark.parametrize("number", ENDING)
def test_a_second_one_does_not_disturb_the_stopping(number: signal.Signals) -> None:
    ended = python("-c", UNDISTURBED, str(int(number)))

    assert (ended.returncode, ended.stdout) == (0, "stopped\ninterrupted\n")
