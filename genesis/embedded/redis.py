"""Run a Redis server of our own, in one of two roles: the durable ledger, or the volatile cache.

It listens on a unix socket that only this user can open, and on 127.0.0.1 if a port is asked for. The
ledger's data survive a stop, a crash and a `kill -9`; the cache's do not survive anything.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import quote

from genesis.connections import UNAVAILABLE, connect
from genesis.embedded.binary import SERVER_VARIABLE, find_redis_server, server_version
from genesis.embedded.places import made_folder, private_folder, refuse_a_second_server, socket_of
from genesis.errors import ServerUnavailableError, UsageError

if TYPE_CHECKING:
    from typing_extensions import Self

Role = Literal["ledger", "cache"]
Fsync = Literal["always", "everysec", "no"]

CACHE_MAXMEMORY_MB = 1000
"""Memory of the volatile server in MB (1,000,000 bytes) when none is asked for: 500 MB of frames and Celery's queues."""
START_SECONDS = 30.0
"""How long a server may take until it answers; loading a long ledger is the slow part."""
STOP_SECONDS = 10.0
"""How long a server may take to end after SIGTERM before it is killed."""

_POLL_SECONDS = 0.01
_LOG_LIMIT = 1_000_000  # bytes; a longer log is begun anew
_LAST_PORT = 65_535
_NEWER_LEDGER = "appendonlydir"
_NEWER_SINCE = (7, 0, 0)


def redis_command(
    role: Role,
    folder: Path,
    *,
    port: int | None = None,
    appendfsync: Fsync = "always",
    maxmemory_mb: float | None = None,
) -> list[str]:
    """Return the command line that serves a folder in the foreground, and make the folder ready for it.

    For a process supervisor; the server logs to its standard output and ends cleanly at SIGTERM. Its URL is
    `RedisServer(role, folder).url()`. The arguments are those of `RedisServer`.

    Raises:
        UsageError: there is no Redis, the folder can't be used, or a server serves it already.
    """
    if port is not None and not 0 < port <= _LAST_PORT:
        msg = f"port {port}: expected 1 to {_LAST_PORT}"
        raise UsageError(msg)
    program = find_redis_server()
    folder = made_folder(folder)
    path = socket_of(role, folder)
    if path.parent != folder:
        private_folder(path.parent)
    refuse_a_second_server(path, folder)
    if role == "ledger" and (folder / _NEWER_LEDGER).exists() and server_version(program) < _NEWER_SINCE:
        # It would not look there, and begin an empty ledger without a word.
        found = ".".join(map(str, server_version(program)))
        msg = f"{folder}: the ledger was written by Redis 7 or newer, {program} is {found}; name the newer one in {SERVER_VARIABLE}"
        raise UsageError(msg)
    if maxmemory_mb is None:
        maxmemory_mb = CACHE_MAXMEMORY_MB if role == "cache" else 0
    options: dict[str, str] = {
        "dir": str(folder),
        "unixsocket": str(path),
        "unixsocketperm": "700",
        "port": str(port or 0),
        "bind": "127.0.0.1",
        "protected-mode": "yes",
        "daemonize": "no",
        "always-show-logo": "no",
        # The ledger is its append-only file; no role writes snapshots.
        "save": "",
        "appendonly": "yes" if role == "ledger" else "no",
        "appendfsync": appendfsync,
        "maxmemory": str(int(maxmemory_mb * 1_000_000)),
        "maxmemory-policy": "noeviction",
    }
    return [str(program), *(word for name, value in options.items() for word in (f"--{name}", value))]


