"""Redis servers with TLS and access lists, as the documents tell to run them, and a look at what each user asks of them."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
import socket
import subprocess
import threading
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import redis

from genesis.connections import connect
from tests.certificates import Certificates
from tests.processes import ROOT, wait_until

MAKE = ROOT / "configs/redis/acl/make.sh"
LISTS = ROOT / "configs/redis/acl"
SERVERS = ("ledger", "cache")
ROLES = ("capture", "bridge", "worker", "operator", "exporter", "flower")
_LINE = re.compile(r"[\d.]+ \[\d+ (?P<address>\S+)\] (?P<words>.*)", re.DOTALL)
_WORD = re.compile(r'"((?:[^"\\]|\\.)*)"')


def free_port() -> int:
    """Return a port on 127.0.0.1 that nobody uses, and that no connection is given by chance."""
    while True:
        port = secrets.choice(range(20_000, 32_000))
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def speaks_tls(program: Path) -> bool:
    """Tell whether a redis-server was built with TLS."""
    asked = subprocess.run(
        [str(program), "-"], input="tls-port 0\ndir /nowhere/at/all\n", capture_output=True, text=True, timeout=30, check=False
    )
    return "tls-port" not in asked.stdout + asked.stderr


def tls_program() -> Path:
    """Return a redis-server on the PATH that speaks TLS; skips what needs it where there is none."""
    found = shutil.which("redis-server")
    if found is None or not speaks_tls(Path(found)):
        pytest.skip("no redis-server with TLS on the PATH")
    return Path(found)


@contextlib.contextmanager
def serving(program: Path, folder: Path, port: int, certificates: Certificates | None, *options: str) -> Iterator[Path]:
    """Run a redis-server without persistence on 127.0.0.1; return its log.

    With certificates it speaks TLS alone, and asks its clients who they are.
    """
    folder.mkdir(parents=True, exist_ok=True)
    words = ["--dir", str(folder), "--save", "", "--bind", "127.0.0.1", "--port", "0" if certificates else str(port), *options]
    if certificates:
        certificate, key = certificates.of("server")
        words += ["--tls-port", str(port), "--tls-cert-file", str(certificate), "--tls-key-file", str(key)]
        words += ["--tls-ca-cert-file", str(certificates.authority)]
    file = folder / "log"
    with file.open("wb") as log:
        process = subprocess.Popen([str(program), *words], stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        try:
            wait_until(lambda: process.poll() is not None or b"eady to accept connections" in file.read_bytes(), "Redis is up")
            assert process.poll() is None, file.read_text(errors="replace")
            yield file
        finally:
            process.terminate()
            process.wait(30)


def url_of(port: int, certificates: Certificates | None) -> str:
    """Return the URL of such a server, for a client that has a certificate itself."""
    return f"rediss://127.0.0.1:{port}/0?{certificates.query()}" if certificates else f"redis://127.0.0.1:{port}/0"


_OF_EVERY_CONNECTION = {"client|setname", "client|setinfo", "client|maint_notifications", "select"}


@dataclass
class Users:
    """What make.sh has written: access lists for the servers, and variables for each role."""

    folder: Path

    @classmethod
    def made(cls, folder: Path, **variables: str) -> Users:
        """Run make.sh."""
        done = subprocess.run([str(MAKE), str(folder)], env={**os.environ, **variables}, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return cls(folder)

    def env(self, role: str) -> dict[str, str]:
        """Return a role's variables."""
        lines = (self.folder / f"{role}.env").read_text().splitlines()
        return {name: value.strip("'") for name, value in (line.split("=", 1) for line in lines)}

    def url(self, role: str, server: str) -> str:
        """Return a role's URL of `ledger` or `cache`."""
        variables = self.env(role)
        names = ("GENESIS_REDIS__URL",) if server == "ledger" else ("GENESIS_FRAME_CACHE__URL", "GENESIS_CELERY__BROKER_URL")
        return next(variables[name] for name in names if name in variables)

    def client(self, role: str, server: str) -> redis.Redis:
        """Return a connection of a role to `ledger` or `cache`."""
        return connect(self.url(role, server))

    def granted(self, role: str, server: str) -> set[str]:
        """Return the commands that a role's access list names, but for those that every connection may use."""
        lines = (self.folder / f"{server}.acl").read_text().splitlines()
        words = next((line.split() for line in lines if line.startswith(f"user {role} ")), [])
        return {word.strip("+()") for word in words if word.startswith("+") and "@" not in word} - _OF_EVERY_CONNECTION


@dataclass
class Watcher:
    """Notes which commands the users of a server use, those inside of scripts too; they are named as an access list names them.

    What comes by a connection that was gone before it could be looked up counts for nobody (`?`).

    Args:
        url: of the server, by a user who may do everything.
    """

    url: str
    used: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    keys: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))

    def __post_init__(self) -> None:
        self._users: dict[str, str] = {}
        self._client = connect(self.url)
        self._watching = connect(self.url, timeout=60)
        self._mark = f"mark-{os.urandom(8).hex()}"
        self._begun = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> None:
        self._thread.start()
        assert self._begun.wait(10)

    def __exit__(self, *_: object) -> None:
        self._client.echo(self._mark)
        self._thread.join(30)
        self._client.close()
        self._watching.close()

    def _watch(self) -> None:
        connection: Any = self._watching.connection_pool.get_connection()
        connection.send_command("MONITOR")
        connection.read_response()
        self._begun.set()
        user = ""
        while self._mark not in (line := connection.read_response().decode(errors="replace")):
            told = _LINE.match(line)
            assert told, line
            if told["address"] != "lua":
                user = self._user(told["address"])
            words = _WORD.findall(told["words"])
            name = words[0].lower()
            self.used[user].add(f"{name}|{words[1].lower()}" if name in _OF_TWO_WORDS else name)
            self.keys[user].update(word for word in words[1:8] if word.startswith("genesis:"))
        connection.disconnect()

    def _user(self, address: str) -> str:
        if address not in self._users:
            # Who has not said yet who they are is looked up again.
            self._users.update({row["addr"]: row["user"] for row in self._client.client_list() if row["user"] != "default"})
        return self._users.get(address, "?")


_OF_TWO_WORDS = {"acl", "client", "cluster", "command", "config", "memory", "object", "script", "xgroup", "xinfo"}
