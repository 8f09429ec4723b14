"""The signs of life that a program gives on the ledger, by a thread of its own that no absence of the ledger disturbs."""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import redis

import genesis
from genesis.bus.programs import EVERY_SECONDS, Program, note, remove
from genesis.connections import UNAVAILABLE, connect, explain
from genesis.events import Keys
from genesis.settings import Settings
from genesis.telemetry.vitals import Vitals

logger = logging.getLogger(__name__)

MOST_SECONDS = 2.0  # that the ledger is waited for


@contextmanager
def shown(
    settings: Settings,
    vitals: Vitals | None,
    *,
    queues: Sequence[str] = (),
    cameras: Sequence[str] = (),
    children: Callable[[], int] = lambda: 0,
) -> Iterator[None]:
    """Give signs of life while a program works; see `Signs`. Without vitals none are given."""
    if vitals is None:
        yield
        return
    vitals.works()
    signs = Signs(settings, vitals, queues=queues, cameras=cameras, children=children)
    signs.start()
    try:
        yield
    finally:
        signs.stop()


class Signs:
    """Gives a program's signs of life.

    Args:
        settings: of this installation.
        vitals: of the program.
        queues: that a worker serves.
        cameras: that a capture reads.
        children: returns how many a worker has.
        every: seconds between two signs.
    """

    def __init__(
        self,
        settings: Settings,
        vitals: Vitals,
        *,
        queues: Sequence[str] = (),
        cameras: Sequence[str] = (),
        children: Callable[[], int] = lambda: 0,
        every: float = EVERY_SECONDS,
    ) -> None:
        self._settings = settings
        self._vitals = vitals
        self._queues = tuple(queues)
        self._cameras = tuple(cameras)
        self._children = children
        self._every = every
        self._keys = Keys(settings.redis.prefix)
        self._client = connect(settings.redis.url, timeout=min(MOST_SECONDS, settings.redis.timeout_seconds))
        self._away = False
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="signs of life", daemon=True)

    def start(self) -> None:
        """Begin to give them."""
        self._thread.start()

    def stop(self) -> None:
        """Give no more, and be forgotten by the ledger, if it is there."""
        self._ended.set()
        self._thread.join(MOST_SECONDS)
        if not self._away and not self._thread.is_alive():
            try:
                remove(self._client, self._keys, self._program())
            except redis.RedisError as error:
                logger.debug("the ledger misses this program from now on: %s", error)
        self._client.close()

    def _run(self) -> None:
        while True:
            self._give()
            if self._ended.wait(self._every):
                return

    def _give(self) -> None:
        try:
            note(self._client, self._keys, self._program())
        except redis.RedisError as error:
            if not self._away:
                # That the ledger is away is said by whoever needs it.
                level = logging.INFO if isinstance(error, UNAVAILABLE) else logging.WARNING
                logger.log(level, "no signs of life are given: %s", explain(error, self._settings.redis.url, "redis.url"))
            self._away = True
        except Exception:
            if not self._away:
                logger.exception("no signs of life are given")
            self._away = True
        else:
            self._away = False

    def _program(self) -> Program:
        vitals = self._vitals
        return Program(
            role=vitals.role,
            name=vitals.name,
            host=socket.gethostname(),
            pid=os.getpid(),
            version=genesis.__version__,
            started=vitals.started,
            seen=time.time(),
            queues=self._queues,
            cameras=self._cameras,
            children=self._children(),
            port=vitals.port,
            ailing=vitals.health.ailing(),
        )
