"""configs/redis/*.conf, read by a real server."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import pytest
import redis

from genesis.embedded.binary import find_redis_server
from genesis.errors import UsageError

CONFIGS = Path(__file__).parents[2] / "configs" / "redis"
START_SECONDS = 20.0

LEDGER = {"appendonly": "yes", "appendfsync": "always", "maxmemory-policy": "noeviction", "maxmemory": "0", "save": ""}
CACHE = {"appendonly": "no", "maxmemory-policy": "noeviction", "maxmemory": str(1000 * 1024**2), "save": ""}


@pytest.fixture
def served():
    """Return a function that serves a configuration on a unix socket and gives a client."""
    try:
        program = find_redis_server()
    except UsageError as error:
        pytest.skip(str(error))
    folder = Path(tempfile.mkdtemp(prefix="genesis-conf-"))
    processes = []

    def serve(name):
        path = folder / "redis.sock"
        command = [str(program), str(CONFIGS / name), "--dir", str(folder), "--port", "0", "--unixsocket", str(path)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        processes.append(process)
        client = redis.Redis(unix_socket_path=str(path), decode_responses=True)
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                client.ping()
            except redis.ConnectionError:
                assert process.poll() is None, process.stdout.read()
                assert time.monotonic() < deadline
                time.sleep(0.02)
            else:
                return client

    yield serve
    for process in processes:
        process.kill()
        process.wait()
        process.stdout.close()
    shutil.rmtree(folder)


@pytest.mark.parametrize(("name", "expected"), [("ledger.conf", LEDGER), ("cache.conf", CACHE)])
def test_a_real_server_takes_the_file_and_does_as_it_says(served, name, expected):
    client = served(name)

    assert {key: client.config_get(key)[key] for key in expected} == expected
    assert client.config_get("protected-mode")["protected-mode"] == "yes"


@pytest.mark.parametrize(("name", "port"), [("ledger.conf", "6379"), ("cache.conf", "6380")])
def test_the_ports_are_those_of_the_default_settings(name, port):
    lines = (CONFIGS / name).read_text(encoding="utf-8").splitlines()

    assert f"port {port}" in lines
    assert "bind 127.0.0.1" in lines
