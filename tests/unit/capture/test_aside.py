"""In sync mode what waits for the outside is done beside the line: it holds up no camera, is tried again, and does not go on for ever."""

from __future__ import annotations

import threading

import pytest

from genesis.capture import aside
from genesis.capture.aside import Aside
from genesis.capture.inprocess import InProcess
from genesis.context import Context
from genesis.errors import PermanentError, RetryableError
from genesis.events import AlertEvent, Event, PersonDetected, completed
from genesis.settings import Settings
from genesis.subscriptions import Registry, Retry, Subscription
from tests.events_of_tests import persons

PATIENCE = 10.0


class Endpoint:
    """Answers as it is told, one answer after the other."""

    def __init__(self, *answers: Exception | None, delays: tuple[float, ...] = (0.0, 0.0)) -> None:
        self.answers, self.delays = list(answers), delays
        self.runs: list[str] = []
        self.given_up: list[tuple[str, str]] = []
        self.open = threading.Event()
        self.open.set()
        self.over = threading.Event()
        self.row = Subscription(AlertEvent, "told", "notifications", lambda _event, _context: None, aside=True)

    def handle(self, row: Subscription, event: Event) -> None:
        del row
        self.open.wait(PATIENCE)
        self.runs.append(event.id)
        answer = self.answers.pop(0) if self.answers else None
        if not self.answers:
            self.over.set()
        if answer is not None:
            raise answer

    def failed(self, _row: Subscription, event: Event, error: BaseException) -> None:
        self.given_up.append((event.id, str(error)))

    def beside(self) -> Aside:
        return Aside(self.handle, lambda _row: Retry(len(self.delays), self.delays), self.failed)


def alert(name: str) -> AlertEvent:
    return AlertEvent(camera="door", time=persons().time, rule="night", id=name)


def test_whoever_gives_an_event_does_not_wait_for_it() -> None:
    endpoint = Endpoint(None)
    endpoint.open.clear()
    line = endpoint.beside()

    line.put(endpoint.row, alert("a"))
    before = list(endpoint.runs)
    endpoint.open.set()
    left = line.close(PATIENCE)

    assert (before, endpoint.runs, left) == ([], ["a"], 0)


@pytest.mark.parametrize(
    ("answers", "runs", "given_up"),
    [
        ([RetryableError("busy"), None], 2, []),
        ([RetryableError("1"), RetryableError("2"), RetryableError("3")], 3, [("a", "3")]),
        ([PermanentError("never")], 1, [("a", "never")]),
        ([ValueError("a mistake"), None], 2, []),
    ],
    ids=["once more", "as often as allowed", "never", "any error"],
)
def test_a_failure_is_tried_again_as_the_policy_says(answers: list[Exception | None], runs: int, given_up: list[tuple[str, str]]) -> None:
    endpoint = Endpoint(*answers)
    line = endpoint.beside()

    line.put(endpoint.row, alert("a"))
    assert endpoint.over.wait(PATIENCE)
    left = line.close(PATIENCE)

    assert (len(endpoint.runs), endpoint.given_up, left) == (runs, given_up, 0)


def test_the_end_does_not_wait_for_a_late_retry_and_says_what_is_left() -> None:
    endpoint = Endpoint(RetryableError("down"), delays=(3600.0,))
    line = endpoint.beside()
    line.put(endpoint.row, alert("a"))
    assert endpoint.over.wait(PATIENCE)

    left = line.close(PATIENCE)

    assert (left, endpoint.runs) == (1, ["a"])


def test_one_that_waits_for_its_retry_holds_up_nobody() -> None:
    endpoint = Endpoint(RetryableError("down"), None, delays=(3600.0,))
    line = endpoint.beside()

    line.put(endpoint.row, alert("a"))
    line.put(endpoint.row, alert("b"))
    assert endpoint.over.wait(PATIENCE)

    assert endpoint.runs == ["a", "b"]
    assert line.close(PATIENCE) == 1


def test_no_more_wait_than_there_is_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aside, "MOST_WAITING", 2)
    endpoint = Endpoint(None, None, None, None)
    endpoint.open.clear()
    line = endpoint.beside()

    for number in range(5):
        line.put(endpoint.row, alert(f"{number}"))
    endpoint.open.set()
    line.close(PATIENCE)

    assert len(endpoint.runs) + len(endpoint.given_up) == 5
    assert len(endpoint.given_up) >= 2
    assert "others wait already" in endpoint.given_up[0][1]


def test_a_camera_goes_on_while_an_endpoint_hangs() -> None:
    hang, told = threading.Event(), []

    def tell(event: AlertEvent, _context: Context) -> None:
        hang.wait(PATIENCE)
        told.append(event.rule)

    registry = Registry()
    registry.add(Subscription(PersonDetected, "rules", "q", lambda event, _: [AlertEvent.about(event, rule=f"{event.number}")]))
    registry.add(Subscription(AlertEvent, "told", "notifications", tell, aside=True))
    line = InProcess(Settings(), registry)

    for number in range(3):
        line.handle(completed(persons(number)))
    handled, before = dict(line.events), list(told)
    hang.set()
    line.close()

    assert handled == {"persons": 3, "alerts": 3}
    assert (before, told) == ([], ["0", "1", "2"])
