"""Find a port that nobody listens on, near the one that is wanted: several installations may share a machine. And name pages there."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Container
from itertools import islice

MOST_TRIED = 100
_MOST = 65_535


def free_port(address: str, wanted: int, others: Container[int] = ()) -> int:
    """Return the first free port from the wanted one on, so that the next start finds the same; 0 if there is none near.

    Whoever takes it a moment later is met by the program that wants to listen there.

    Args:
        address: to listen on.
        wanted: port that is tried first.
        others: ports that are left to others.
    """
    candidates = (port for port in range(wanted, _MOST + 1) if port == wanted or port not in others)
    return next((port for port in islice(candidates, MOST_TRIED) if _is_free(address, port)), 0)


def page(address: str, port: int | str) -> str:
    """Return the URL, for somebody on this machine, of a page that is served there.

    >>> page("0.0.0.0", 5555), page("::1", 5555), page("host.example", 80)
    ('http://127.0.0.1:5555', 'http://[::1]:5555', 'http://host.example:80')
    """
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        host = address
    else:
        host = (
            ("[::1]" if parsed.is_unspecified else f"[{address}]") if ":" in address else "127.0.0.1" if parsed.is_unspecified else address
        )
    return f"http://{host}:{port}"


def _is_free(address: str, port: int) -> bool:
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # connections that were closed a moment ago hold up nobody
        try:
            probe.bind((address, port))
            probe.listen()
        except OSError:
            return False
    return True
