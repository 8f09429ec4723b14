"""Network cameras that answer over RTSP and HTTP and want a password, one connection and one thread at a time."""

from __future__ import annotations

import base64
import hashlib
import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Answers = Callable[[str, str], str]
"""What makes an answer from a request's first line and its `Authorization`."""

USER, PASSWORD, REALM, NONCE = "viewer", "s3cret:word", "cam", "1badfeed"


def open_to_all(_line: str, _authorization: str) -> str:
    """Answer whoever asks."""
    return "RTSP/1.0 200 OK\r\nContent-Length: 0"


def nobody_home(line: str, _authorization: str) -> str:
    """Know no stream."""
    return f"{line.rpartition(' ')[2]} 404 Not Found"


def basic(line: str, authorization: str) -> str:
    """Want a password in the open."""
    version = line.rpartition(" ")[2]
    if authorization == "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode():
        return f"{version} 200 OK"
    return f'{version} 401 Unauthorized\r\nWWW-Authenticate: Basic realm="{REALM}"'


def digest(line: str, authorization: str) -> str:
    """Want a password as a digest, computed here by the book (RFC 2617, without `qop`)."""
    method, _, rest = line.partition(" ")
    told = dict(re.findall(r'(\w+)="([^"]*)"', authorization))
    secret = hashlib.md5(f"{USER}:{REALM}:{PASSWORD}".encode(), usedforsecurity=False).hexdigest()
    request = hashlib.md5(f"{method}:{told.get('uri')}".encode(), usedforsecurity=False).hexdigest()
    wanted = hashlib.md5(f"{secret}:{NONCE}:{request}".encode(), usedforsecurity=False).hexdigest()
    version = rest.rpartition(" ")[2]
    if told.get("response") == wanted and told.get("uri") == rest.rpartition(" ")[0]:
        return f"{version} 200 OK"
    return f'{version} 401 Unauthorized\r\nWWW-Authenticate: Digest realm="{REALM}", nonce="{NONCE}"'


def silent(_line: str, _authorization: str) -> str:
    """Say nothing that is an answer."""
    return "SSH-2.0-OpenSSH_9.2"


@contextmanager
def camera(answers: Answers, *, closes: bool = False) -> Iterator[str]:
    """Serve a camera on loopback; give its host and port.

    Args:
        answers: makes the answers.
        closes: the connection after each of them.
    """
    server = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=_serve, args=(server, answers, closes), daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{server.getsockname()[1]}"
    finally:
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        thread.join()


def _serve(server: socket.socket, answers: Answers, closes: bool) -> None:
    while True:
        try:
            line, _ = server.accept()
        except OSError:
            return
        with line:
            line.settimeout(5)
            while request := _head(line):
                first, *rest = request.split("\r\n")
                given = next((row.partition(": ")[2] for row in rest if row.startswith("Authorization: ")), "")
                line.sendall(f"{answers(first, given)}\r\n\r\n".encode())
                if closes:
                    break


def _head(line: socket.socket) -> str:
    head = b""
    try:
        while b"\r\n\r\n" not in head:
            part = line.recv(4096)
            if not part:
                return ""
            head += part
    except OSError:
        return ""
    return head.partition(b"\r\n\r\n")[0].decode()
