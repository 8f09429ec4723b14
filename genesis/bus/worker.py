"""What a worker shows of itself: its main process serves what the children count, and sees whether they, and it itself, go on."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any

from billiard.process import current_process
from celery import bootsteps

from genesis.bus.connection import Connection, Handful
from genesis.bus.signs import shown
from genesis.settings import Settings
from genesis.telemetry import instruments
from genesis.telemetry.children import Beats, take_folder
from genesis.telemetry.health import Health, Heart
from genesis.telemetry.vitals import Vitals

logger = logging.getLogger(__name__)

LOOK_SECONDS = 1.0  # between two beats of the event loop, and between two looks for children that are gone
LOOP_SECONDS = 30.0  # that the event loop may need between two beats, beside what a server may be slow
ROUND_TRIPS = 4  # with which a server may be slow meanwhile


class WorkerVitals:
    """The vital signs of a worker, from before its children are forked until its end.

    Where tasks run in the main process itself (the pool `solo`, or threads), that counts by itself, and its event loop is not watched: a
    task stops it.

    Args:
        settings: of this installation.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._pid = os.getpid()
        self._beats = Beats()
        self._serves = bool(settings.monitoring.program_ports)
        self._folder: Path | None = None
        self._slot: IO[str] | None = None
        self._loop: Heart | None = None
        self._vitals: Vitals | None = None
        self._stack = ExitStack()
        if self._serves:
            try:
                self._folder, self._slot = take_folder(settings.data_dir)
            except OSError as error:
                logger.warning("what this worker's children do is not counted: %s", error)

    def begin_child(self) -> None:
        """Beat and count in this process, if it is a child."""
        if os.getpid() == self._pid:
            return
        place = current_process().index
        self._beats.begin(place)
        if self._folder is not None:
            try:
                instruments.begin_child(place, self._folder)
            except OSError as error:
                logger.warning("child %d does not count: %s", place, error)

    def begin(self, worker: Any, queues: Sequence[str]) -> Health:
        """Serve, and give signs of life, from now on; return the health of this process.

        Args:
            worker: Celery's `WorkController`.
            queues: that it serves.
        """
        pool = getattr(worker.pool, "_pool", None)
        forks = hasattr(pool, "maintain_pool")

        def children() -> dict[int, int]:
            living = list(getattr(pool, "_pool", ())) if forks else []
            return {child.index: child.pid for child in living if child.pid is not None}

        self._vitals = vitals = Vitals(self._settings, "worker", worker.hostname, counts=not forks)
        if worker.pool.__class__.__module__ == "celery.concurrency.solo":
            Connection.handful = Handful()
        if forks:
            vitals.health.check(lambda: self._beats.ailing(children()))
            self._loop = vitals.health.heart("event loop", LOOP_SECONDS + ROUND_TRIPS * self._settings.redis.timeout_seconds)
            Connection.tried = self._loop.beat
        if forks and self._serves:
            # Not where nothing is served.
            from prometheus_client.multiprocess import MultiProcessCollector  # noqa: PLC0415

            from genesis.telemetry.collectors import Children  # noqa: PLC0415

            vitals.collect(Children(children))
            if self._folder is not None:
                vitals.collect(MultiProcessCollector(None, str(self._folder)))  # type: ignore[no-untyped-call]
        self._stack.enter_context(vitals)
        self._stack.enter_context(shown(self._settings, vitals, queues=queues, children=lambda: len(children())))
        return vitals.health

    def in_loop(self, worker: Any, hub: Any) -> None:
        """Beat, and look for children that are gone, in the event loop that begins.

        Args:
            worker: Celery's `WorkController`.
            hub: the event loop's.
        """
        hub.call_repeatedly(LOOK_SECONDS, self._beat)
        # Celery looks every 5 s whether a child is gone.
        look = getattr(getattr(worker.pool, "_pool", None), "maintain_pool", None)
        if look is not None:
            hub.call_repeatedly(LOOK_SECONDS, look)

    def stopping(self) -> None:
        """Tell that the worker is about to end, and runs no event loop any more."""
        if self._loop is not None:
            self._loop.rest()
        self._loop = None
        if self._vitals is not None:
            self._vitals.stopping()

    def end(self) -> None:
        """End in order."""
        self._stack.close()
        if self._slot is not None:
            self._slot.close()

    def _beat(self) -> None:
        if self._loop is not None:
            self._loop.beat()


def step_of(worker: Callable[[], WorkerVitals | None]) -> type[bootsteps.StartStopStep]:
    """Return a step of Celery's consumer that takes part in each event loop: one for each connection to the broker.

    Args:
        worker: returns this process' vital signs.
    """

    class EventLoop(bootsteps.StartStopStep):  # type: ignore[misc] # Celery has no types
        """Knows when an event loop begins."""

        def register_with_event_loop(self, consumer: Any, hub: Any) -> None:
            """Take part in the event loop."""
            if (vitals := worker()) is not None:
                vitals.in_loop(consumer.controller, hub)

    return EventLoop
