"""The embedded Redis servers: they start, keep what they must, refuse what they must, and leave nothing behind."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import redis

from genesis.embedded.binary import SERVER_VARIABLE
from genesis.embedded.redis import RedisServer, redis_command
from genesis.errors import ServerUnavailableError, UsageError

PATIENCE = 20.0
pytestmark = pytest.mark.usefixtures("redis_program")


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "still not so"
        time.sleep(0.01)


def client(server: RedisServer) -> redis.Redis:
    return redis.Redis.from_url(server.url(), decode_responses=True)


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_a_server_answers_when_start_returns_and_is_gone_when_stop_returns(tmp_path: Path) -> None:
    server = RedisServer("ledger", tmp_path)

    server.start()
    pid = server.pid
    answered = client(server).ping()
    server.stop()

    assert answered
    assert pid is not None
    assert gone(pid)
    assert (server.running, server.pid) == (False, None)
    assert not list(tmp_path.glob("*.sock"))


@pytest.mark.parametrize(
    ("role", "expected"),
    [
        ("ledger", {"appendonly": "yes", "appendfsync": "always", "maxmemory": "0"}),
        ("cache", {"appendonly": "no", "maxmemory": "1000000000"}),
    ],
)
def test_each_role_has_its_own_way_with_memory_and_disk(tmp_path: Path, role: str, expected: dict[str, str]) -> None:
    expected = {**expected, "save": "", "maxmemory-policy": "noeviction", "port": "0", "dir": str(tmp_path)}

    with RedisServer(role, tmp_path) as server:  # type: ignore[arg-type]
        found = {key: client(server).config_get(key)[key] for key in expected}

    assert found == expected


def test_options_reach_the_server(tmp_path: Path) -> None:
    expected = {"appendfsync": "everysec", "maxmemory": "64000000"}

    with RedisServer("ledger", tmp_path, appendfsync="everysec", maxmemory_mb=64) as server:
        found = {key: client(server).config_get(key)[key] for key in expected}

    assert found == expected


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_the_ledger_survives(tmp_path: Path, end: str) -> None:
    server = RedisServer("ledger", tmp_path).start()
    client(server).xadd("stream", {"data": "ümlaut"})
    if end == "kill":
        assert server.pid is not None
        os.kill(server.pid, signal.SIGKILL)
        until(lambda: not server.running)
    else:
        server.stop()

    with RedisServer("ledger", tmp_path) as again:
        entries: Any = client(again).xrange("stream")

    assert [fields for _, fields in entries] == [{"data": "ümlaut"}]
    server.stop()


def test_an_older_redis_does_not_begin_an_empty_ledger_beside_a_newer_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "appendonlydir").mkdir()
    monkeypatch.setattr("genesis.embedded.redis.server_version", lambda program: (6, 2, 14))

    with pytest.raises(UsageError, match=r"written by Redis 7 or newer, .* is 6\.2\.14"):
        RedisServer("ledger", tmp_path).start()


def test_the_cache_leaves_nothing_on_disk(tmp_path: Path) -> None:
    with RedisServer("cache", tmp_path) as server:
        client(server).set("frame", "pixels")

    assert [file.name for file in tmp_path.iterdir()] == ["cache.log"]


def test_two_roles_may_share_a_folder(tmp_path: Path) -> None:
    with RedisServer("ledger", tmp_path) as ledger, RedisServer("cache", tmp_path) as cache:
        client(ledger).set("a", "1")

        assert client(cache).get("a") is None


def test_databases_are_apart(tmp_path: Path) -> None:
    with RedisServer("cache", tmp_path) as server:
        client(server).set("a", "1")

        assert redis.Redis.from_url(server.url(1)).dbsize() == 0


def test_without_a_port_nothing_listens_on_tcp_and_with_one_only_loopback_does(tmp_path: Path) -> None:
    port = free_port()

    with RedisServer("cache", tmp_path, port=port) as server:
        bound = client(server).config_get("bind")["bind"]
        answered = redis.Redis(port=port).ping()

    assert answered
    assert bound == "127.0.0.1"


@pytest.mark.parametrize("port", [0, -1, 65_536])
def test_an_impossible_port_is_refused(tmp_path: Path, port: int) -> None:
    with pytest.raises(UsageError, match=f"port {port}: expected 1 to 65535"):
        RedisServer("cache", tmp_path, port=port).start()


def test_a_port_that_is_taken_is_answered_with_the_servers_last_words(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        server = RedisServer("cache", tmp_path, port=port)

        with pytest.raises(ServerUnavailableError) as caught:
            server.start()

    assert str(caught.value).startswith(f"the cache's redis-server in {tmp_path} ended at once: ")
    assert str(port) in str(caught.value).split("ended at once")[1]
    assert "\n" not in str(caught.value)
    assert not server.running


def test_a_damaged_ledger_is_answered_with_the_servers_last_words(tmp_path: Path) -> None:
    with RedisServer("ledger", tmp_path) as server:
        client(server).xadd("stream", {"data": "x"})
        client(server).xadd("stream", {"data": "y"})
    (file,) = [*tmp_path.glob("appendonlydir/*.incr.aof"), *tmp_path.glob("appendonly.aof")]
    content = file.read_bytes()
    file.write_bytes(content[:5] + b"\0damage\0" + content[13:])

    with pytest.raises(ServerUnavailableError, match=r"(?i)ended at once: .*bad file format"):
        server.start()


def test_a_second_server_on_a_folder_is_refused_with_the_firsts_pid(tmp_path: Path) -> None:
    with RedisServer("ledger", tmp_path) as first:
        with pytest.raises(UsageError) as by_start:
            RedisServer("ledger", tmp_path).start()
        with pytest.raises(UsageError) as by_command:
            redis_command("ledger", tmp_path)
        still = client(first).ping()

        assert f"(pid {first.pid})" in str(by_start.value)
        assert str(by_command.value) == str(by_start.value)
        assert still


def test_starting_a_running_server_again_changes_nothing(tmp_path: Path) -> None:
    with RedisServer("cache", tmp_path) as server:
        pid = server.pid

        assert server.start().pid == pid


def test_a_server_that_was_killed_is_started_again_over_its_stale_socket(tmp_path: Path) -> None:
    with RedisServer("cache", tmp_path) as server:
        first = server.pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        until(lambda: not server.running)
        assert (tmp_path / "cache.sock").exists()

        server.start()

        assert server.pid != first
        assert client(server).ping()


def test_a_folder_with_a_path_too_long_for_a_socket_gets_a_private_one_elsewhere(tmp_path: Path) -> None:
    folder = tmp_path / ("long" * 40)

    with RedisServer("ledger", folder) as server:
        path = Path(str(client(server).config_get("unixsocket")["unixsocket"]))
        mode = path.parent.stat().st_mode & 0o777
        answered = client(server).ping()
        same = RedisServer("ledger", folder).url() == server.url()

    assert answered
    assert same
    assert len(os.fsencode(path)) <= 100
    assert mode == 0o700
    assert not path.parent.exists()


def test_a_folder_for_sockets_that_others_can_enter_is_refused(tmp_path: Path) -> None:
    server = RedisServer("cache", tmp_path / ("wide" * 40))
    server._socket.parent.mkdir(mode=0o777)
    server._socket.parent.chmod(0o777)

    try:
        with pytest.raises(UsageError, match="open to others; remove it"):
            server.start()
    finally:
        server._socket.parent.rmdir()


@pytest.mark.parametrize("name", ["with space", "ünïcode", "per%cent", "quo'te\"d", "back\\slash", "ques?tion#mark"])
def test_any_name_of_a_folder_will_do(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name

    with RedisServer("ledger", folder) as server:
        answered = client(server).ping()

    assert answered
    assert (folder / "ledger.log").is_file()


def test_a_folder_that_cannot_be_made_is_answered_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")

    with pytest.raises(UsageError, match="can't be made"):
        RedisServer("ledger", tmp_path / "file" / "below").start()


def test_the_socket_can_be_opened_by_this_user_only(tmp_path: Path) -> None:
    with RedisServer("ledger", tmp_path) as server:
        mode = server._socket.stat().st_mode & 0o777

    assert mode == 0o700


def test_control_c_in_the_terminal_does_not_reach_the_server(tmp_path: Path) -> None:
    with RedisServer("cache", tmp_path) as server:
        assert server.pid is not None

        assert os.getsid(server.pid) == server.pid


def test_a_hung_server_is_killed_after_the_time_given_to_it(tmp_path: Path) -> None:
    server = RedisServer("cache", tmp_path).start()
    pid = server.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)

    server.stop(timeout=0.1)

    assert gone(pid)


def test_a_program_that_ends_without_stopping_its_server_leaves_none(tmp_path: Path) -> None:
    program = (
        "import pathlib, sys; from genesis.embedded.redis import RedisServer; "
        "print(RedisServer('cache', pathlib.Path(sys.argv[1])).start().pid)"
    )

    done = subprocess.run([sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=True)

    assert gone(int(done.stdout))


def test_the_command_line_serves_in_the_foreground_and_ends_cleanly_at_sigterm(tmp_path: Path) -> None:
    server = RedisServer("ledger", tmp_path)
    process = subprocess.Popen(redis_command("ledger", tmp_path), stdout=subprocess.PIPE, text=True)
    try:
        until((tmp_path / "ledger.sock").exists)
        client(server).set("a", "1")
    finally:
        process.terminate()
        said, _ = process.communicate(timeout=PATIENCE)

    assert process.returncode == 0
    assert "ready to accept connections" in said.lower()
    with server:
        assert client(server).get("a") == "1"


def test_a_stopped_server_may_be_stopped_again(tmp_path: Path) -> None:
    server = RedisServer("cache", tmp_path).start()

    server.stop()
    server.stop()

    assert not server.running


def test_a_program_that_is_not_redis_is_answered_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SERVER_VARIABLE, "/bin/true")

    with pytest.raises(UsageError, match="not a redis-server"):
        RedisServer("cache", tmp_path).start()
