"""The servers of an installation, two Redis and a PostgreSQL: our own, which are kept running, or ones that are there."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Protocol

from genesis.bus.patience import backoff, reach
from genesis.embedded.redis import STOP_SECONDS, RedisServer
from genesis.embedded.watchdog import SERVERS, Watchdog
from genesis.errors import GenesisError
from genesis.settings import current
from genesis.storage.holding import Hold
from genesis.storage.server import STOP_SECONDS as POSTGRES_STOP_SECONDS

FIRST_RESTART, LONGEST_RESTART = 0.2, 30.0  # seconds
HEALTHY_SECONDS = 60.0  # a server that ran this long is started again with the shortest wait


class Server(Protocol):
    """What can be kept running."""

    title: str
    product: str

    @property
    def running(self) -> bool:
        """Whether it is alive."""

    @property
    def code(self) -> int | None:
        """How it ended; negative: the signal that ended it; None: it runs, or nobody knows."""

    @property
    def version(self) -> str:
        """Of its program."""

    @property
    def log(self) -> Path:
        """The file that its log is written to."""

    def url(self) -> str:
        """Return where it is reached."""

    def launch(self) -> None:
        """Start it without waiting until it answers."""

    def answers(self) -> bool:
        """Ask it whether it can be used now."""

    def last_words(self) -> str:
        """Return the last line of its log."""

    def shorten_log(self) -> None:
        """Begin its log anew if it is long."""

    def stop(self) -> None:
        """End it."""


@dataclass
class _Care:
    """What is known of a server that is kept running."""

    server: Server
    failures: int = 0
    up_since: float | None = None
    again_at: float | None = None
    complaint: str = ""


@dataclass
class Servers:
    """The servers, and how programs of ours find them.

    Attributes:
        env: the variables that lead every program of ours to them.
        clock: monotonic seconds.
    """

    env: dict[str, str] = field(default_factory=dict)
    clock: Callable[[], float] = time.monotonic
    _cared_for: list[_Care] = field(default_factory=list)

    @classmethod
    def embedded(cls, folder: Path, watchdog: Watchdog | None = None) -> Servers:
        """Start both below a folder.

        Args:
            folder: for their data.
            watchdog: ends them should this process be killed.

        Raises:
            UsageError: there is no redis-server, or one serves this folder already.
            ServerUnavailableError: one does not start; the line ends with its log's last line.
        """
        servers = cls()
        started = partial(watchdog.watch, stage=SERVERS, grace=STOP_SECONDS) if watchdog else lambda _pid: None
        ledger = RedisServer("ledger", folder / "ledger", started=started)
        cache = RedisServer("cache", folder / "cache", started=started)
        try:
            for server in (ledger, cache):
                servers.keep(server.start())
        except BaseException:
            servers.stop()
            raise
        servers.env = {
            "GENESIS_REDIS__URL": ledger.url(),
            "GENESIS_FRAME_CACHE__URL": cache.url(),
            "GENESIS_CELERY__BROKER_URL": cache.broker_url(),
        }
        return servers

    @classmethod
    def existing(cls, url: str, cache_url: str | None = None) -> Servers:
        """Use servers that are there; one may serve both roles.

        Raises:
            ServerUnavailableError: one was away for longer than `redis.give_up_seconds`, or refuses us.
            UsageError: that is no URL.
        """
        cache = cache_url or url
        reach(url, "--redis-url", current())
        if cache != url:
            reach(cache, "--cache-url", current())
        broker = cache
        if cache.startswith("unix://"):
            path, mark, options = cache.removeprefix("unix://").partition("?")
            broker = f"redis+socket://{path}{mark}{options.replace('db=', 'virtual_host=')}"
        return cls(env={"GENESIS_REDIS__URL": url, "GENESIS_FRAME_CACHE__URL": cache, "GENESIS_CELERY__BROKER_URL": broker})

    def hold_postgres(self, data_dir: Path, watchdog: Watchdog | None = None, *, durable: bool = True) -> None:
        """Use the embedded PostgreSQL of an installation, too: the one that runs, else one that is started.

        Args:
            data_dir: of the installation.
            watchdog: ends it should this process be killed, unless somebody else uses it.
            durable: whether what is committed must survive a power cut.

        Raises:
            UsageError: its packages are missing, or its folder can't be used.
            ServerUnavailableError: it does not start; the line says why.
        """
        watch = partial(watchdog.watch, stage=SERVERS, grace=POSTGRES_STOP_SECONDS, number=signal.SIGINT) if watchdog else None
        hold = Hold(data_dir, durable=durable, started=lambda pid: watch(pid, users=hold.users) if watch else None)
        self.keep(hold.start())
        self.env["GENESIS_STORAGE__DSN"] = hold.url()

    @property
    def started(self) -> list[Server]:
        """The servers that are our own."""
        return [care.server for care in self._cared_for]

    def keep(self, server: Server) -> None:
        """Keep a server that runs running."""
        self._cared_for.append(_Care(server, up_since=self.clock()))

    def tend(self, say: Callable[[str], None]) -> None:
        """Start those of ours again that have ended; call it often. Waits for none, and never gives one up.

        Args:
            say: told what happens, in one line each.
        """
        for care in self._cared_for:
            care.server.shorten_log()
            if care.again_at is not None:
                if self.clock() >= care.again_at:
                    self._launch(care, say)
            elif not care.server.running:
                self._put_off(care, _fate(care.server), say)
            elif care.up_since is None and self._answers(care, say):
                care.up_since = self.clock()
                say(f"{care.server.title} answers again")

    def stop(self) -> None:
        """Stop those that were started, the first one last."""
        for server in reversed(self.started):
            server.stop()

    def _launch(self, care: _Care, say: Callable[[str], None]) -> None:
        care.again_at = None
        try:
            care.server.launch()
        except GenesisError as error:
            self._put_off(care, f"can't be started: {error}", say)

    @staticmethod
    def _answers(care: _Care, say: Callable[[str], None]) -> bool:
        try:
            answered = care.server.answers()
        except GenesisError as error:
            if care.complaint != str(error):
                say(f"{care.server.title} answers, but can't be used: {error}")
            care.complaint = str(error)
            return False
        care.complaint = ""
        return answered

    def _put_off(self, care: _Care, what: str, say: Callable[[str], None]) -> None:
        now = self.clock()
        care.failures = 1 if care.up_since is not None and now - care.up_since > HEALTHY_SECONDS else care.failures + 1
        wait = backoff(care.failures, FIRST_RESTART, LONGEST_RESTART)
        care.up_since, care.again_at = None, now + wait
        say(f"{care.server.title} {what}; it is started again in {wait:.1f} s (its log: {care.server.log})")


def _fate(server: Server) -> str:
    if server.code is not None and server.code < 0:
        return f"was killed by {signal.Signals(-server.code).name}"
    if server.code is None:
        return f"is gone: {server.last_words()}"
    return f"ended with exit code {server.code}: {server.last_words()}"
