"""Who is told, what is noted, and what a failure means."""

from __future__ import annotations

import logging
import threading
from pathlib import Path

import pytest

from genesis.context import MemorySent
from genesis.errors import PermanentError, RetryableError, UsageError
from genesis.notify import Notice, deliver, load_channels, tell, told_of
from genesis.notify.channels import CHANNELS
from genesis.notify.delivery import GRACE_SECONDS
from genesis.settings import Notifier
from tests.alerts_of_tests import alert, telling, webhook

LOG = Notifier(name="log", kind="log")
LOW, HIGH = Notifier(name="low", kind="log"), Notifier(name="high", kind="log", severity="high")


def no_picture(sha256: str) -> Path | None:
    return None


@pytest.mark.parametrize(
    ("severity", "names", "told"),
    [
        ("low", (), ["low"]),
        ("medium", (), ["low"]),
        ("high", (), ["low", "high"]),
        ("critical", (), ["low", "high"]),
        ("critical", ("high",), ["high"]),
        ("low", ("high",), []),
        ("low", ("nobody",), []),
    ],
)
def test_who_is_named_and_for_whom_it_is_severe_enough_is_told(severity, names, told):
    assert [one.name for one in told_of(severity, names, (LOW, HIGH))] == told


def test_the_log_has_one_line_and_it_is_noted(caplog):
    sent = MemorySent()

    with caplog.at_level(logging.WARNING, "genesis"):
        deliver(alert(message="somebody\nentered"), telling(LOG), sent, no_picture)

    assert caplog.messages == ["log: night (high): somebody entered door, hall, 2026-01-02 12:00:00 UTC [alert-1]"]
    assert sent.sent("alert-1") == {"log"}


def test_who_was_told_is_not_told_again(caplog):
    sent = MemorySent()
    sent.note("alert-1", "low")

    with caplog.at_level(logging.WARNING, "genesis"):
        deliver(alert(), telling(LOW, HIGH), sent, no_picture)

    assert [message.partition(":")[0] for message in caplog.messages] == ["high"]


def test_a_name_that_nobody_has_is_said_after_the_others_were_told():
    sent = MemorySent()

    with pytest.raises(PermanentError, match=r"alert alert-1: not told: boss: there is no such notifier \(alerts.notifiers: low, high\)"):
        deliver(alert(notify=("boss", "low")), telling(LOW, HIGH), sent, no_picture)

    assert sent.sent("alert-1") == {"low"}


def test_a_url_that_is_none_is_said_at_once():
    with pytest.raises(PermanentError, match=r"hook: POST http://127\.0\.0\.1:1/\.\.\.: no such URL"):
        deliver(alert(), telling(webhook("hook", "http://127.0.0.1:1/\u00fc")), MemorySent(), no_picture)


@pytest.mark.parametrize("there", [True, False])
def test_the_picture_is_given_to_whom_it_concerns_if_it_is_there(tmp_path, monkeypatch, there, caplog):
    given: dict[str, Path | None] = {}
    monkeypatch.setitem(CHANNELS, "log", lambda notifier, notice: given.update({notifier.name: notice.picture}))  # type: ignore[arg-type]
    file = tmp_path / "a.jpg"
    if there:
        file.touch()

    deliver(
        alert(snapshot="a"), telling(LOG, Notifier(name="blind", kind="log", snapshots=False)), MemorySent(),
        lambda sha256: tmp_path / f"{sha256}.jpg",
    )  # fmt: skip

    assert given == {"log": file if there else None, "blind": None}
    assert ("goes out without its picture" in caplog.text) is not there


def test_a_picture_with_a_name_that_none_can_have_holds_up_no_alert():
    def refusing(sha256: str) -> Path:
        raise UsageError(sha256)

    sent = MemorySent()

    deliver(alert(snapshot="../x"), telling(LOG), sent, refusing)

    assert sent.sent("alert-1") == {"log"}


def test_who_takes_longer_than_its_time_is_tried_again_unless_it_succeeds_after_all(monkeypatch):
    go_on, noted = threading.Event(), threading.Event()

    class Sent(MemorySent):
        def note(self, event: str, name: str) -> None:
            super().note(event, name)
            noted.set()

    sent = Sent()
    monkeypatch.setitem(CHANNELS, "log", lambda *_: go_on.wait(30))  # type: ignore[arg-type]

    with pytest.raises(RetryableError, match=r"log: no answer within 0\.01 s"):
        deliver(alert(), telling(Notifier(name="log", kind="log", timeout_seconds=0.01)), sent, no_picture)
    before = sent.sent("alert-1")
    go_on.set()

    assert noted.wait(30)
    assert (before, sent.sent("alert-1")) == (frozenset(), {"log"})
    assert GRACE_SECONDS < 1


def test_an_unforeseen_error_is_tried_again_and_gives_no_address_away(monkeypatch):
    def broken(notifier: Notifier, notice: Notice) -> None:
        msg = f"can't {notifier.url} with token=s3cret"
        raise ValueError(msg)

    monkeypatch.setitem(CHANNELS, "webhook", broken)  # type: ignore[arg-type]

    with pytest.raises(RetryableError, match=r"hook: ValueError: can't https://\.\.\. with token=\*\*\*"):
        deliver(alert(), telling(webhook("hook", "https://hook.example/s3cret")), MemorySent(), no_picture)


def test_who_was_told_but_could_not_be_noted_is_said():
    class Away(MemorySent):
        def note(self, event: str, name: str) -> None:
            raise ConnectionError(name)

    with pytest.raises(RetryableError, match="log: told, but that could not be noted: ConnectionError: log"):
        deliver(alert(), telling(LOG), Away(), no_picture)


def test_outcomes_have_the_order_of_the_notifiers():
    outcomes = tell(Notice(alert()), (LOW, webhook("hook", "http://127.0.0.1:1/\u00fc"), HIGH))

    assert [outcome.name for outcome in outcomes] == ["low", "hook", "high"]
    assert [outcome.line for outcome in outcomes if not outcome.error] == ["low: ok", "high: ok"]


@pytest.mark.parametrize(
    ("notifiers", "text"),
    [((), "nobody is told of alerts"), ((LOG, webhook("hook", "http://h")), "log (log), hook (webhook)")],
)
def test_a_worker_says_whom_it_tells(notifiers, text):
    assert load_channels(telling(*notifiers)) == text
