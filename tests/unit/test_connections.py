"""What a person is told when Redis fails, and how connections are made."""

from __future__ import annotations

from pathlib import Path

import pytest
import redis

from genesis.connections import connect, explain

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
