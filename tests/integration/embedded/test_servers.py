"""The Redis servers of an installation are kept running, whatever ends them and whatever keeps them from starting."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from genesis.connections import connect
from genesis.embedded.redis import RedisServer
from genesis.embedded.servers import HEALTHY_SECONDS, LONGEST_RESTART, Servers
from tests.processes import wait_until


class Hurried:
    """A clock that can be moved on."""

    ahead = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self.ahead


@pytest.fixture
def clock() -> Hurried:
    return Hurried()


@pytest.fixture
def server(redis_program: Path, tmp_path: Path) -> RedisServer:
    return RedisServer("ledger", tmp_path / "ledger", appendfsync="no").start()


@pytest.fixture
def servers(server: RedisServer, clock: Hurried) -> Iterator[Servers]:
    made = Servers(clock=clock)
    made.keep(server)
    yield made
    made.stop()


def killed(server: RedisServer) -> None:
    assert server.pid is not None
    os.kill(server.pid, signal.SIGKILL)
    wait_until(lambda: not server.running, "it is dead")


def test_a_server_that_is_killed_comes_back_with_its_data(servers: Servers, server: RedisServer) -> None:
    connect(server.url()).set("a", 1)
    said: list[str] = []

    killed(server)
    wait_until(lambda: servers.tend(said.append) or "ledger Redis answers again" in said, "it is back")
    servers.tend(said.append)

    assert connect(server.url()).get("a") == b"1"
    assert len(said) == 2
    assert said[0].startswith("ledger Redis was killed by SIGKILL; it is started again in 0.")


def test_a_server_that_cannot_start_is_tried_again_until_it_can(servers: Servers, server: RedisServer, clock: Hurried) -> None:
    connect(server.url()).set("a", 1)
    killed(server)
    (log,) = [*server.folder.rglob("*.incr.aof"), *server.folder.glob("appendonly.aof")]
    good = log.read_bytes()
    log.write_bytes(b"*broken\r\n" + good)
    said: list[str] = []

    def tended(line: str) -> bool:
        clock.ahead += LONGEST_RESTART
        servers.tend(said.append)
        return any(line in text for text in said)

    wait_until(lambda: tended("exit code 1"), "it can't start")
    times, begun = len(said), time.monotonic()
    wait_until(lambda: tended("exit code 1") and len(said) > times + 1, "it is tried again")
    took = time.monotonic() - begun
    log.write_bytes(good)
    wait_until(lambda: tended("answers again"), "it is back")

    assert took < 5
    assert "Bad file format" in said[1]
    assert connect(server.url()).get("a") == b"1"


def test_a_folder_that_cannot_be_used_just_now_ends_nothing(servers: Servers, server: RedisServer, clock: Hurried) -> None:
    said: list[str] = []
    killed(server)
    server.folder.rename(server.folder.with_name("away"))
    server.folder.write_text("in the way")

    servers.tend(said.append)
    clock.ahead += LONGEST_RESTART
    servers.tend(said.append)
    server.folder.unlink()
    server.folder.with_name("away").rename(server.folder)
    clock.ahead += LONGEST_RESTART
    wait_until(lambda: servers.tend(said.append) or "ledger Redis answers again" in said, "it is back")

    assert "can't be started" in said[1]
    assert "can't be made" in said[1]


def test_the_waits_grow_and_begin_anew_after_a_good_while(servers: Servers, server: RedisServer, clock: Hurried) -> None:
    said: list[str] = []

    def wait_of_next_death() -> float:
        killed(server)
        servers.tend(said.append)
        clock.ahead += LONGEST_RESTART
        wait_until(lambda: servers.tend(said.append) or said[-1].endswith("answers again"), "it is back")
        return float(said[-2].split("again in ")[1].split()[0])

    waits = [wait_of_next_death() for _ in range(4)]
    clock.ahead += HEALTHY_SECONDS + 1

    assert waits == sorted(waits)
    assert waits[-1] >= 0.8
    assert wait_of_next_death() <= 0.2


def test_a_log_that_has_grown_long_is_begun_anew_while_the_server_runs(servers: Servers, server: RedisServer) -> None:
    with server.log.open("ab") as log:
        log.write(b"x" * 1_100_000)

    servers.tend(lambda _text: None)
    connect(server.url()).config_set("loglevel", "verbose")
    wait_until(lambda: connect(server.url()).ping() and server.log.stat().st_size > 0, "it logs on")

    assert b"xxx" not in server.log.read_bytes()
    assert server.log.stat().st_size < 100_000
