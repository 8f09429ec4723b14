"""Alerts reach everybody who is to be told, each once, whoever is away meanwhile."""

from __future__ import annotations

import base64
import dataclasses
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import tasks.notifications
from genesis.context import Context, MemorySent
from genesis.errors import PermanentError, RetryableError
from genesis.notify import deliver
from genesis.notify.signature import HEADER, verify
from genesis.settings import Notifier, Settings
from genesis.storage.crops import SNAPSHOTS, Crops
from genesis.subscriptions import registry
from tests.alerts_of_tests import alert, telling, webhook
from tests.servers.hook import SECRET, Hook, serving


@pytest.fixture
def hooks(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Hook, Hook]]:
    monkeypatch.setenv("no_proxy", "*")
    with serving() as first, serving() as second:
        yield first, second


@pytest.fixture
def sent() -> MemorySent:
    return MemorySent()


def no_picture(sha256: str) -> Path | None:
    return None


def runs(settings: Settings, sent: MemorySent, most: int = 10, **changes: Any) -> int:
    """Deliver an alert as a worker does, again and again until it has gone; return how many runs it took."""
    for run in range(1, most + 1):
        try:
            deliver(alert(**changes), settings, sent, no_picture)
        except RetryableError:
            continue
        return run
    pytest.fail("it never went")


def test_a_webhook_is_sent_the_alert_signed_and_with_its_key(hooks, sent):
    hook = hooks[0]

    deliver(alert(), telling(webhook("guard", hook.url(), secret=SECRET)), sent, no_picture)

    ((method, path, headers, payload),) = hook.requests
    assert (method, path, headers["Idempotency-Key"], headers["X-Genesis-Event"]) == ("POST", "/hook", "alert-1", "alert.raised")
    assert (payload["id"], payload["rule"], payload["time"], payload["test"]) == ("alert-1", "night", "2026-01-02T12:00:00Z", False)
    assert verify(SECRET, hook.bodies[0], headers[HEADER], time.time())
    assert not verify("another", hook.bodies[0], headers[HEADER], time.time())
    assert sent.sent("alert-1") == {"guard"}


def test_without_a_secret_nothing_is_signed(hooks, sent):
    deliver(alert(), telling(webhook("guard", hooks[0].url())), sent, no_picture)

    assert HEADER not in hooks[0].requests[0][2]


def test_an_update_has_a_key_of_its_own_and_is_told_to_who_was_told_of_the_alert(hooks, sent):
    settings = telling(webhook("guard", hooks[0].url()))

    deliver(alert(), settings, sent, no_picture)
    deliver(alert(id="alert-1-7", kind="updated", identity="Ada"), settings, sent, no_picture)

    assert [headers["Idempotency-Key"] for _, _, headers, _ in hooks[0].requests] == ["alert-1", "alert-1-7"]
    assert [headers["X-Genesis-Event"] for _, _, headers, _ in hooks[0].requests] == ["alert.raised", "alert.updated"]
    assert [payload["alert"] for _, _, _, payload in hooks[0].requests] == ["alert-1", "alert-1"]


def test_a_failure_that_passes_is_tried_again_with_the_same_key(hooks, sent):
    hook = hooks[0]
    hook.answers = [(500, {}), (503, {}), (429, {})]

    assert runs(telling(webhook("guard", hook.url())), sent) == 4
    assert {headers["Idempotency-Key"] for _, _, headers, _ in hook.requests} == {"alert-1"}
    assert len(hook.effects) == 1


def test_while_one_is_away_the_other_is_told_once(hooks, sent):
    there, away = hooks
    away.answers = [(503, {})] * 4

    count = runs(telling(webhook("away", away.url()), webhook("there", there.url())), sent)

    assert count == 5
    assert len(there.requests) == 1
    assert len(away.requests) == 5
    assert sent.sent("alert-1") == {"away", "there"}


def test_a_run_that_is_repeated_after_all_were_told_tells_nobody(hooks, sent):
    settings = telling(webhook("guard", hooks[0].url()), webhook("boss", hooks[1].url()))

    deliver(alert(), settings, sent, no_picture)
    deliver(alert(), settings, sent, no_picture)

    assert [len(hook.requests) for hook in hooks] == [1, 1]


