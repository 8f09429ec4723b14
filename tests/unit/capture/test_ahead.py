"""Reading a recording ahead tells what the recording tells, in its order, and ends with it."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from genesis.capture.sources.ahead import FRAMES, Ahead
from genesis.capture.sources.base import Recording, SourceLostError, UnreadableFrameError

BROKEN = UnreadableFrameError("frame 1 can't be decoded")


class Tape(Recording):
    """Tells what it was given, again and again."""

    description = "tape"
    fps = 5.0

    def __init__(self, *told: object) -> None:
        self.told, self.at, self.closed = told, 0, False
        self.reached = threading.Event()
        self.threads: set[str] = set()

    def read(self) -> np.ndarray | None:
        self.threads.add(threading.current_thread().name)
        if self.at == len(self.told):
            return None
        told, self.at = self.told[self.at], self.at + 1
        if self.at > FRAMES:
            self.reached.set()
        if isinstance(told, Exception):
            raise told
        return np.full((2, 2, 3), told, np.uint8)

    def skip(self) -> bool:
        raise AssertionError

    def rewind(self) -> None:
        self.at = 0

    def close(self) -> None:
        self.closed = True


def numbers(ahead: Ahead) -> list[object]:
    found: list[object] = []
    while True:
        try:
            frame = ahead.read()
        except UnreadableFrameError as error:
            found.append(error)
            continue
        if frame is None:
            return found
        found.append(int(frame[0, 0, 0]))


def test_it_tells_every_frame_and_every_broken_one_in_order_and_again_after_a_rewind() -> None:
    tape = Tape(1, BROKEN, 2, 3, 4, 5)
    ahead = Ahead(tape)

    first = numbers(ahead)
    ahead.rewind()

    assert first == numbers(ahead) == [1, BROKEN, 2, 3, 4, 5]
    assert (ahead.description, ahead.fps) == ("tape", 5.0)
    assert tape.threads == {"read-ahead"}


def test_it_reads_before_it_is_asked_but_not_without_end() -> None:
    tape = Tape(*range(100))
    ahead = Ahead(tape)

    ahead.read()
    assert tape.reached.wait(10)
    ahead.close()

    assert tape.at <= FRAMES + 3


def test_closed_it_leaves_no_thread_and_leaves_the_recording_open() -> None:
    tape = Tape(*range(100))
    ahead = Ahead(tape)
    ahead.read()

    ahead.close()
    ahead.close()

    assert not [thread for thread in threading.enumerate() if thread.name == "read-ahead"]
    assert not tape.closed


def test_a_failure_is_told_to_the_reader_and_ends_it() -> None:
    ahead = Ahead(Tape(1, SourceLostError("gone")))
    ahead.read()

    with pytest.raises(SourceLostError, match="gone"):
        ahead.read()

    assert not [thread for thread in threading.enumerate() if thread.name == "read-ahead"]


def test_a_frame_that_is_passed_over_is_one_of_them() -> None:
    ahead = Ahead(Tape(1, BROKEN, 2))

    assert [ahead.skip(), ahead.skip()] == [True, True]
    assert int(ahead.read()[0, 0, 0]) == 2
    assert not ahead.skip()
