"""Programs that are started by hand have the database that they need, and those that need none know nothing of it."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path

import pytest

from genesis.embedded.servers import Servers
from genesis.settings import Settings
from genesis.storage import cluster
from genesis.storage.holding import with_dsn
from genesis.storage.server import PostgresServer, dsn_of, folder_of, is_served
from tests.processes import program, python, wait_until, worker_argv

pytestmark = [
    pytest.mark.usefixtures("settings"),
    pytest.mark.skipif(cluster.missing_packages() is not None, reason="no PostgreSQL in this environment: make setup"),
]

IMPORTED = """
import sys
from genesis.celery import _check
_check(options={"queues": "detection,alerts"})
print(sorted({"psycopg2", "alembic", "sqlalchemy", "genesis.storage.holding"} & set(sys.modules)))
"""


@pytest.fixture
def embedded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let programs use the embedded database, against what the settings of the tests say."""
    monkeypatch.setenv("GENESIS_STORAGE__DSN", "")


@pytest.mark.usefixtures("embedded")
def test_a_worker_runs_the_server_while_it_runs_and_starts_it_again(settings: Settings, tmp_path: Path) -> None:
    log, server = tmp_path / "worker.log", PostgresServer(folder_of(settings.data_dir))

    with program(worker_argv("storage"), log) as worker:
        wait_until(lambda: "ready." in log.read_text(), f"it is ready; see {log}")
        first = server.pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        wait_until(lambda: server.pid not in (None, first) and server.answers(), f"the server is back; see {log}", 20)
        worker.terminate()
        code = worker.wait(30)

    assert code == 0
    assert not is_served(settings.data_dir)
    assert "the embedded PostgreSQL was killed by SIGKILL; it is started again" in log.read_text()
    assert "Traceback" not in log.read_text()


def test_a_worker_refuses_a_database_without_the_schema(settings: Settings, tmp_path: Path) -> None:
    log = tmp_path / "worker.log"

    with (
        PostgresServer(tmp_path / "bare", durable=False) as bare,
        program(worker_argv("storage"), log, {"GENESIS_STORAGE__DSN": bare.url("postgres")}) as worker,
    ):
        code = worker.wait(30)

    said = [line for line in log.read_text().splitlines() if line.startswith("genesis: ")]
    assert code == 2
    assert len(said) == 1
    assert "genesis db upgrade" in said[0]
    del settings


def test_a_worker_that_stores_nothing_knows_nothing_of_databases(settings: Settings) -> None:
    ended = python("-c", IMPORTED, env={"GENESIS_STORAGE__DSN": ""})

    assert ended.stdout == "[]\n", ended.stderr
    assert not is_served(settings.data_dir)


@pytest.mark.parametrize(("mode", "used"), [("sync", True), ("event", False)])
@pytest.mark.usefixtures("embedded")
def test_capture_has_a_database_in_sync_mode_only(settings: Settings, tmp_path: Path, mode: str, *, used: bool) -> None:
    said = python("-m", "genesis.capture", "--mode", mode, "--source", "sample", "--fps", "0", "--max-frames", "1", cwd=tmp_path, env={
        "GENESIS_DETECTION__DETECTOR": "hog",
    })  # fmt: skip

    assert said.returncode == 0, said.stderr
    assert (folder_of(settings.data_dir) / "data").exists() is used
    assert not is_served(settings.data_dir)
    assert not re.search("Traceback|ERROR", said.stderr)


def test_the_bridge_sweeps_a_database_that_runs_and_starts_none(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    from genesis.bridge import chores_of

    used = with_dsn(settings, "")
    (sweep,) = chores_of(used)
    swept: list[Settings] = []
    monkeypatch.setattr("genesis.storage.upkeep.sweep_now", swept.append)

    sweep.action()
    stopped = list(swept)
    servers = Servers()
    servers.hold_postgres(used.data_dir, durable=False)
    sweep.action()
    servers.stop()

    assert stopped == []
    assert swept == [used]
    assert chores_of(with_dsn(settings, "none")) == []
    assert servers.env == {"GENESIS_STORAGE__DSN": dsn_of(used.data_dir)}
