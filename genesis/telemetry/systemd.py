"""Telling systemd, where it has started this program, that it works, that it goes on, and that it ends (sd_notify).

A unit with `Type=notify` and `WatchdogSec=60` is started again when a part of the program hangs. Without `NOTIFY_SOCKET` nothing is told.
"""

from __future__ import annotations

import contextlib
import os
import socket

SOCKET_VARIABLE, WATCHDOG_VARIABLE, PID_VARIABLE = "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"
READY, ALIVE, STOPPING = "READY=1", "WATCHDOG=1", "STOPPING=1"


def tell(*states: str) -> None:
    """Send states to systemd; a socket that is gone harms nothing."""
    path = os.environ.get(SOCKET_VARIABLE, "")
    if not path.startswith(("/", "@")):
        return
    address = f"\0{path[1:]}" if path.startswith("@") else path
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notifier:
        notifier.setblocking(False)  # noqa: FBT003 - a full queue must not hold up a program
        notifier.sendto("\n".join(states).encode(), address)


def watchdog_seconds() -> float | None:
    """Return the seconds after which systemd misses a sign of life; None where it waits for none of this process."""
    limit, pid = os.environ.get(WATCHDOG_VARIABLE, ""), os.environ.get(PID_VARIABLE) or str(os.getpid())
    if not os.environ.get(SOCKET_VARIABLE) or not limit.isdecimal() or pid != str(os.getpid()):
        return None
    return int(limit) / 1_000_000 or None
