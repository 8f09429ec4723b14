"""`genesis status --watch`: look again and again, and keep a screen up to date until Ctrl-C; a ledger that goes away is waited for."""

from __future__ import annotations

import shutil
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, TypeVar

from rich.console import Console
from rich.live import Live

from genesis.cli.figures import size
from genesis.cli.screen_view import ServerFigure, View, screen
from genesis.errors import GenesisError
from genesis.monitoring.history import History
from genesis.monitoring.latest import Happening, happenings_looker
from genesis.monitoring.servers import Memory, memory_looker, redis_servers
from genesis.monitoring.status import Status, looker
from genesis.monitoring.verdict import judge

if TYPE_CHECKING:
    from genesis.settings import Settings

Found = TypeVar("Found")

PATIENCE = 2.0  # seconds that a server is waited for
SERVERS_SECONDS = 5.0  # between two looks at the servers' memory
EVENTS = 40  # newest ones that are asked for


@dataclass
class Seen(Generic[Found]):
    """What a look tells again and again.

    Attributes:
        found: by the newest look that was answered; None before there was one.
        error: why the newest look was not answered; empty: it was.
        since: when the first one of these was made, in seconds since 1970.
        count: looks that were answered.
    """

    found: Found | None = None
    error: str = ""
    since: float = 0.0
    count: int = 0


class Lookout(Generic[Found]):
    """Looks again and again in a thread, so that a server that does not answer does not stop the screen.

    Args:
        look: raises a GenesisError where nothing can be told now.
        every: seconds between the beginnings of two looks.
        news: set after each look.
    """

    def __init__(self, look: Callable[[], Found], every: float, news: threading.Event) -> None:
        self.seen: Seen[Found] = Seen()
        self.broken: BaseException | None = None
        self._look, self._every, self._news = look, every, news
        self._thread = threading.Thread(target=self._run, name="lookout", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def once(self) -> None:
        """Look."""
        try:
            found = self._look()
        except GenesisError as error:
            self.seen = Seen(self.seen.found, str(error), self.seen.since if self.seen.error else time.time(), self.seen.count)
        else:
            self.seen = Seen(found, count=self.seen.count + 1)

    def _run(self) -> None:
        try:
            while True:
                begun = time.monotonic()
                self.once()
                self._news.set()
                time.sleep(max(0.05, self._every - (time.monotonic() - begun)))
        except BaseException as error:  # noqa: BLE001 - it is raised again where it is seen
            self.broken = error
            self._news.set()


@dataclass(frozen=True, slots=True)
class Glance:
    """One look at the ledger: its figures, and the newest events."""

    status: Status
    happenings: tuple[Happening, ...]


@dataclass
class Watch:
    """What is known from looking again and again.

    Attributes:
        settings: of the installation.
        interval: seconds between two looks.
    """

    settings: Settings
    interval: float
    history: History = field(default_factory=History)
    _counted: int = 0

    def __post_init__(self) -> None:
        """Prepare the looks; nothing is asked yet."""
        self.news = threading.Event()
        patience = min(PATIENCE, self.settings.redis.timeout_seconds)
        figures, newest = looker(self.settings, patience), happenings_looker(self.settings, patience)
        self.ledger = Lookout(lambda: Glance(figures(), newest(EVENTS)), self.interval, self.news)
        self.servers = Lookout(_servers_looker(self.settings, patience), max(SERVERS_SECONDS, self.interval), self.news)

    def view(self, now: float) -> View:
        """Return what is to be shown now.

        Args:
            now: seconds since 1970.

        Raises:
            BaseException: what broke a look; none that a server caused.
        """
        for lookout in (self.ledger, self.servers):
            if lookout.broken is not None:
                raise lookout.broken
        seen = self.ledger.seen
        prefix, servers = self.settings.redis.prefix, self.servers.seen.found or ()
        if seen.found is None:
            return View(prefix, now, servers=servers, away=seen.error, since=seen.since)
        status = seen.found.status
        if seen.count != self._counted:
            self._counted = seen.count
            self.history.add(status)
        verdict = judge(status, self.settings)
        return View(prefix, now, status, verdict, self.history, seen.found.happenings, servers, seen.error, seen.since)


def watch(settings: Settings, interval: float, console: Console) -> None:
    """Keep the screen up to date until KeyboardInterrupt; in what is no terminal, print one after the other.

    Args:
        settings: of the installation.
        interval: seconds between two looks.
        console: where to.
    """
    known = Watch(settings, interval)
    known.ledger.start()
    known.servers.start()
    if not console.is_terminal:
        _print_on(known, console)
        return
    signal.signal(signal.SIGWINCH, lambda *_: known.news.set())
    with Live(console=console, screen=True, auto_refresh=False, transient=True) as live:
        while True:
            now = time.time()
            width, height = console.size
            live.update(screen(known.view(now), width, height), refresh=True)
            # Until there is news, the size changes, or the clock goes on.
            known.news.wait(1.0 - now % 1.0)
            known.news.clear()


def _print_on(known: Watch, console: Console) -> None:
    width, height = console.width, shutil.get_terminal_size((console.width, 60)).lines
    while True:
        known.news.wait()
        known.news.clear()
        console.print(screen(known.view(time.time()), width, height))
        time.sleep(known.interval)


def _servers_looker(settings: Settings, patience: float) -> Callable[[], tuple[ServerFigure, ...]]:
    looks = [("/".join(server.names), memory_looker(server, patience)) for server in redis_servers(settings)]

    def look() -> tuple[ServerFigure, ...]:
        return tuple(_server(name, ask) for name, ask in looks)

    return look


def _server(name: str, ask: Callable[[], Memory]) -> ServerFigure:
    try:
        memory = ask()
    except GenesisError:
        return ServerFigure(name, "away", well=False)
    if memory.used is None:
        return ServerFigure(name, "does not tell")
    return ServerFigure(name, size(memory.used) + (f" of {size(memory.limit)}" if memory.limit else ""))
