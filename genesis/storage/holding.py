"""One embedded PostgreSQL for every process that needs it: the first one starts it, the last one to leave stops it.

Each user has a shared lock on `users.lock`; who leaves and then gets it for itself alone was the last one. The system takes a
killed user's lock away, so nothing has to be tidied up: the server of one that was killed runs on, is used by the next user, and
stopped by the last. A second lock lets one start it while the others wait.
"""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING

from genesis.errors import GenesisError, UsageError
from genesis.settings import NO_DATABASE
from genesis.storage import cluster
from genesis.storage.server import DATABASE, STOP_SECONDS, PostgresServer, folder_of

if TYPE_CHECKING:
    from typing_extensions import Self

    from genesis.settings import Settings

logger = logging.getLogger(__name__)

USERS = "users.lock"
WATCH_SECONDS = 0.5  # between two looks at a server that is kept running
FIRST_RESTART, LONGEST_RESTART = 0.2, 30.0  # seconds

_TRIES, _TRY_SECONDS = 5, 0.01
NOTHING_STORED = "nothing is stored, and nobody is recognised: no embedded PostgreSQL: %s; storage.dsn none says that this is meant"


class Hold:
    """A claim on the embedded server of an installation: while it lasts, the server runs.

    Args:
        data_dir: of the installation.
        durable: whether what was committed must survive a power cut.
        upgrade: bring the schema up to date whenever the server is claimed or started.
        started: told the pid of every server that is started, or met, before it answers.
    """

    title = product = "PostgreSQL"

    def __init__(
        self, data_dir: Path, *, durable: bool = True, upgrade: bool = True, started: Callable[[int], None] = lambda _pid: None
    ) -> None:
        self._server = PostgresServer(folder_of(data_dir), durable=durable, started=started)
        self._upgrade = upgrade
        self._users: IO[bytes] | None = None
        self._unsettled = True
        self._owner = 0
        self._left = threading.Event()
        self._watcher: threading.Thread | None = None

    @property
    def users(self) -> Path:
        """The file whose shared lock says that somebody uses the server."""
        return self._server.folder / USERS

    @property
    def running(self) -> bool:
        """Whether the server is alive, or somebody is starting it."""
        return self._server.running or self._is_being_started()

    @property
    def code(self) -> int | None:
        """As `PostgresServer.code`."""
        return self._server.code

    @property
    def pid(self) -> int | None:
        """As `PostgresServer.pid`."""
        return self._server.pid

    @property
    def version(self) -> str:
        """As `PostgresServer.version`."""
        return self._server.version

    @property
    def log(self) -> Path:
        """As `PostgresServer.log`."""
        return self._server.log

    def url(self) -> str:
        """Return the DSN of the installation's database."""
        return self._server.url()

    def last_words(self) -> str:
        """As `PostgresServer.last_words`."""
        return self._server.last_words()

    def shorten_log(self) -> None:
        """As `PostgresServer.shorten_log`."""
        self._server.shorten_log()

    def start(self) -> Self:
        """Claim the server: use the one that runs, else start it; then bring its schema up to date. Once is enough.

        Raises:
            UsageError: its packages are missing, its folder can't be used, or its data are another version's.
            ServerUnavailableError: it does not start; the line says why.
        """
        if self._users is not None:
            return self
        if reason := cluster.missing_packages():
            msg = f"no embedded PostgreSQL: {reason}; or name a server in storage.dsn"
            raise UsageError(msg)
        cluster.made_folder(self._server.folder, cluster.account_for(self._server.folder))
        with self._starting() as may:
            assert may  # noqa: S101 - it was waited for
            self._users = self.users.open("ab")
            self._owner = os.getpid()
            atexit.register(self._leave_at_exit)
            try:
                fcntl.flock(self._users, fcntl.LOCK_SH)  # waits for one who is stopping the server
                self._server.start()
                self._settle()
            except BaseException:
                self.stop()
                raise
        return self

    def launch(self) -> None:
        """Start the server again without waiting until it answers, unless somebody else does.

        Raises:
            UsageError: as `start`.
            ServerUnavailableError: its first files can't be made.
        """
        with self._starting(wait=False) as may:
            if may:
                self._unsettled = True
                self._server.launch()

    def answers(self) -> bool:
        """Ask the server whether it can be used now; the first time since it was started, see that its database is complete.

        Raises:
            GenesisError: the database can't be made, or its schema not be brought up to date.
        """
        if not self._server.answers():
            return False
        if self._unsettled:
            self._settle()
        return True

    def stop(self) -> None:
        """Leave; stop the server if nobody else uses it. May be called twice."""
        atexit.unregister(self._leave_at_exit)
        self._left.set()
        if self._watcher is not None and self._watcher is not threading.current_thread():
            self._watcher.join()
        users, self._users = self._users, None
        if users is None:
            return
        with users:
            try:
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                # A forked child shares our lock: closing the file here would not give it back.
                fcntl.flock(users, fcntl.LOCK_UN)
                return
            self._server.stop()
            fcntl.flock(users, fcntl.LOCK_UN)

    def keep_running(self) -> None:
        """Start the server again whenever it ends, in a thread, until `stop`; for one who has nobody else to do so."""
        self._watcher = threading.Thread(target=self._watch, name="postgres-watcher", daemon=True)
        self._watcher.start()

    def __enter__(self) -> Self:
        """Claim it."""
        return self.start()

    def __exit__(self, *_: object) -> None:
        """Leave."""
        self.stop()

    def _watch(self) -> None:
        failures, again_at = 0, 0.0
        while not self._left.wait(WATCH_SECONDS):
            self.shorten_log()
            if self.running:
                failures = 0 if self._healthy() else failures
                continue
            if time.monotonic() < again_at:
                continue
            if not failures:
                code = self.code or 0
                how = f"was killed by {signal.Signals(-code).name}" if code < 0 else "has ended"
                logger.warning("the embedded PostgreSQL %s; it is started again (its log: %s)", how, self.log)
            failures += 1
            again_at = time.monotonic() + min(LONGEST_RESTART, FIRST_RESTART * 2**failures)
            try:
                self.launch()
            except GenesisError as error:
                logger.warning("the embedded PostgreSQL can't be started: %s", error)

    def _healthy(self) -> bool:
        if not self._unsettled:
            return True
        try:
            return self.answers()
        except GenesisError as error:
            logger.warning("the embedded PostgreSQL can't be used: %s", error)
            return False

    @contextmanager
    def _starting(self, *, wait: bool = True) -> Iterator[bool]:
        with (self._server.folder / "start.lock").open("ab") as lock:
            if wait:
                fcntl.flock(lock, fcntl.LOCK_EX)
            yield wait or _taken(lock)

    def _is_being_started(self) -> bool:
        try:
            with (self._server.folder / "start.lock").open("rb") as lock:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False

    def _settle(self) -> None:
        """Make the database if it is not there, and bring its schema up to date."""
        _make_database(self._server.url("postgres"))
        if self._upgrade:
            from genesis.storage.schema import upgrade  # noqa: PLC0415 - not where nothing is stored

            upgrade(self._server.url())
        self._unsettled = False

    def _leave_at_exit(self) -> None:
        # A forked child inherits the hook, but the claim is not its own.
        if os.getpid() == self._owner:
            self.stop()


