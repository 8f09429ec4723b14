"""Calls to the outside carry a key, and what fails is sorted into what passes and what does not."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from genesis.errors import GenesisError, PermanentError, RetryableError
from genesis.outward import Answer, post, send
from tests.events_of_tests import zone
from tests.servers.hook import SECRET, Hook, serving


@pytest.fixture
def hook(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hook]:
    monkeypatch.setenv("no_proxy", "*")
    with serving() as server:
        yield server


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


def test_bytes_are_sent_as_they_are(hook):
    send(hook.url(), b'{ "a" :1}', key="k")

    assert hook.bodies == [b'{ "a" :1}']


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0", "0x7f.1", "[::ffff:127.0.0.1]", "2130706433"])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_private_address_is_not_even_connected_to(monkeypatch, scheme, host):
    monkeypatch.setenv("no_proxy", "*")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0)

        with pytest.raises(PermanentError, match=r"POST https?://\S+: .* is no public address, and private ones are not allowed"):
            post(f"{scheme}://{host}:{listener.getsockname()[1]}/{SECRET}", {}, key="k", private=False)

        with pytest.raises(BlockingIOError):
            listener.accept()


def resolving(monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> list[str]:
    """Let the names of a test have one answer after the other, the last one for ever; return a list that notes the questions."""
    asked: list[str] = []

    def getaddrinfo(host: str, port: int | None, *_: object, **__: object) -> list[tuple[object, ...]]:
        answer = answers[min(len(asked), len(answers) - 1)]
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in answer]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return asked


def pretending(monkeypatch: pytest.MonkeyPatch, *public: str) -> None:
    """Take some of this machine's own addresses for public ones."""
    monkeypatch.setattr("genesis.addresses.is_public", lambda address: address in public)


def test_what_is_connected_to_is_the_address_that_was_judged(hook, monkeypatch):
    pretending(monkeypatch, "127.0.0.1")
    asked = resolving(monkeypatch, ["10.0.0.1", "127.0.0.1"], ["10.0.0.1"])

    answer = post(f"http://hook.example:{hook.server_port}/hook", {"alarm": 1}, key="k", private=False)

    assert answer.status == 200
    assert asked == ["hook.example"]
    assert hook.requests[0][2]["Host"] == f"hook.example:{hook.server_port}"


@pytest.mark.parametrize("status", [302, 307])
def test_a_name_that_means_something_else_after_a_redirect_is_judged_again(hook, monkeypatch, status):
    pretending(monkeypatch, "127.0.0.1")
    resolving(monkeypatch, ["127.0.0.1"], ["127.0.0.2"])
    hook.answers = [(status, {"Location": "/moved"})]

    with pytest.raises(PermanentError, match=r"hook\.example means 127\.0\.0\.2, which is no public address"):
        post(f"http://hook.example:{hook.server_port}/hook", {}, key="k", private=False)

    assert [path for _, path, _, _ in hook.requests] == ["/hook"]


def test_a_public_address_that_is_away_is_tried_again(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    pretending(monkeypatch, "127.0.0.1")
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]

    with pytest.raises(RetryableError, match="refused"):
        post(f"http://127.0.0.1:{port}/", {}, key="k", private=False)


@pytest.mark.parametrize(
    ("answer", "passes"), [(["127.0.0.2"], False), (["127.0.0.1", "127.0.0.2"], False), (["127.0.0.1"], True), ([], True)]
)
def test_a_proxy_is_asked_only_for_what_is_not_private_here(hook, monkeypatch, answer, passes):
    proxy = hook.url("")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", proxy)
    pretending(monkeypatch, "127.0.0.1")
    real = socket.getaddrinfo

    def getaddrinfo(host, port, *rest, **more):
        if host != "hook.example":
            return real(host, port, *rest, **more)
        if not answer:
            raise socket.gaierror
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in answer]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)

    if passes:
        assert post("http://hook.example/x", {}, key="k", private=False).status == 200
    else:
        with pytest.raises(PermanentError, match="no public address"):
            post("http://hook.example/x", {}, key="k", private=False)

    assert [path for _, path, _, _ in hook.requests] == ["http://hook.example/x"] * passes
