"""What the tests share: footage, real Redis servers, settings of their own, and an honest summary line."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
import redis
import yaml

from genesis.embedded.binary import SERVER_VARIABLE, find_redis_server
from genesis.embedded.redis import RedisServer
from genesis.errors import UsageError
from genesis.logs import OURS
from genesis.settings import CONFIG_VARIABLE, Settings, current, load

ROOT = Path(__file__).parents[1]
DATA_VARIABLE = "GENESIS_TEST_DATA"
_RUN_VARIABLE = "PYTEST_RUN_OF_GENESIS"
_KEPT = {DATA_VARIABLE, SERVER_VARIABLE}
_GRACE_SECONDS = 5.0

hypothesis.settings.register_profile("genesis", deadline=None, print_blob=True)
hypothesis.settings.load_profile("genesis")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let the tests run against another Redis."""
    parser.addoption("--redis-server", metavar="PATH", help="the redis-server program that the tests start")


def pytest_configure(config: pytest.Config) -> None:
    """Declare the markers, name the Redis, and mark this run's environment so that its processes can be found."""
    config.addinivalue_line("markers", "integration: uses real servers, which the fixtures start")
    config.addinivalue_line("markers", "e2e: runs the programs as a user does")
    config.addinivalue_line("markers", "beside_the_unit_tests(part): begins before them or ends after them: a minute of mere waiting")
    named = config.getoption("--redis-server")
    if named:
        os.environ[SERVER_VARIABLE] = str(Path(named).absolute())  # not resolve(): what a link is called tells redis-server what to be
    os.environ[_RUN_VARIABLE] = uuid.uuid4().hex


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark each test by the folder that it lies in."""
    for item in items:
        for kind in ("integration", "e2e"):
            if ROOT / "tests" / kind in item.path.parents:
                item.add_marker(kind)
    items.sort(key=_place)


def _place(item: pytest.Item) -> int:
    """Return where a test stands; the order is otherwise kept."""
    mark = item.get_closest_marker("beside_the_unit_tests")
    if mark is not None:
        return {"begin": 1, "end": 3}[mark.args[0]]
    return 2 if ROOT / "tests" / "unit" in item.path.parents else 0


@pytest.fixture(scope="session")
def shared() -> Path:
    """Return the folder of footage and models beside the repository."""
    folder = Path(os.environ.get(DATA_VARIABLE) or ROOT.parent / "shared")
    if not folder.is_dir():
        pytest.skip(f"no footage and models in {folder} ({DATA_VARIABLE} names another folder)")
    return folder


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Keep the caller's `GENESIS_*` variables, and the settings and log of the test before, out of every test."""
    for name in list(os.environ):
        if name.upper().startswith("GENESIS_") and name not in _KEPT:
            monkeypatch.delenv(name)
    current.cache_clear()
    root = logging.getLogger()
    handlers, levels = list(root.handlers), {name: logging.getLogger(name).level for name in (None, *OURS)}
    yield
    current.cache_clear()
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)
    for handler in [handler for handler in root.handlers if handler not in handlers]:
        root.removeHandler(handler)


@pytest.fixture(scope="session")
def redis_program() -> Path:
    """Return the redis-server that the tests start; for tests that start one of their own."""
    try:
        return find_redis_server()
    except UsageError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def ledger_server(redis_program: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """Run one durable server for the session (not flushed to disk: no test of this server cuts the power)."""
    with RedisServer("ledger", tmp_path_factory.mktemp("ledger"), appendfsync="no") as server:
        yield server


@pytest.fixture(scope="session")
def volatile_server(redis_program: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """Run one volatile server for the session."""
    with RedisServer("cache", tmp_path_factory.mktemp("volatile")) as server:
        yield server


@pytest.fixture
def ledger(ledger_server: RedisServer) -> str:
    """Return the URL of an empty ledger."""
    return _emptied(ledger_server)


@pytest.fixture
def volatile(volatile_server: RedisServer) -> str:
    """Return the URL of an empty volatile server (its database 1 is for Celery)."""
    return _emptied(volatile_server)


@pytest.fixture
def settings(ledger: str, volatile: str, volatile_server: RedisServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Return settings for the two servers; `genesis.settings.current()` and processes that the test starts see them too."""
    values = {
        "redis": {"url": ledger},
        "frame_cache": {"url": volatile},
        "celery": {"broker_url": volatile_server.broker_url(1)},
        # What is not about faces and what is stored needs neither.
        "recognition": {"engine": "none"},
        "storage": {"dsn": "none"},
        "data_dir": str(tmp_path),
    }
    file = tmp_path / "settings.yaml"
    file.write_text(yaml.safe_dump(values), encoding="utf-8")
    monkeypatch.setenv(CONFIG_VARIABLE, str(file))
    current.cache_clear()
    return load(file)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail the run if one of its processes is still there, and end that process."""
    mark = os.environ.pop(_RUN_VARIABLE, "")
    deadline = time.monotonic() + _GRACE_SECONDS
    while (left := _processes_of(mark)) and time.monotonic() < deadline:
        time.sleep(0.05)
    for pid in left:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    if left:
        session.config.stash[_LEFT] = [f"{pid}: {command}" for pid, command in left.items()]
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


_LEFT = pytest.StashKey[list[str]]()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say what was not tested for lack of what, and which processes the tests left behind."""
    skipped = Counter(
        report.longrepr[2].removeprefix("Skipped: ")
        for report in terminalreporter.stats.get("skipped", ())
        if isinstance(report.longrepr, tuple)
    )
    for reason, count in skipped.most_common():
        terminalreporter.write_line(f"NOT TESTED HERE: {count} x {reason}", yellow=True)
    for process in config.stash.get(_LEFT, ()):
        terminalreporter.write_line(f"A TEST LEFT A PROCESS BEHIND: {process}", red=True)


def _emptied(server: RedisServer) -> str:
    # A test may have ended or killed it.
    server.start()
    with redis.Redis.from_url(server.url()) as client:
        client.flushall()
    return server.url()


def _processes_of(mark: str) -> dict[int, str]:
    """Return the pid and command of every process whose environment has the run's mark, other than this one."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
            marked = f"{_RUN_VARIABLE}={mark}".encode() in (folder / "environ").read_bytes()
            # multiprocessing's own tracker ends with this process.
            if marked and int(folder.name) != os.getpid() and "multiprocessing" not in command:
                found[int(folder.name)] = command
    return found
