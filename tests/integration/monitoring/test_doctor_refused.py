"""The doctor at servers that forbid something, know less than they should, or stop answering."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
import redis

from genesis.bus.conformance import Case
from genesis.bus.conformance.case import Bench
from genesis.connections import connect
from genesis.embedded.redis import RedisServer, redis_command
from genesis.settings import Settings
from tests.integration.monitoring.conftest import REFUSES, configured, found_by, report_of
from tests.processes import program, wait_until


@pytest.fixture
def limited(durable: Settings) -> Iterator[tuple[str, redis.Redis]]:
    """Return the ledger's URL as a user whose permissions the test sets, and the administrator's connection."""
    with closing(connect(durable.redis.url)) as client:
        client.execute_command("ACL", "SETUSER", "limited", "reset", "on", ">s3cret", "~genesis:*", "+@all")
        yield durable.redis.url.replace("unix://", "unix://limited:s3cret@"), client
        client.execute_command("ACL", "DELUSER", "limited")


@pytest.mark.parametrize(
    ("rules", "found", "advice"),
    [
        (("-xclaim", "-hincrby"), "may not use XCLAIM, HINCRBY", "redis-cli ACL SETUSER limited +xclaim +hincrby, then ACL SAVE"),
        (("-client",), "may not use CLIENT|SETNAME", "'+client|setname'"),
        (("-xinfo", "-script"), "XINFO|GROUPS", "'+xinfo|groups' '+xinfo|stream' '+xinfo|consumers'"),
        (("resetkeys", "~other:*"), "may not use keys that begin with genesis:", "ACL SETUSER limited '~genesis:*'"),
    ],
)
def test_a_forbidden_command_is_named_with_the_line_that_permits_it(
    durable: Settings, limited: tuple[str, redis.Redis], rules: tuple[str, ...], found: str, advice: str
) -> None:
    url, client = limited
    client.execute_command("ACL", "SETUSER", "limited", *rules)

    report = report_of(durable, cases=(REFUSES,), redis={"url": url})

    (row,) = [row for row in report.findings if row.level == "error"]
    assert found in row.found
    assert advice in row.advice
    assert "s3cret" not in str(report)


def test_what_a_managed_server_does_not_tell_is_no_error(durable: Settings, limited: tuple[str, redis.Redis]) -> None:
    url, client = limited
    client.execute_command("ACL", "SETUSER", "limited", "-config", "-info", "-time")

    report = report_of(durable, redis={"url": url})

    # Scripts ask for the time, so that one is needed.
    assert [row.found for row in report.findings if row.level == "error"] == ["user 'limited' may not use TIME"]
    assert {row.check for row in report.findings if row.level == "unknown"} == {"info", "clock", "conformance"}


@contextmanager
def busy(url: str) -> Iterator[None]:
    """Keep a server busy with a script that does not end."""
    with (
        closing(connect(url, timeout=30)) as client,
        configured(client, lua_time_limit="20"),
        ThreadPoolExecutor(1) as threads,
        closing(redis.Redis.from_url(url, protocol=2)) as killer,
    ):
        killer.ping()
        running = threads.submit(client.eval, "while true do end", 0)
        try:
            wait_until(lambda: _away(url), "the script is called busy")
            yield
        finally:
            killer.script_kill()
            assert running.exception() is not None


def test_a_server_that_works_for_nobody_is_one_line(durable: Settings) -> None:
    with busy(durable.redis.url):
        rows = [row for row in report_of(durable).findings if row.about == "redis.url"]

    assert [(row.level, row.check) for row in rows] == [("error", "reach")]
    assert "busy running a script" in rows[0].found


def _away(url: str) -> bool:
    with closing(connect(url)) as client:
        try:
            client.ping()
        except redis.ConnectionError:
            return True
        return False


def test_a_server_that_goes_away_meanwhile_is_one_line(settings: Settings, tmp_path: Path, redis_program: Path) -> None:
    tried = []
    with RedisServer("ledger", tmp_path / "own") as server:

        def stop(bench: Bench) -> None:
            tried.append(bench)
            server.stop()
            bench.group("a")

        rows = found_by(report_of(settings, cases=(Case("A case", "case", stop),) * 3, redis={"url": server.url()}))

    assert len(tried) == 1
    assert "can't be reached" in rows["redis.url", "answer"].found


def test_a_command_without_its_name_is_found(settings: Settings, tmp_path: Path, redis_program: Path) -> None:
    folder = tmp_path / "own"
    command = [*redis_command("ledger", folder), "--rename-command", "XCLAIM", ""]
    url = RedisServer("ledger", folder).url()

    with program(command, tmp_path / "log"):
        wait_until(lambda: not _away(url), f"the server answers; see {tmp_path}")
        row = found_by(report_of(settings, redis={"url": url}))["redis.url", "permissions"]

    assert (row.level, row.found) == ("error", "the server does not know XCLAIM")
    assert "rename-command XCLAIM" in row.advice