def test_who_refuses_for_good_is_told_of_after_the_others_were_told(hooks, sent):
    there, gone = hooks
    gone.answers = [(404, {})] * 2
    settings = telling(webhook("gone", gone.url(f"/{SECRET}")), webhook("there", there.url()))

    with pytest.raises(PermanentError, match=rf"alert alert-1: not told: gone: POST {gone.url('')}/\.\.\.: 404 Not Found") as caught:
        deliver(alert(), settings, sent, no_picture)

    assert SECRET not in str(caught.value)
    assert sent.sent("alert-1") == {"there"}


def test_as_long_as_one_may_still_be_told_it_is_tried_again(hooks, sent):
    slow, gone = hooks
    gone.answers = [(404, {})] * 2
    slow.answers = [(503, {})]
    settings = telling(webhook("gone", gone.url()), webhook("slow", slow.url()))

    with pytest.raises(RetryableError, match=r"not told: gone: .* 404 .*; slow: .* 503 "):
        deliver(alert(), settings, sent, no_picture)
    with pytest.raises(PermanentError, match=r"not told: gone: "):
        deliver(alert(), settings, sent, no_picture)

    assert sent.sent("alert-1") == {"slow"}


def test_a_mended_cause_and_a_replay_tell_only_who_is_missing(hooks, sent):
    there, gone = hooks
    gone.answers = [(404, {})]
    settings = telling(webhook("gone", gone.url()), webhook("there", there.url()))
    with pytest.raises(PermanentError):
        deliver(alert(), settings, sent, no_picture)

    deliver(alert(), settings, sent, no_picture)

    assert (len(there.requests), len(gone.requests)) == (1, 2)


def test_who_hangs_holds_up_nobody_and_is_tried_again(hooks, sent):
    slow, quick = hooks
    slow.answers = [(0, {})]  # hangs until the other one was told
    quick.heard = slow.release
    settings = telling(webhook("slow", slow.url(), timeout_seconds=30), webhook("quick", quick.url()))

    with pytest.raises(RetryableError, match=r"slow: .*closed connection"):
        deliver(alert(), settings, sent, no_picture)

    assert sent.sent("alert-1") == {"quick"}


def test_who_takes_too_long_is_tried_again(hooks, sent):
    hooks[0].answers = [(0, {})]

    with pytest.raises(RetryableError, match=r"slow: POST .*: timed out"):
        deliver(alert(), telling(webhook("slow", hooks[0].url(), timeout_seconds=0.2)), sent, no_picture)


