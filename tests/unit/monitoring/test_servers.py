"""Which servers are asked for their figures."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from genesis.errors import UsageError
from genesis.monitoring.exporter import collector_of
from genesis.monitoring.queues import queue_looker
from genesis.monitoring.servers import database_looker, redis_servers
from genesis.settings import Settings


def settings_of(ledger: str, cache: str, broker: str, **further: Any) -> Settings:
    return Settings(redis={"url": ledger}, frame_cache={"url": cache}, celery={"broker_url": broker}, **further)


@pytest.mark.parametrize(
    ("ledger", "cache", "broker", "names"),
    [
        ("redis://a:6379/0", "redis://a:6380/0", "redis://a:6380/1", [("ledger",), ("cache", "broker")]),
        ("redis://a", "redis://a:6379/3", "redis://joan:s3cret@a:6379/1", [("ledger", "cache", "broker")]),
        ("redis://a:1/0", "redis://b:1/0", "redis://c:1/0", [("ledger",), ("cache",), ("broker",)]),
        ("unix:///run/l.sock", "unix:///run/c.sock", "redis+socket:///run/c.sock?virtual_host=1", [("ledger",), ("cache", "broker")]),
        ("redis://a:1/0", "redis://b:1/0", "amqp://b:1//", [("ledger",), ("cache",)]),
    ],
)
def test_a_server_with_several_parts_is_asked_once(ledger: str, cache: str, broker: str, names: list[tuple[str, ...]]) -> None:
    servers = redis_servers(settings_of(ledger, cache, broker))

    assert [server.names for server in servers] == names


def test_a_broker_that_is_no_redis_has_no_queues_to_count() -> None:
    assert queue_looker(settings_of("redis://a", "redis://b", "amqp://c//"), ("detection",), 1.0) is None


def test_a_broker_that_can_not_be_read_is_refused_without_its_password() -> None:
    with pytest.raises(UsageError, match=r"celery\.broker_url redis://\*\*\*@host:port") as refused:
        collector_of(settings_of("redis://a", "redis://b", "redis://:s3cret@host:port/1"))

    assert "s3cret" not in str(refused.value)


def test_where_nothing_is_stored_there_is_no_database_to_ask() -> None:
    assert database_looker(Settings(storage={"dsn": "none"}), 2.0) is None


def test_nothing_is_made_for_a_look_at_a_server_of_our_own_that_was_never_used(tmp_path: Path) -> None:
    pytest.importorskip("psycopg2", reason="no psycopg2 in this environment")
    look = database_looker(Settings(data_dir=tmp_path), 2.0)

    assert look is not None
    assert look() is None
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("dsn", "says"), [("", ""), ("postgresql://joan:s3cret@h/people", "psycopg2 is missing")])
def test_a_machine_without_psycopg2_has_an_exporter(dsn: str, says: str) -> None:
    code = (
        "import sys; sys.modules['psycopg2'] = None\n"
        "from genesis.monitoring.exporter import collector_of\n"
        "from genesis.settings import Settings\n"
        f"collector_of(Settings(storage={{'dsn': {dsn!r}}}))\n"
        "print(sorted({'torch', 'tensorflow', 'cv2', 'deepface'} & set(sys.modules)))"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "[]\n"
    assert says in done.stderr
    assert "s3cret" not in done.stderr
