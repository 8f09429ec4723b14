"""Run a PostgreSQL of our own on a folder.

It listens on a unix socket in a folder that its user (and root) alone can enter, on no network, and asks for no password there.
Whoever serves a folder has a lock on it, and so has every process of that server: one that was killed, or whose main process was,
is known for what it is by everybody who may come upon it, in other containers on this machine too.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from genesis.errors import ServerUnavailableError, UsageError
from genesis.storage import cluster

if TYPE_CHECKING:
    from typing_extensions import Self

FOLDER = "postgres"
DATABASE = "genesis"
START_SECONDS = 60.0
"""How long a server may take until it answers; recovering after a crash is the slow part."""
STOP_SECONDS = 20.0
"""How long a server may take to end when it is asked to before it is cut short."""

_CUT_SHORT_SECONDS = 5.0
_POLL_SECONDS = 0.01
_LOG_LIMIT = 1_000_000  # bytes; a longer log is begun anew
_CONNECT_SECONDS = 2
_STATUS_LINE = 7  # of postmaster.pid, counted from 0
_SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "60",
    "shared_buffers": "64MB",
    "huge_pages": "off",
    # Shared memory of containers is small: nothing here takes more of it for a while.
    "max_parallel_workers_per_gather": "0",
    "max_parallel_maintenance_workers": "0",
    "maintenance_work_mem": "64MB",
    # Fewer processes: no I/O workers, no launcher of replication.
    "io_method": "sync",
    "max_logical_replication_workers": "0",
    "autovacuum_max_workers": "1",
    "autovacuum_worker_slots": "1",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    # A small log of changes, whose files are removed and not kept to be written over: what was erased must be gone.
    "min_wal_size": "8MB",
    "max_wal_size": "256MB",
    "wal_recycle": "off",
    "jit": "off",
    # What goes wrong with a statement is told to the one who gave it.
    "log_min_messages": "log",
    "log_checkpoints": "off",
    # No statement, and no row, comes into the log.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_line_prefix": "%m [%p] ",
    "log_timezone": "UTC",
    "timezone": "UTC",
}
_SINCE = {"io_method": 18, "autovacuum_worker_slots": 18}


def folder_of(data_dir: Path) -> Path:
    """Return the folder of an installation's embedded server."""
    return data_dir.resolve() / FOLDER


def dsn_of(data_dir: Path) -> str:
    """Return the DSN of an installation's embedded server, whether it runs or not; the same in every process."""
    return _dsn(folder_of(data_dir), DATABASE)


def is_served(data_dir: Path) -> bool:
    """Tell whether an installation's embedded server runs; starts nothing, and needs none of its packages."""
    return PostgresServer(folder_of(data_dir)).pid is not None


