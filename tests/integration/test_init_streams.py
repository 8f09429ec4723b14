"""configs/redis/init-streams.sh makes the streams and groups that the subscriptions ask for, with redis-cli alone."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
import redis

from genesis.events import Keys
from genesis.subscriptions import Registry, load_subscriptions

SCRIPT = Path(__file__).parents[2] / "configs" / "redis" / "init-streams.sh"


@pytest.fixture
def run():
    """Return a function that runs the script."""
    if shutil.which("redis-cli") is None:
        pytest.skip("no redis-cli")

    def start(*arguments, **variables):
        environment = {**os.environ, **variables}
        return subprocess.run([str(SCRIPT), *arguments], env=environment, capture_output=True, text=True, check=False, timeout=60)

    return start


@pytest.fixture(scope="module")
def catalogue():
    """Return the built-in subscriptions alone, whatever other tests have declared in this process."""
    rows = Registry()
    for row in load_subscriptions():
        if row.handler.__module__.partition(".")[0] == "tasks":
            rows.add(row)
    return rows


def options(url):
    """Return redis-cli's options for a server."""
    parts = urlsplit(url)
    return ["-s", unquote(parts.path)] if parts.scheme == "unix" else ["-u", url]


def groups(client):
    """Return every group of every stream, with the id that it has read to."""
    streams = client.scan_iter(_type="stream")
    return {(key.decode(), group["name"].decode()): group["last-delivered-id"] for key in streams for group in client.xinfo_groups(key)}


@pytest.mark.parametrize("prefix", ["genesis", "{genesis}", "site-7"])
def test_the_groups_are_those_of_the_subscriptions(run, ledger, catalogue, prefix):
    done = run(*options(ledger), PREFIX=prefix)

    with redis.Redis.from_url(ledger) as client:
        made = groups(client)
    assert (done.returncode, done.stderr) == (0, "")
    assert set(made) == {(row.stream(Keys(prefix)), row.group) for row in catalogue}
    assert len(made) == 13
    assert len({stream for stream, _ in made}) == 7
    assert set(made.values()) == {b"0-0"}


def test_a_second_run_changes_nothing(run, ledger):
    run(*options(ledger))
    with redis.Redis.from_url(ledger) as client:
        client.xadd("genesis:frames", {"data": "{}"})
        client.xreadgroup("frame-workers", "one", {"genesis:frames": ">"})
        before = groups(client)

        done = run(*options(ledger))

        assert groups(client) == before
    assert done.returncode == 0
    assert done.stdout.count("is there") == 13


def test_a_server_that_is_not_there_is_named(run):
    done = run("-p", "1")

    assert done.returncode == 1
    assert "refused" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_server_that_refuses_is_quoted(run, ledger):
    with redis.Redis.from_url(ledger) as client:
        client.set("genesis:frames", "not a stream")

    done = run(*options(ledger))

    assert done.returncode == 1
    assert "genesis:frames" in done.stderr
    assert "WRONGTYPE" in done.stderr


def test_a_machine_without_redis_cli_is_told_what_to_install(tmp_path):
    shell = shutil.which("sh") or sys.exit("no sh")

    done = subprocess.run([shell, str(SCRIPT)], env={"PATH": str(tmp_path)}, capture_output=True, text=True, check=False, timeout=60)

    assert done.returncode == 1
    assert "redis-cli is not installed" in done.stderr
