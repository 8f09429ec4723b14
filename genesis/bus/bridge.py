"""The bridge: every entry of every stream becomes a Celery task of every group that subscribed to it.

It also brings back what dead bridges and workers have left, keeps frames that are waited for, and cleans up.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

from celery import Celery

from genesis.bus.broker import reach_broker
from genesis.bus.burials import Burials
from genesis.bus.chores import Chore, Chores
from genesis.bus.dispatch import Dispatcher
from genesis.bus.janitor import Janitor
from genesis.bus.keeper import Keeper
from genesis.bus.ledger import Ledger
from genesis.bus.outages import Outages
from genesis.bus.process import release_frames
from genesis.bus.pump import Pump
from genesis.cache import FrameCache
from genesis.connections import connect
from genesis.errors import UsageError
from genesis.settings import Settings
from genesis.subscriptions import Registry

logger = logging.getLogger(__name__)

MOST_BRIDGES = 100  # on one host with one data folder


class Bridge:
    """A thread per subscription, and one name for all of them in their groups.

    Several bridges share the work. A bridge that is started again gets the name of one that ended on
    this host, and with it the entries that one had taken; what others leave is taken over when its lease has run out.

    Args:
        settings: of this installation.
        registry: the subscriptions to serve.
        app: whose tasks the entries become.
        stopped: set to end the bridge.
        chores: done now and then by one of the bridges.
    """

    def __init__(self, settings: Settings, registry: Registry, app: Celery, stopped: threading.Event, chores: Sequence[Chore] = ()) -> None:
        self.settings = settings
        self.registry = registry
        self.app = app
        self.stopped = stopped
        self.chores = chores
        self.failed = False
        self.consumer, self._slot = take_name(settings.data_dir / "run", settings.redis.prefix)

    def run(self) -> None:
        """Serve until `stopped`.

        Raises:
            ServerUnavailableError: at the start, Redis was away for longer than `redis.give_up_seconds`.
        """
        timeout = self.settings.redis.timeout_seconds + self.settings.bridge.block_seconds
        client = connect(self.settings.redis.url, timeout=timeout)
        ledger = Ledger(self.settings, self.registry, client, self.stopped)
        ledger.create_groups()
        reach_broker(self.settings, self.stopped)
        cache = FrameCache.of(self.settings)
        outages, burials = Outages(), Burials()
        pumps = [
            Pump(
                ledger, row, self.consumer, Dispatcher(self.app, row, row.stream(ledger.keys)),
                lambda frames: release_frames(cache, frames), self.stopped, outages, burials,
            )
            for row in self.registry
        ]  # fmt: skip
        work: list[tuple[str, Callable[[], None]]] = [(pump.row.name, pump.run) for pump in pumps]
        work.append(("keeper of frames", Keeper(ledger, cache, self.stopped).run))
        janitor = Janitor(ledger, cache, self.consumer, self.stopped)
        work.append(("janitor", janitor.run))
        threads = [threading.Thread(target=self._guarded, args=(name, run), name=name, daemon=True) for name, run in work]
        for thread in threads:
            thread.start()
        if self.chores:
            # Not waited for at the end: they are safe to be cut off, and may take long.
            chores = Chores(self.chores, lambda: janitor.elected, self.stopped)
            threading.Thread(target=self._guarded, args=("chores", chores.run), name="chores", daemon=True).start()
        logger.info("bridge %s serves %d subscriptions", self.consumer, len(pumps))
        for thread in threads:
            thread.join()
        logger.info("bridge %s ended after dispatching %d entries", self.consumer, sum(pump.dispatched for pump in pumps))
        ledger.close()
        self._slot.close()

    def _guarded(self, name: str, run: Callable[[], None]) -> None:
        """Run a part; should it fail in a way nobody thought of, end the whole bridge, so that it is seen and started again."""
        try:
            run()
        except Exception:
            logger.exception("the bridge ends: %s failed", name)
            self.failed = True
            self.stopped.set()


def take_name(folder: Path, prefix: str) -> tuple[str, IO[str]]:
    """Take the first free bridge name of this host; it is ours until the returned file is closed or we die.

    Args:
        folder: where the lock files lie.
        prefix: of the ledger's keys, since other installations have bridges of their own.

    Raises:
        UsageError: the folder can't be written, or all names are taken.
    """
    import fcntl  # noqa: PLC0415 - not on every system

    try:
        folder.mkdir(parents=True, exist_ok=True)
        for number in range(1, MOST_BRIDGES + 1):
            path = folder / f"bridge-{prefix}-{number}.lock"
            slot = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600), "w")
            try:
                fcntl.flock(slot, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                slot.close()
                continue
            return f"bridge-{socket.gethostname()}-{number}", slot
    except OSError as error:
        msg = f"data folder {folder}: {error.strerror or error}"
        raise UsageError(msg) from error
    msg = f"{MOST_BRIDGES} bridges run on this host already"
    raise UsageError(msg)