@contextmanager
def settled(settings: Settings, *, optional: bool = False, keep: bool = False) -> Iterator[Settings]:
    """Return settings whose `storage.dsn` is a database that can be used, or `none`, for the time of a `with` block.

    Args:
        settings: of this installation.
        optional: where the packages of the embedded server are missing, say so and go on without a database.
        keep: start the embedded server again whenever it ends meanwhile.

    Raises:
        UsageError: the embedded server can't be had, or the schema of the named one does not fit.
        ServerUnavailableError: the database is away, does not start, or refuses us.
    """
    if not settings.storage.enabled:
        yield settings
    elif settings.storage.dsn:
        from genesis.storage.schema import require  # noqa: PLC0415 - not where nothing is stored

        require(settings.storage.dsn)
        yield settings
    elif optional and (reason := cluster.missing_packages()):
        logger.warning(NOTHING_STORED, reason)
        yield with_dsn(settings, NO_DATABASE)
    else:
        with Hold(settings.data_dir) as hold:
            if keep:
                hold.keep_running()
            yield with_dsn(settings, hold.url())


@contextmanager
def claimed(settings: Settings, *, upgrade: bool = True) -> Iterator[str]:
    """Return the DSN of the database for the time of a `with` block: the embedded server's, which runs meanwhile, or the named one's.

    Whether a named one can be reached is not looked at.

    Args:
        settings: of this installation.
        upgrade: bring the schema of the embedded one up to date.

    Raises:
        UsageError: the embedded server can't be had.
        ServerUnavailableError: it does not start.
    """
    if settings.storage.dsn:
        yield settings.storage.dsn
        return
    with Hold(settings.data_dir, upgrade=upgrade) as hold:
        yield hold.url()


def with_dsn(settings: Settings, dsn: str) -> Settings:
    """Return the settings with another database."""
    return settings.model_copy(update={"storage": settings.storage.model_copy(update={"dsn": dsn})})


def _taken(lock: IO[bytes]) -> bool:
    # Somebody may only be looking whether it is taken.
    for _ in range(_TRIES):
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        time.sleep(_TRY_SECONDS)
    return False


def _make_database(server: str) -> None:
    import psycopg2  # noqa: PLC0415 - not where nothing is stored

    from genesis.errors import ServerUnavailableError  # noqa: PLC0415

    try:
        with contextlib.closing(psycopg2.connect(server, connect_timeout=int(STOP_SECONDS))) as connection, connection.cursor() as cursor:
            connection.autocommit = True
            cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", (DATABASE,))
            if cursor.fetchone() is None:
                cursor.execute(f"CREATE DATABASE {DATABASE}")
    except psycopg2.Error as error:
        msg = f"the embedded PostgreSQL's database can't be made: {' '.join(str(error).split())}"
        raise ServerUnavailableError(msg) from None
