"""Answering `/metrics` and `/healthz` over HTTP, in threads that do not hold up the program."""

from __future__ import annotations

import json
import logging
import os
import socket
import socketserver
import threading
import weakref
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

logger = logging.getLogger(__name__)

METRICS, HEALTH = "/metrics", "/healthz"
PATIENCE_SECONDS = 5.0  # for a client that says nothing
LOOK_SECONDS = 0.1  # between two looks whether the server is to end


@dataclass(frozen=True, slots=True)
class Page:
    """What is answered."""

    status: int
    kind: str
    body: bytes


Pages = Mapping[str, Callable[[str], Page]]
"""What makes the page of each path; given the `Accept` header."""


def metrics_page(registry: CollectorRegistry) -> Callable[[str], Page]:
    """Return what makes the page of a registry, in the form that is asked for."""

    def page(accept: str) -> Page:
        encode, kind = choose_encoder(accept)
        return Page(200, kind, encode(registry))

    return page


def health_page(ailing: Callable[[], tuple[str, ...]], about: Mapping[str, Any]) -> Callable[[str], Page]:
    """Return what makes the page that tells how a program is: status 200, or 503 when a part ails.

    Args:
        ailing: tells which parts do.
        about: the program.
    """

    def page(_accept: str) -> Page:
        parts = ailing()
        body = json.dumps({"healthy": not parts, "ailing": parts, **about})
        return Page(503 if parts else 200, "application/json", body.encode() + b"\n")

    return page


class Server(ThreadingHTTPServer):
    """Serves some pages until it is closed.

    Args:
        address: to listen on.
        port: likewise; 0: any that is free.
        pages: by path.

    Raises:
        OSError: that can't be listened on.
    """

    def __init__(self, address: str, port: int, pages: Pages) -> None:
        self.pages = pages
        self.address_family = socket.AF_INET6 if ":" in address else socket.AF_INET
        super().__init__((address, port), _Handler)
        _open.add(self)
        self._thread = threading.Thread(target=self.serve_forever, args=(LOOK_SECONDS,), name="metrics and health", daemon=True)
        self._thread.start()

    def server_bind(self) -> None:
        """Bind; the machine's full name, which may take seconds to find out, is not asked for."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Make no fuss of a client that went away."""
        del request
        logger.debug("a request of %s was not answered", client_address)

    def close(self) -> None:
        """Listen no more."""
        _open.discard(self)
        self.shutdown()
        self.server_close()
        self._thread.join()


_open: weakref.WeakSet[Server] = weakref.WeakSet()


def _leave_to_parent() -> None:
    # A child that kept the socket would keep the port, and answer nobody, after its parent is gone.
    for server in list(_open):
        server.socket.close()
    _open.clear()


os.register_at_fork(after_in_child=_leave_to_parent)


def listen(address: str, ports: Iterable[int], pages: Pages) -> Server:
    """Serve on the first port that is free.

    Raises:
        OSError: none is, or the address can't be listened on.
    """
    reason: OSError | None = None
    for port in ports:
        try:
            return Server(address, port, pages)
        except OSError as error:
            reason = error
    raise reason or OSError("no port is given")


def ports_of(text: str) -> range:
    """Return the ports of a setting such as `9110-9149` or `9110`; none of an empty one."""
    first, _, last = text.partition("-")
    return range(int(first), int(last or first) + 1) if text else range(0)


class _Handler(BaseHTTPRequestHandler):
    """Answers one request."""

    timeout = PATIENCE_SECONDS
    server: Server

    def do_GET(self) -> None:
        """Answer with the page of the path."""
        make = self.server.pages.get(self.path.partition("?")[0])
        if make is None:
            page = Page(404, "text/plain; charset=utf-8", f"there are {' and '.join(self.server.pages)}\n".encode())
        else:
            try:
                page = make(self.headers.get("Accept", ""))
            except Exception:
                logger.exception("%s can't be told", self.path)
                page = Page(500, "text/plain; charset=utf-8", b"see the log\n")
        self.send_response(page.status)
        self.send_header("Content-Type", page.kind)
        self.send_header("Content-Length", str(len(page.body)))
        self.end_headers()
        self.wfile.write(page.body)

    def version_string(self) -> str:
        """Tell no versions."""
        return "genesis"

    def log_message(self, *_: object) -> None:
        """Log no requests."""
