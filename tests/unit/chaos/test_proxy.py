"""The network between the system under test and its servers can be spoilt, and is as good as none otherwise."""

from __future__ import annotations

import socket
import socketserver
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from genesis.chaos.proxy import Proxy


class Echo(socketserver.BaseRequestHandler):
    """Answers what it is told, and notes it."""

    heard: list[bytes]

    def handle(self) -> None:
        while data := self.request.recv(1000):
            self.heard.append(data)
            self.request.sendall(data)


@pytest.fixture
def heard() -> list[bytes]:
    return []


@pytest.fixture
def proxy(tmp_path: Path, heard: list[bytes]) -> Iterator[Proxy]:
    handler = type("Noting", (Echo,), {"heard": heard})
    with socketserver.ThreadingUnixStreamServer(str(tmp_path / "echo"), handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        made = Proxy(tmp_path / "echo")
        made.start()
        yield made
        made.close()
        server.shutdown()


@pytest.fixture
def client(proxy: Proxy) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=10) as made:
        yield made


def ask(client: socket.socket, text: bytes) -> bytes:
    client.sendall(text)
    return client.recv(1000)


def is_over(client: socket.socket) -> bool:
    try:
        return ask(client, b"anybody there") == b""
    except ConnectionError:
        return True


def is_refused(proxy: Proxy) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", proxy.port), timeout=10) as client:
            return is_over(client)
    except ConnectionError:
        return True


def test_everything_passes(client: socket.socket) -> None:
    assert [ask(client, text) for text in (b"one", b"two")] == [b"one", b"two"]


def test_what_stalled_arrives_afterwards(proxy: Proxy, client: socket.socket) -> None:
    proxy.stall()
    client.sendall(b"later")
    client.settimeout(0.1)
    with pytest.raises(TimeoutError):
        client.recv(1000)

    proxy.mend()
    client.settimeout(10)

    assert client.recv(1000) == b"later"


def test_connections_old_and_new_are_reset_until_it_is_mended(proxy: Proxy, client: socket.socket) -> None:
    assert ask(client, b"before") == b"before"

    proxy.refuse()

    assert is_over(client)
    assert is_refused(proxy)
    proxy.mend()
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=10) as third:
        assert ask(third, b"after") == b"after"


def test_a_delay_is_taken_each_way(proxy: Proxy, client: socket.socket) -> None:
    proxy.delay(0.05)
    begun = time.monotonic()

    assert ask(client, b"far") == b"far"
    assert time.monotonic() - begun >= 0.1


def test_an_answer_is_lost_though_what_was_asked_is_done(proxy: Proxy, client: socket.socket, heard: list[bytes]) -> None:
    proxy.lose_answers()
    client.sendall(b"do it")
    client.settimeout(0.1)
    with pytest.raises(TimeoutError):
        client.recv(1000)

    proxy.mend()
    client.settimeout(10)

    assert heard == [b"do it"]
    assert is_over(client)  # nobody waits for ever


def test_a_server_that_is_away_is_a_connection_that_ends(tmp_path: Path) -> None:
    proxy = Proxy(tmp_path / "nobody")
    proxy.start()

    with socket.create_connection(("127.0.0.1", proxy.port), timeout=10) as client:
        assert client.recv(1000) == b""

    proxy.close()
