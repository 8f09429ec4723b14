"""What a person is told when Redis fails, and how connections are made."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
import redis

from genesis.connections import SILENT_SECONDS, UNAVAILABLE, NotNowError, Parser, connect, explain

URL = "redis://:s3cret@10.0.0.7:6379/0"


@pytest.mark.parametrize(
    ("error", "part"),
    [
        (redis.ConnectionError("Error 111 connecting to 10.0.0.7:6379. Connection refused."), "can't be reached"),
        (redis.ConnectionError("Error connecting to redis://:s3cret@10.0.0.7"), "can't be reached"),
        (redis.AuthenticationError("invalid username-password pair or user is disabled."), "refused the password"),
        (redis.ResponseError("WRONGPASS invalid username-password pair"), "refused the password"),
        (redis.ResponseError("NOAUTH Authentication required."), "refused the password"),
        (redis.ReadOnlyError("You can't write against a read only replica."), "read-only replica: point redis.url at the primary"),
        (redis.TimeoutError("Timeout reading from socket"), "does not answer"),
        (redis.BusyLoadingError("Redis is loading the dataset in memory"), "still loading"),
        (redis.exceptions.NoPermissionError("this user has no permissions to run the 'eval' command"), "does not permit"),
        (redis.ResponseError("NOPERM this user has no permissions"), "does not permit"),
        (redis.OutOfMemoryError("command not allowed when used memory > 'maxmemory'."), "out of memory"),
        (redis.ResponseError("OOM command not allowed"), "out of memory"),
        (NotNowError("Redis is busy running a script."), "can't work just now: Redis is busy running a script."),
        (redis.ResponseError("MISCONF Errors writing to the AOF file: No space left on device"), "can't write its data to its disk"),
        (redis.ResponseError("NOREPLICAS Not enough good replicas to write."), "too few replicas"),
        (redis.ResponseError("ERR something\nelse"), "ERR something else"),
        (redis.RedisError(""), "10.0.0.7"),
        (ValueError("Port could not be cast"), "Port could not be cast"),
    ],
)
def test_every_failure_has_one_line_that_names_server_and_setting_and_no_password(error: Exception, part: str) -> None:
    line = explain(error, URL, "redis.url")

    assert line.startswith("Redis at redis://***@10.0.0.7:6379/0 (redis.url)")
    assert part in line
    assert "\n" not in line
    assert "s3cret" not in line


@pytest.mark.parametrize("large_values", [True, False])
def test_making_a_client_sends_nothing(tmp_path: Path, large_values: bool) -> None:
    client = connect(f"unix://{tmp_path}/nobody.sock", large_values=large_values)

    with pytest.raises(redis.ConnectionError):
        client.ping()


IN_A_SCRIPT_OF_6 = "ERR Error running script (call to f_00ff): @user_script:12: @user_script: 12: -"
IN_A_SCRIPT_OF_7 = " script: 00ff, on @user_script:12."


@pytest.mark.parametrize(
    ("answer", "kind", "passes"),
    [
        ("BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.", NotNowError, True),
        ("MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.", NotNowError, True),
        ("CLUSTERDOWN The cluster is down", NotNowError, True),
        ("TRYAGAIN Multiple keys request during rehashing of slot", NotNowError, True),
        ("UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)", NotNowError, True),
        ("LOADING Redis is loading the dataset in memory", redis.BusyLoadingError, True),
        ("READONLY You can't write against a read only replica.", redis.ReadOnlyError, True),
        (IN_A_SCRIPT_OF_6 + "READONLY You can't write against a read only replica.", redis.ReadOnlyError, True),
        ("OOM command not allowed when used memory > 'maxmemory'.", redis.OutOfMemoryError, False),
        ("OOM command not allowed when used memory > 'maxmemory'." + IN_A_SCRIPT_OF_7, redis.OutOfMemoryError, False),
        (IN_A_SCRIPT_OF_6 + "OOM command not allowed when used memory > 'maxmemory'.", redis.OutOfMemoryError, False),
        (IN_A_SCRIPT_OF_6 + "MISCONF Errors writing to the AOF file: No space left on device", redis.ResponseError, False),
        ("NOSCRIPT No matching script. Please use EVAL.", redis.exceptions.NoScriptError, False),
        ("BUSYGROUP Consumer Group name already exists", redis.ResponseError, False),
        ("ERR no such key", redis.ResponseError, False),
    ],
)
def test_an_answer_tells_by_its_class_whether_it_passes(answer: str, kind: type[Exception], passes: bool) -> None:
    error = Parser.parse_error(answer)

    assert isinstance(error, kind)
    assert isinstance(error, UNAVAILABLE) is passes


def test_a_host_that_vanished_without_a_word_is_noticed_soon() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        connection = connect(f"redis://127.0.0.1:{server.getsockname()[1]}").connection_pool.make_connection()
        with connection._connect() as opened:
            idle, interval, count = (
                opened.getsockopt(socket.IPPROTO_TCP, n) for n in (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT)
            )

            assert opened.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
            assert idle + interval * count == SILENT_SECONDS
