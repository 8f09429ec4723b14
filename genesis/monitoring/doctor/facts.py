"""What a Redis server says about itself, read once, so that what is made of it can be decided without a server."""

from __future__ import annotations

import shlex
import shutil
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import redis

from genesis.connections import UNAVAILABLE

CLOCK_TRIES = 3
STRANGER_SECONDS = 0.5  # that a server may take to answer who comes over the network
_HERE = {"127.0.0.1", "localhost", "::1"}
ASKED = (
    "dir",
    "appendfsync",
    "no-appendfsync-on-rewrite",
    "save",
    "stop-writes-on-bgsave-error",
    "timeout",
    "busy-reply-threshold",
    "lua-time-limit",
    "min-replicas-to-write",
)


@dataclass(frozen=True, slots=True)
class Facts:
    """One server.

    Attributes:
        setting: the setting that names it, such as `redis.url`.
        cli: how redis-cli reaches it.
        info: what INFO says; empty where it may not be asked.
        config: those of the settings `ASKED` that the server told.
        clock: seconds that its clock is ahead of ours, and how far that may be wrong; None where it may not be asked.
        free: bytes that its disk has room for; None where it is on another machine.
        open_at: address at which strangers need no password; empty: none is known.
        here: whether it runs on this machine.
    """

    setting: str
    cli: str = "redis-cli"
    info: Mapping[str, Any] = field(default_factory=dict)
    config: Mapping[str, str] = field(default_factory=dict)
    clock: tuple[float, float] | None = None
    free: int | None = None
    open_at: str = ""
    here: bool = False

    @property
    def version(self) -> tuple[int, ...]:
        """Version of Redis that it is, or claims to be."""
        parts = str(self.info.get("redis_version", "")).split(".")
        return tuple(int(part) for part in parts if part.isdigit())

    @property
    def product(self) -> str:
        """Name and version."""
        for name in ("valkey", "dragonfly", "keydb"):
            if f"{name}_version" in self.info:
                return f"{name.title()} {self.info[f'{name}_version']}"
        return f"Redis {self.info.get('redis_version', 'of unknown version')}"

    def advice(self, name: str, value: str) -> str:
        """Return what to do to change a setting of it, now and for good."""
        shown = value or '""'
        return f"{self.cli} CONFIG SET {name} {shown}; and for good, in its redis.conf: {name} {shown}"

    def configured(self, name: str, default: int) -> int:
        """Return a number of its settings; the default where it is not told."""
        value = self.config.get(name, "")
        return int(value) if value.lstrip("-").isdigit() else default

    def number(self, name: str) -> int:
        """Return a figure of INFO; 0 where it is not told."""
        try:
            return int(self.info.get(name, 0))
        except (TypeError, ValueError):
            return 0


def read_facts(client: redis.Redis, url: str, setting: str) -> Facts:
    """Ask a server; what it refuses to tell is left out.

    Args:
        client: a connection to it.
        url: its URL.
        setting: the setting that names it.

    Raises:
        redis.RedisError: it went away meanwhile.
    """
    info = _told(client.info)
    config: dict[str, str] = {}
    for name in ASKED:
        answer = _told(lambda name=name: client.config_get(name))
        if answer is None:
            break
        config.update({_text(key): _text(value) for key, value in answer.items()})
    return Facts(
        setting, cli_of(url), info or {}, config, _clock(client), _free(url, config.get("dir")), open_at(url), is_here(url)
    )  # fmt: skip


def cli_of(url: str) -> str:
    """Return the redis-cli command that reaches a server; a password is asked for.

    >>> cli_of("redis://genesis:secret@10.0.0.7:6380/1")
    'redis-cli -h 10.0.0.7 -p 6380 -n 1 --user genesis --askpass'
    """
    parts = urlsplit(url)
    words = ["redis-cli"]
    if parts.scheme == "unix":
        words += ["-s", unquote(parts.path)]
        database = parse_qs(parts.query).get("db", ["0"])[0]
    else:
        database = parts.path.strip("/") or "0"
        words += ["-h", parts.hostname] if parts.hostname and parts.hostname not in _HERE else []
        words += ["-p", str(parts.port)] if parts.port not in {None, 6379} else []
    words += ["-n", database] if database != "0" else []
    words += ["--tls"] if parts.scheme == "rediss" else []
    words += ["--user", unquote(parts.username)] if parts.username else []
    words += ["--askpass"] if parts.password else []
    return shlex.join(words)


def open_at(url: str) -> str:
    """Return an address at which a server answers whoever comes over the network; empty where none is known.

    One that is named by the loopback address is tried at this machine's own. Where no password is given for another machine, that is
    known without a try.
    """
    parts = urlsplit(url)
    here = parts.hostname in _HERE
    if parts.scheme != "redis" or not (here or parts.password):
        return ""
    port = parts.port or 6379
    try:
        host = _own_address() if here else parts.hostname or ""
        with socket.create_connection((host, port), timeout=STRANGER_SECONDS) as stranger:
            stranger.settimeout(STRANGER_SECONDS)
            stranger.sendall(b"PING\r\n")
            answer = stranger.recv(64)
    except OSError:
        return ""
    return f"{host}:{port}" if answer.startswith(b"+PONG") and host not in _HERE else ""


def _own_address() -> str:
    """Return this machine's address towards others; nothing is sent.

    Raises:
        OSError: it has none.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))  # an address that stands for no machine (RFC 5737)
        return str(probe.getsockname()[0])


def _clock(client: redis.Redis) -> tuple[float, float] | None:
    best: tuple[float, float] | None = None
    for _ in range(CLOCK_TRIES):
        before = time.time()
        told: Any = _told(client.time)
        after = time.time()
        if told is None:
            return None
        # It was read somewhere between; the quickest round trip says most.
        doubt = (after - before) / 2
        if best is None or doubt < best[1]:
            best = (told[0] + told[1] / 1e6 - (before + after) / 2, doubt)
    return best


def is_here(url: str) -> bool:
    """Tell whether a URL leads to this machine."""
    parts = urlsplit(url)
    return parts.scheme == "unix" or parts.hostname in _HERE


def _free(url: str, folder: str | None) -> int | None:
    if folder is None or not is_here(url):
        return None
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return None  # in a container, most likely


def _told(ask: Any) -> Any:
    """Return the answer; None where the server does not permit the question, or does not know it."""
    try:
        return ask()
    except UNAVAILABLE:
        raise
    except redis.RedisError:
        return None


def _text(value: Any) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)
