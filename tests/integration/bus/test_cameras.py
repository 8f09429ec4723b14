"""What is known of a camera is right in whatever order its events are handled."""

from __future__ import annotations

from datetime import timedelta
from itertools import count, permutations
from typing import Literal

import msgspec
import pytest

from genesis.bus.cameras import LedgerCameras
from genesis.bus.ledger import Ledger
from genesis.events import FrameCaptured, MetricsEvent, SessionEvent
from tests.events_of_tests import NOON, frame

Kind = Literal["started", "lost", "recovered", "ended"]
Published = tuple[str, FrameCaptured | SessionEvent | MetricsEvent]


class Ledgered:
    """Publishes events, in order, and notes them on the board in any."""

    def __init__(self, ledger: Ledger) -> None:
        self.client = ledger.client
        self.freed: list[str] = []
        self._board = LedgerCameras(ledger, self.freed.extend)
        self._entries = (f"{number}-{number % 2}" for number in count(5))

    def session(self, kind: Kind, name: str, second: float = 0.0) -> Published:
        event = SessionEvent(camera="door", time=NOON + timedelta(seconds=second), scope="camera", kind=kind, session=name)
        return next(self._entries), event

    def frame(self, number: int, name: str, second: float = 0.0) -> Published:
        return next(self._entries), frame(number, session=name, time=NOON + timedelta(seconds=second), frame_key=f"{name}-{number}")

    def window(self, name: str, second: float) -> Published:
        event = MetricsEvent(camera="door", time=NOON + timedelta(seconds=second), window=10.0, session=name, frames_processed=7)
        return next(self._entries), event

    def note(self, *published: Published) -> None:
        for entry, event in published:
            if isinstance(event, FrameCaptured):
                self._board.at(entry).seen(event)
            elif isinstance(event, MetricsEvent):
                self._board.at(entry).measured(event)
            else:
                self._board.at(entry).changed(event)

    def known(self) -> tuple[str, str, str, str]:
        """Return session, number of the newest frame, state, and the frame that is held."""
        values = self.client.hmget("genesis:camera:door", "session", "number", "state", "frame_key")
        session, number, state, held = (value.decode() for value in values)
        return session, number, state, held

    def figures(self) -> MetricsEvent:
        return msgspec.json.decode(self.client.hget("genesis:figures:door", "figures"), type=MetricsEvent)

    def references(self) -> dict[bytes, bytes]:
        return self.client.hgetall("genesis:references")


@pytest.fixture
def board(bus: Ledger) -> Ledgered:
    return Ledgered(bus)


def test_the_last_frames_are_counted_though_the_end_was_noted_before_them(board: Ledgered) -> None:
    started, *frames = board.session("started", "s"), *[board.frame(number, "s", number) for number in range(10)]
    ended = board.session("ended", "s", 10)

    board.note(started, *frames[:3], ended, *frames[3:])

    assert board.known() == ("s", "9", "ended", "")
    assert board.references() == {}


def test_a_new_session_is_known_though_the_one_before_was_played_into_the_future(board: Ledgered) -> None:
    board.note(board.session("started", "a"), board.frame(0, "a"), board.frame(1, "a", 600), board.session("ended", "a", 601))

    board.note(board.session("started", "b", 30), board.frame(0, "b", 30))

    assert board.known() == ("b", "0", "live", "b-0")
    assert board.references() == {b"b-0": b"1"}


def test_a_frame_from_before_a_loss_does_not_bring_the_camera_back(board: Ledgered) -> None:
    first, second, lost = board.frame(0, "s"), board.frame(1, "s"), board.session("lost", "s")

    board.note(first, lost, second)

    assert board.known() == ("s", "1", "lost", "s-1")


@pytest.mark.parametrize("order", list(permutations(range(5))), ids=str)
def test_the_order_in_which_events_are_handled_makes_no_difference(board: Ledgered, order: tuple[int, ...]) -> None:
    events = [
        board.frame(0, "a"), board.session("ended", "a"), board.session("started", "b"), board.frame(0, "b"), board.frame(1, "b"),
    ]  # fmt: skip

    board.note(*(events[index] for index in order))
    board.note(*events)

    assert board.known() == ("b", "1", "live", "b-1")
    assert board.references() == {b"b-1": b"1"}


@pytest.mark.parametrize("order", list(permutations(range(3))), ids=str)
def test_the_newest_window_is_kept_whatever_the_order(board: Ledgered, order: tuple[int, ...]) -> None:
    windows = [board.window("s", second) for second in (0, 10, 20.5)]

    board.note(*(windows[index] for index in order))
    board.note(*windows[:2])

    assert board.figures() == windows[2][1]


@pytest.mark.parametrize("order", list(permutations(range(3))), ids=str)
def test_a_new_session_tells_its_figures_though_its_clock_is_behind(board: Ledgered, order: tuple[int, ...]) -> None:
    windows = [board.window("a", 90_000), board.window("b", 0), board.window("b", 10)]

    board.note(*(windows[index] for index in order))

    assert board.figures() == windows[2][1]