class PostgresServer:
    """The server of one folder: started by this process, or one that serves it already, which is used as it is.

    Not for two processes at once: `genesis.storage.holding` sees to that.

    Args:
        folder: where data, socket, locks and log lie; made if it is missing.
        durable: whether what was committed must survive a power cut.
        started: told the pid of every server that is started, or met, before it answers.
    """

    def __init__(self, folder: Path, *, durable: bool = True, started: Callable[[int], None] = lambda _pid: None) -> None:
        self.folder = folder.resolve()
        self._data = self.folder / "data"
        self._socket_folder = cluster.socket_folder(self.folder)
        self._durable = durable
        self._started = started
        self._process: subprocess.Popen[bytes] | None = None
        self._met = False
        self._log_from = 0

    def url(self, database: str = DATABASE) -> str:
        """Return the DSN of a database, through the unix socket."""
        return _dsn(self.folder, database)

    @property
    def running(self) -> bool:
        """Whether the server that was started or met is alive."""
        if self._process is not None:
            return self._process.poll() is None
        return self._met and (self.pid is not None or self._is_served())

    @property
    def code(self) -> int | None:
        """How the process ended; None while it runs, or if it was not our child. Negative: the signal that ended it."""
        return None if self._process is None else self._process.poll()

    @property
    def pid(self) -> int | None:
        """The server's process id; None while none serves the folder, or one of another container does."""
        if self._process is not None and self._process.poll() is None:
            return self._process.pid
        first = next(iter(self._postmaster_file()), "")
        return int(first) if first.isdigit() and self._is_at_home(int(first)) else None

    @property
    def version(self) -> str:
        """Version of the server program, such as `18.4`."""
        return cluster.version_of(cluster.programs_for(self._data))

    @property
    def log(self) -> Path:
        """The file that the server's log is written to."""
        return self.folder / "postgres.log"

    def start(self) -> Self:
        """Start the server, or use the one that serves the folder, and wait until it answers; does nothing while it runs.

        Raises:
            UsageError: the wheel is missing, the folder can't be used, or its data are another version's.
            ServerUnavailableError: it ended at once, or did not answer in time; the line ends with its log's last complaint.
        """
        if not self.running:
            self.launch()
        deadline = time.monotonic() + START_SECONDS
        while not self.answers():
            if not self.running and self._process is None:
                self.launch()  # the one that was met was about to end
            elif not self.running or time.monotonic() > deadline:
                what = "does not answer" if self.running else "ended at once"
                last = self.last_words()
                self.stop()
                msg = f"the embedded PostgreSQL in {self.folder} {what}: {last}"
                raise ServerUnavailableError(msg)
            time.sleep(_POLL_SECONDS)
        return self

    def launch(self) -> None:
        """Start the server without waiting until it answers, or use the one that serves the folder.

        Raises:
            UsageError: as `start`.
            ServerUnavailableError: its first files can't be made.
        """
        account = cluster.account_for(self.folder)
        cluster.made_folder(self.folder, account)
        programs = cluster.programs_for(self._data)
        if self._socket_folder != self.folder:
            cluster.made_socket_folder(self._socket_folder, account)
        self._process, self._met = None, False
        with self._serving_lock() as lock:
            if lock is None:
                self._met = True
                if (pid := self.pid) is not None:
                    self._started(pid)
                return
            cluster.let_in(account, self.folder, self._socket_folder, programs)
            if not (self._data / "PG_VERSION").exists():
                cluster.initialise(self._data, programs, account, durable=self._durable)
            self._remove_what_a_dead_one_left()
            self._process = self._popen(programs, account, lock)
        self._started(self._process.pid)

    def answers(self) -> bool:
        """Ask the server whether it can be used now; takes two seconds at most."""
        if self._says_that_it_is_starting():
            return False  # it would log that it refused us
        import psycopg2  # noqa: PLC0415 - not where nothing is stored

        try:
            psycopg2.connect(self.url("postgres"), connect_timeout=_CONNECT_SECONDS).close()
        except psycopg2.Error:
            return False
        return True

    def last_words(self) -> str:
        """Return the last complaint, else the last line, in its log since it was started."""
        try:
            with self.log.open("rb") as log:
                log.seek(self._log_from)
                text = log.read(_LOG_LIMIT).decode("utf-8", "replace")
        except OSError as error:
            return f"{self.log}: {error.strerror}"
        last = next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "its log is empty")
        return cluster.complaint(text) or last

    def shorten_log(self) -> None:
        """Begin the log anew if it is long."""
        with contextlib.suppress(OSError):
            if self.log.stat().st_size > _LOG_LIMIT:
                os.truncate(self.log, 0)
                self._log_from = 0

    def stop(self, timeout: float = STOP_SECONDS) -> None:
        """End the server, whoever started it, its clients notwithstanding; cut it short after `timeout` seconds. May be called twice."""
        pid = self.pid
        steps = ((signal.SIGINT, timeout), (signal.SIGQUIT, _CUT_SHORT_SECONDS), (signal.SIGKILL, _CUT_SHORT_SECONDS))
        for number, seconds in steps if pid is not None else ():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number) if number != signal.SIGKILL else os.killpg(pid, number)  # type: ignore[arg-type]
            if self._ended_within(seconds):
                break
        self._process, self._met = None, False
        if self._socket_folder != self.folder:
            with contextlib.suppress(OSError):  # it is used, or gone
                self._socket_folder.rmdir()

    def __enter__(self) -> Self:
        """Start it."""
        return self.start()

    def __exit__(self, *_: object) -> None:
        """Stop it."""
        self.stop()

    def _popen(self, programs: Path, account: cluster.Account | None, lock: int) -> subprocess.Popen[bytes]:
        major = int(cluster.version_of(programs).split(".")[0])
        settings = {name: value for name, value in _SETTINGS.items() if major >= _SINCE.get(name, 0)}
        settings["unix_socket_directories"] = str(self._socket_folder)
        if not self._durable:
            settings |= {"fsync": "off", "full_page_writes": "off"}
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        command = [os.fspath(programs / "postgres"), "-D", os.fspath(self._data), "-p", "5432", *options]
        self.shorten_log()
        try:
            with self.log.open("ab") as log:
                self._log_from = log.tell()
                return subprocess.Popen(  # noqa: S603 - out of our own environment
                    command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, cwd="/",
                    env=cluster.environment(), umask=0o077, pass_fds=(lock,), **(account.as_options() if account else {}),
                )  # fmt: skip
        except PermissionError as error:
            msg = f"PostgreSQL can't run as root, and its user can't run {programs / 'postgres'}: chmod -R go+rX {programs.parent}"
            raise UsageError(msg) from error
        except OSError as error:
            msg = f"the embedded PostgreSQL in {self.folder} can't be started: {error.strerror}"
            raise UsageError(msg) from error

    @contextlib.contextmanager
    def _serving_lock(self) -> Iterator[int | None]:
        """Take the lock that a server's processes hold; None if a server serves the folder. Ends what a killed one has left."""
        lock = os.open(self.folder / "server.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        deadline, number = time.monotonic() + 2 * _CUT_SHORT_SECONDS, signal.SIGQUIT
        try:
            while self.pid is not None or not _locked(lock, fcntl.LOCK_EX):
                if self.pid is not None or self.answers():
                    yield None
                    return
                if time.monotonic() > deadline:
                    msg = f"{self.folder}: processes of a server that was killed still use it, and can't be ended from here; end them first"
                    raise UsageError(msg)
                for left in self._processes_at_home():
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(left, number)
                if time.monotonic() > deadline - _CUT_SHORT_SECONDS:
                    number = signal.SIGKILL
                time.sleep(_POLL_SECONDS)
            yield lock
        finally:
            os.close(lock)  # the server has its own copy

    def _is_served(self) -> bool:
        try:
            lock = os.open(self.folder / "server.lock", os.O_RDWR | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            return not _locked(lock, fcntl.LOCK_SH)
        finally:
            os.close(lock)

    def _is_at_home(self, pid: int) -> bool:
        """Tell whether a process is one of the folder's server: they all work in the folder of its data."""
        try:
            return self._data.samefile(f"/proc/{pid}/cwd")
        except OSError:
            return False

    def _says_that_it_is_starting(self) -> bool:
        try:
            return self._postmaster_file()[_STATUS_LINE].startswith("starting")
        except IndexError:
            return False

    def _postmaster_file(self) -> list[str]:
        try:
            return (self._data / "postmaster.pid").read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            return []

    def _processes_at_home(self) -> list[int]:
        return [int(folder.name) for folder in Path("/proc").glob("[0-9]*") if self._is_at_home(int(folder.name))]

    def _remove_what_a_dead_one_left(self) -> None:
        # PostgreSQL would look whether the process of that number lives, which may be anybody by now.
        for file in (self._data / "postmaster.pid", self._socket_folder / ".s.PGSQL.5432.lock", self._socket_folder / ".s.PGSQL.5432"):
            with contextlib.suppress(OSError):
                file.unlink()

    def _ended_within(self, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self._process is not None:
                self._process.poll()  # else it would stay as a zombie
            if self.pid is None and not self._is_served():
                return True
            time.sleep(_POLL_SECONDS)
        return False


def _locked(lock: int, how: int) -> bool:
    try:
        fcntl.flock(lock, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _dsn(folder: Path, database: str) -> str:
    place: Any = os.fsencode(cluster.socket_folder(folder))
    return f"postgresql:///{quote(database)}?host={quote(place)}&port=5432&user={cluster.SUPERUSER}"