def test_who_answers_drop_by_drop_is_not_waited_for_longer_than_its_time(sent, monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    stopped = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def drip() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.sendall(b"HTTP/1.1 200 OK\r\nX-Drops: ")
                while not stopped.wait(0.05):
                    connection.sendall(b".")

        thread = threading.Thread(target=drip)
        thread.start()
        notifier = webhook("drip", f"http://127.0.0.1:{listener.getsockname()[1]}/", timeout_seconds=0.3)

        with pytest.raises(RetryableError, match=r"drip: no answer within 0\.3 s"):
            deliver(alert(), telling(notifier), sent, no_picture)

        stopped.set()
        thread.join()


def test_who_is_not_there_is_tried_again(sent, monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/{SECRET}"

    with pytest.raises(RetryableError, match=r"guard: POST .* refused") as caught:
        deliver(alert(), telling(webhook("guard", url)), sent, no_picture)

    assert SECRET not in str(caught.value)


def test_a_redirect_on_the_same_host_is_followed_with_the_signature(hooks, sent):
    hook = hooks[0]
    hook.answers = [(308, {"Location": "/moved"})]

    deliver(alert(), telling(webhook("guard", hook.url(), secret=SECRET)), sent, no_picture)

    assert [path for _, path, _, _ in hook.requests] == ["/hook", "/moved"]
    assert verify(SECRET, hook.bodies[1], hook.requests[1][2][HEADER], time.time())


def test_a_redirect_to_another_host_is_refused(hooks, sent):
    hooks[0].answers = [(307, {"Location": hooks[1].url().replace("127.0.0.1", "localhost")})]

    with pytest.raises(PermanentError, match="another host"):
        deliver(alert(), telling(webhook("guard", hooks[0].url())), sent, no_picture)

    assert hooks[1].requests == []


def test_a_private_address_is_refused_unless_it_is_allowed(hooks, sent):
    notifier = Notifier(name="guard", kind="webhook", url=hooks[0].url())

    with pytest.raises(
        PermanentError,
        match=r"guard: .* 127\.0\.0\.1 is no public address, and private ones are not allowed \(allow_private: true allows them\)",
    ):
        deliver(alert(), telling(notifier), sent, no_picture)

    assert hooks[0].requests == []


def push_to(hook: Hook, topic: str, **changes: Any) -> Notifier:
    url = f"ntfy://me:{SECRET}@127.0.0.1:{hook.server_port}/{topic}"
    return Notifier(**{"name": "phone", "kind": "apprise", "url": url, "timeout_seconds": 5, **changes})


def test_apprise_sends_title_and_text(hooks, sent):
    hook = hooks[0]

    deliver(alert(), telling(push_to(hook, "door")), sent, no_picture)

    payload = hook.requests[0][3]
    assert payload["topic"] == "door"
    assert payload["title"] == "night (high)"
    assert payload["message"] == "somebody entered hall\ndoor, hall, 2026-01-02 12:00:00 UTC"
    assert sent.sent("alert-1") == {"phone"}


def test_what_apprise_could_not_send_is_tried_again_with_its_reason_and_without_secrets(hooks, sent, caplog):
    hook = hooks[0]
    hook.answers = [(500, {})]
    settings = telling(push_to(hook, "topic-of-the-door"))

    with pytest.raises(RetryableError, match=r"phone: ntfy://\.\.\.: .*Internal server error.*500") as caught:
        deliver(alert(), settings, sent, no_picture)
    deliver(alert(), settings, sent, no_picture)

    assert all(word not in f"{caught.value}{caplog.text}" for word in (SECRET, "topic-of-the-door"))
    assert len(hook.requests) == 2
    assert sent.sent("alert-1") == {"phone"}


def test_apprise_waits_no_longer_than_the_notifier_lets_it(hooks, sent):
    hooks[0].answers = [(0, {})]

    with pytest.raises(RetryableError, match=r"phone: ntfy://\.\.\.: .*onnection error"):
        deliver(alert(), telling(push_to(hooks[0], "door", timeout_seconds=0.2)), sent, no_picture)


@pytest.fixture
def context(hooks: tuple[Hook, Hook], tmp_path: Path) -> Context:
    """Return the context of a notification worker that tells a webhook and a phone."""
    settings = telling(webhook("guard", hooks[0].url()), push_to(hooks[1], "door"), data_dir=tmp_path)
    return Context(settings, None, None)  # type: ignore[arg-type]


def test_a_worker_sends_the_stored_picture_along(hooks, context):
    jpeg = b"\xff\xd8 a picture"
    sha256 = Crops(context.settings.data_dir, SNAPSHOTS).put(jpeg)

    tasks.notifications.send_alert(alert(snapshot=sha256), context)

    snapshot = hooks[0].requests[0][3]["snapshot"]
    assert snapshot == {"sha256": sha256, "media_type": "image/jpeg", "data": base64.b64encode(jpeg).decode()}
    assert jpeg in hooks[1].bodies
    assert context.sent.sent("alert-1") == {"guard", "phone"}


def test_an_alert_whose_picture_is_gone_is_sent_without(hooks, context):
    tasks.notifications.send_alert(alert(snapshot="0" * 64), context)

    assert hooks[0].requests[0][3]["snapshot"] is None
    assert len(hooks[1].requests) == 1


def test_a_worker_has_minutes_of_retries_and_more_time_than_its_notifiers():
    (row,) = [row for row in registry if row.handler is tasks.notifications.send_alert]

    assert (row.group, row.queue) == ("notification-workers", "notifications")
    policy = row.policy(Settings())
    assert [policy.delay(attempt) for attempt in range(1, policy.max_retries + 1)] == [1, 5, 15, 60, 300]
    assert row.time_limit is not None
    assert row.time_limit > 60


def test_a_worker_says_whom_it_tells(context):
    assert tasks.notifications.load_notifiers(context) == "guard (webhook), phone (apprise)"
    assert tasks.notifications.load_notifiers(dataclasses.replace(context, settings=telling())) == "nobody is told of alerts"
