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
from typing import IO, TYPE_CHECKING

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
from genesis.bus.signs import shown
from genesis.cache import FrameCache
from genesis.connections import connect
from genesis.errors import UsageError
from genesis.settings import Settings
from genesis.subscriptions import Registry
from genesis.telemetry.health import Health, Heart

if TYPE_CHECKING:
    from genesis.telemetry.vitals import Vitals

logger = logging.getLogger(__name__)

MOST_BRIDGES = 100  # on one host with one data folder
ROUND_TRIPS = 4  # with which a server may be slow in one round of a part, beside one that is waited for until it is given up
HOUSEKEEPING_SECONDS = 300.0  # that a step of the janitor may take: it may have to read everything


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

    def run(self, vitals: Vitals | None = None) -> None:
        """Serve until `stopped`.

        Args:
            vitals: of this program; None shows nothing.

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
        health = vitals.health if vitals is not None else Health()
        limit = self.settings.redis.give_up_seconds + ROUND_TRIPS * timeout
        work: list[tuple[str, Callable[[], None], Heart]] = []
        pumps = []
        for row in self.registry:
            heart = health.heart(f"pump {row.event.STREAM}/{row.group}", limit)
            pump = Pump(
                ledger, row, self.consumer, Dispatcher(self.app, row, row.stream(ledger.keys)),
                lambda frames: release_frames(cache, frames), self.stopped, outages, burials, beat=heart.beat,
            )  # fmt: skip
            pumps.append(pump)
            work.append((row.name, pump.run, heart))
        heart = health.heart("keeper of frames", limit)
        work.append(("keeper of frames", Keeper(ledger, cache, self.stopped, heart.beat).run, heart))
        heart = health.heart("janitor", max(limit, HOUSEKEEPING_SECONDS))
        janitor = Janitor(ledger, cache, self.consumer, self.stopped, heart.beat)
        work.append(("janitor", janitor.run, heart))
        threads = [threading.Thread(target=self._guarded, args=part, name=part[0], daemon=True) for part in work]
        for thread in threads:
            thread.start()
        if self.chores:
            # Not waited for at the end: they are safe to be cut off, and may take long.
            chores = Chores(self.chores, lambda: janitor.elected, self.stopped)
            threading.Thread(target=self._guarded, args=("chores", chores.run), name="chores", daemon=True).start()
        logger.info("bridge %s serves %d subscriptions", self.consumer, len(pumps))
        with shown(self.settings, vitals):
            for thread in threads:
                thread.join()
        logger.info("bridge %s ended after dispatching %d entries", self.consumer, sum(pump.dispatched for pump in pumps))
        ledger.close()
        self._slot.close()

    def _guarded(self, name: str, run: Callable[[], None], heart: Heart | None = None) -> None:
        """Run a part; should it fail in a way nobody thought of, end the whole bridge, so that it is seen and started again."""
        try:
            run()
        except Exception:
            logger.exception("the bridge ends: %s failed", name)
            self.failed = True
            self.stopped.set()
        if heart is not None:
            heart.rest()


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
