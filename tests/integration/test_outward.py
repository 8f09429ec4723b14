"""Calls to the outside carry a key, and what fails is sorted into what passes and what does not."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from genesis.errors import GenesisError, PermanentError, RetryableError
from genesis.outward import Answer, post
from tests.events_of_tests import zone

SECRET = "s3cret"


class Hook(ThreadingHTTPServer):
    """A receiver that answers as it is told, and acts once for each key."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Receiver)
        self.answers: list[tuple[int, dict[str, str]]] = []
        self.requests: list[tuple[str, str, dict[str, str], object]] = []
        self.effects: dict[str, object] = {}
        self.release = threading.Event()

    def url(self, path: str = "/hook", user: str = "") -> str:
        return f"http://{user}127.0.0.1:{self.server_port}{path}"


class Receiver(BaseHTTPRequestHandler):
    """Notes a request, and answers with the next of the server's answers; else with 200."""

    server: Hook

    def do_POST(self) -> None:
        payload = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.requests.append((self.command, self.path, dict(self.headers), payload))
        status, headers = self.server.answers.pop(0) if self.server.answers else (200, {})
        if status == 0:
            self.server.release.wait(30)
            return
        if status in {200, 502}:  # 502: it was done, and the answer was lost on the way back
            self.server.effects.setdefault(self.headers["Idempotency-Key"], payload)
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        body = f"said password={SECRET}\nand more".encode()
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def hook(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hook]:
    monkeypatch.setenv("no_proxy", "*")
    server = Hook()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.release.set()
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_call_carries_its_payload_and_its_key(hook):
    event = zone()

    answer = post(hook.url("/hook?a=1"), event, key="event-1", headers={"X-Site": "north"})

    ((method, path, headers, payload),) = hook.requests
    assert isinstance(answer, Answer)
    assert (answer.status, answer.body) == (200, b"said password=s3cret\nand more")
    assert (method, path) == ("POST", "/hook?a=1")
    assert (headers["Idempotency-Key"], headers["X-Site"], headers["Content-Type"]) == ("event-1", "north", "application/json")
    assert (payload["camera"], payload["zone"]) == (event.camera, event.zone)


def test_a_call_that_is_repeated_until_it_is_accepted_has_one_effect(hook):
    hook.answers = [(503, {}), (502, {}), (429, {})]
    runs = 0

    while True:
        runs += 1
        try:
            post(hook.url(), {"alarm": 1}, key="event-1")
        except RetryableError:
            continue
        break
    post(hook.url(), {"alarm": 2}, key="event-2")

    assert runs == 4
    assert hook.effects == {"event-1": {"alarm": 1}, "event-2": {"alarm": 2}}


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        *((status, RetryableError) for status in (408, 409, 425, 429, 500, 502, 503, 504)),
        *((status, PermanentError) for status in (400, 401, 403, 404, 410, 413, 422, 304)),
    ],
)
def test_a_refusal_passes_or_it_does_not(hook, status, kind):
    hook.answers = [(status, {})]

    with pytest.raises(kind, match=rf"POST http://127\.0\.0\.1:\d+/\.\.\.: {status} ") as caught:
        post(hook.url(f"/{SECRET}?token={SECRET}", f"me:{SECRET}@"), {}, key="k", headers={"X-Api": SECRET})

    assert SECRET not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_receiver_that_is_away_or_too_slow_is_tried_again(hook):
    hook.answers = [(0, {})]
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{unused.getsockname()[1]}/"

    with pytest.raises(RetryableError, match="refused"):
        post(nobody, {}, key="k")
    with pytest.raises(RetryableError, match="timed out"):
        post(hook.url(), {}, key="k", timeout=0.1)
    hook.release.set()
    hook.answers = [(0, {})]
    with pytest.raises(RetryableError, match="closed connection"):
        post(hook.url(), {}, key="k")


def test_a_user_and_a_password_are_sent_as_such(hook):
    post(hook.url(user="me%40home:p%3Aw@"), {}, key="k")

    assert hook.requests[0][2]["Authorization"] == "Basic bWVAaG9tZTpwOnc="


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_on_the_same_host_is_followed_with_payload_and_key(hook, status):
    hook.answers = [(status, {"Location": "/moved"})]

    post(hook.url(user=f"me:{SECRET}@"), {"alarm": 1}, key="k")

    assert [(method, path) for method, path, _, _ in hook.requests] == [("POST", "/hook"), ("POST", "/moved")]
    assert {headers["Idempotency-Key"] for _, _, headers, _ in hook.requests} == {"k"}
    assert hook.effects == {"k": {"alarm": 1}}


def test_what_is_done_and_described_elsewhere_is_done(hook):
    hook.answers = [(303, {"Location": "/result"})]

    assert post(hook.url(), {}, key="k").status == 303
    assert len(hook.requests) == 1


@pytest.mark.parametrize("location", ["http://localhost:{port}/", "http://127.0.0.1:1/", "file:///etc/passwd", "//example.invalid/x"])
def test_a_redirect_to_another_host_is_refused(hook, location):
    hook.answers = [(307, {"Location": location.format(port=hook.server_port)})]

    with pytest.raises(PermanentError, match=r"another host|not an http"):
        post(hook.url(), {}, key="k")

    assert len(hook.requests) == 1


def test_redirects_that_do_not_end_are_refused(hook):
    hook.answers = [(307, {"Location": "/hook"})] * 20

    with pytest.raises(PermanentError, match="more than 5 redirects"):
        post(hook.url(), {}, key="k")


@pytest.mark.parametrize(
    ("url", "changes", "message"),
    [
        ("file:///etc/passwd", {}, "not an http:// or https:// URL"),
        ("ftp://me:s3cret@host/x", {}, "not an http:// or https:// URL"),
        ("http://", {}, "not an http:// or https:// URL"),
        ("http://host:notaport/", {}, "not an http:// or https:// URL"),
        ("127.0.0.1/hook", {}, "not an http:// or https:// URL"),
        ("http://127.0.0.1:1/a b", {}, "no such URL"),
        ("http://127.0.0.1:1/ü", {}, "no such URL"),
        ("http://127.0.0.1:1/", {"key": ""}, "the idempotency key is empty"),
        ("http://127.0.0.1:1/", {"key": "a\r\nX-Evil: s3cret"}, "header 'Idempotency-Key' can't be sent"),
        ("http://127.0.0.1:1/", {"headers": {"X-Key": "s3cret\n"}}, "header 'X-Key' can't be sent"),
        ("http://127.0.0.1:1/", {"payload": {"a": object()}}, "the payload can't be sent as JSON"),
    ],
)
def test_what_can_never_be_sent_is_said_in_one_line_without_secrets(url, changes, message):
    given = {"payload": {}, "key": "k", **changes}

    with pytest.raises(GenesisError, match=message) as caught:
        post(url, given.pop("payload"), **given)

    assert isinstance(caught.value, PermanentError)
    assert SECRET not in str(caught.value)