class RedisServer:
    """One server that this process starts and ends; usable in a `with` statement.

    Note:
        It runs in a session of its own, so Ctrl-C in a terminal does not reach it, and is stopped when the
        interpreter exits. If this process is killed it stays; the next start on the folder then names its pid.
    """

    product = "redis-server"

    def __init__(
        self,
        role: Role,
        folder: Path,
        *,
        port: int | None = None,
        appendfsync: Fsync = "always",
        maxmemory_mb: float | None = None,
        started: Callable[[int], None] = lambda _pid: None,
    ) -> None:
        """Describe a server; nothing is started yet.

        Args:
            role: `ledger` keeps everything on disk, `cache` nothing.
            folder: where data, socket and log lie; made if it is missing.
            port: on 127.0.0.1; None serves the unix socket only.
            appendfsync: when the ledger is flushed to disk.
            maxmemory_mb: limit in MB (1,000,000 bytes); None: the ledger has none, the cache `CACHE_MAXMEMORY_MB`.
            started: told the pid of every process that is started, before it answers.
        """
        self.role = role
        self.title = f"{role} Redis"
        self.folder = folder.absolute()
        self.port = port
        self._started = started
        self._options: dict[str, Any] = {"port": port, "appendfsync": appendfsync, "maxmemory_mb": maxmemory_mb}
        self._socket = socket_of(role, self.folder)
        self._process: subprocess.Popen[bytes] | None = None
        self._owner = 0

    def url(self, db: int = 0) -> str:
        """Return the URL of a database, through the unix socket."""
        return f"unix://{quote(str(self._socket))}?db={db}"

    def broker_url(self, db: int = 1) -> str:
        """Return the URL of a database as kombu spells it."""
        return f"redis+socket://{quote(str(self._socket))}?virtual_host={db}"

    @property
    def pid(self) -> int | None:
        """The server's process id; None while it does not run."""
        return self._process.pid if self._process is not None and self.running else None

    @property
    def running(self) -> bool:
        """Whether the process that `start` made is alive."""
        return self._process is not None and self._process.poll() is None

    @property
    def code(self) -> int | None:
        """How the process ended; None while it runs. Negative: the signal that ended it."""
        return None if self._process is None else self._process.poll()

    @property
    def version(self) -> str:
        """Version of the server program, such as `7.0.15`."""
        return ".".join(map(str, server_version(find_redis_server())))

    @property
    def log(self) -> Path:
        """The file that the server's log is written to."""
        return self.folder / f"{self.role}.log"

    def start(self) -> Self:
        """Start the server and wait until it answers; does nothing while it runs.

        Raises:
            UsageError: as `redis_command`.
            ServerUnavailableError: it ended at once, or did not answer in time; the line ends with its log's last line.
        """
        if not self.running:
            self.launch()
            self._wait_until_ready(time.monotonic() + START_SECONDS)
        return self

    def launch(self) -> None:
        """Start the server without waiting until it answers.

        Raises:
            UsageError: as `redis_command`, or its log can't be written.
        """
        command = redis_command(self.role, self.folder, **self._options)
        self.shorten_log()
        try:
            with self.log.open("ab") as log:
                # An invalid LANG would stop newer servers.
                environment = {**os.environ, "LC_ALL": "C"}
                self._process = subprocess.Popen(  # noqa: S603 - the operator's own program
                    command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, env=environment
                )
        except OSError as error:
            msg = f"the {self.role}'s redis-server in {self.folder} can't be started: {error.strerror}"
            raise UsageError(msg) from error
        self._started(self._process.pid)
        self._owner = os.getpid()
        atexit.register(self._stop_at_exit)

    def answers(self) -> bool:
        """Ask the server whether it can be used now; takes a second at most."""
        client = connect(self.url(), timeout=1.0)
        try:
            return bool(client.ping())
        except UNAVAILABLE:
            return False
        finally:
            client.close()

    def last_words(self) -> str:
        """Return the last line of its log."""
        try:
            lines = self.log.read_text(encoding="utf-8", errors="replace").split("\n")[-50:]
        except OSError as error:
            return f"{self.log}: {error.strerror}"
        return next((line.strip() for line in reversed(lines) if line.strip()), "its log is empty")

    def shorten_log(self) -> None:
        """Begin the log anew if it is long."""
        with contextlib.suppress(OSError):
            if self.log.stat().st_size > _LOG_LIMIT:
                os.truncate(self.log, 0)

    def stop(self, timeout: float = STOP_SECONDS) -> None:
        """End the server with SIGTERM, which saves the ledger; kill it after `timeout` seconds. May be called twice."""
        atexit.unregister(self._stop_at_exit)
        process, self._process = self._process, None
        if process is None:
            return
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(timeout)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._socket.unlink(missing_ok=True)
        if self._socket.parent != self.folder and self._socket.parent.is_dir() and not any(self._socket.parent.iterdir()):
            self._socket.parent.rmdir()

    def __enter__(self) -> Self:
        """Start it."""
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Stop it."""
        self.stop()

    def _stop_at_exit(self) -> None:
        # A forked child inherits the hook, but the server is not its own.
        if os.getpid() == self._owner:
            self.stop()

    def _wait_until_ready(self, deadline: float) -> None:
        while not self.answers():
            if not self.running or time.monotonic() > deadline:
                what = "does not answer" if self.running else "ended at once"
                last = self.last_words()
                self.stop()
                msg = f"the {self.role}'s redis-server in {self.folder} {what}: {last}"
                raise ServerUnavailableError(msg)
            time.sleep(_POLL_SECONDS)
