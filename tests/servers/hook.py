"""A receiver of calls that answers as it is told, and notes what it was sent."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import msgspec

SECRET = "s3cret"


class Hook(ThreadingHTTPServer):
    """A receiver that answers as it is told, and acts once for each key."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Receiver)
        self.answers: list[tuple[int, dict[str, str]]] = []
        self.requests: list[tuple[str, str, dict[str, str], object]] = []
        self.bodies: list[bytes] = []
        self.effects: dict[str, object] = {}
        self.release = threading.Event()
        self.heard = threading.Event()

    def url(self, path: str = "/hook", user: str = "") -> str:
        return f"http://{user}127.0.0.1:{self.server_port}{path}"


class Receiver(BaseHTTPRequestHandler):
    """Notes a request, and answers with the next of the server's answers; else with 200."""

    server: Hook

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.bodies.append(body)
        payload = _plain(body)
        self.server.heard.set()
        self.server.requests.append((self.command, self.path, dict(self.headers), payload))
        status, headers = self.server.answers.pop(0) if self.server.answers else (200, {})
        if status == 0:
            self.server.release.wait(30)
            return
        if status in {200, 502}:  # 502: it was done, and the answer was lost on the way back
            self.server.effects.setdefault(self.headers.get("Idempotency-Key", ""), payload)
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        body = f"said password={SECRET}\nand more".encode()
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextlib.contextmanager
def serving() -> Iterator[Hook]:
    """Run one until the block ends."""
    server = Hook()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server
    finally:
        server.release.set()
        server.shutdown()
        thread.join()
        server.server_close()


def _plain(body: bytes) -> object:
    try:
        return msgspec.json.decode(body)
    except msgspec.DecodeError:  # not every caller speaks JSON
        return body
