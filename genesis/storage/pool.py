"""The open connections of one process to one database; they are shared by its threads, and never by a forked child."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg2

Connection = Any  # psycopg2's, which carries no types


class NoConnectionFreeError(Exception):
    """Every connection was in use for too long."""


class Pool:
    """Lends each connection to one thread at a time; opens one when none is free, up to a limit, then lets the thread wait.

    Args:
        open_one: opens a connection.
        size: most connections at once.
        patience: seconds that a thread waits for one.
    """

    def __init__(self, open_one: Callable[[], Connection], size: int, patience: float) -> None:
        self._open = open_one
        self._patience = patience
        self._free = threading.BoundedSemaphore(size)
        self._lock = threading.Lock()
        self._idle: list[Connection] = []
        self._generation = 0

    @contextmanager
    def lent(self) -> Iterator[Connection]:
        """Lend a connection for the time of a `with` block; one that is broken, or left within a transaction, is not kept.

        Raises:
            NoConnectionFreeError: all are in use.
            psycopg2.Error: none can be opened.
        """
        if not self._free.acquire(timeout=self._patience):
            raise NoConnectionFreeError
        try:
            connection, generation = self._taken()
            try:
                yield connection
            finally:
                self._give_back(connection, generation)
        finally:
            self._free.release()

    def close(self) -> None:
        """Close those that nobody uses now, and the others when they are given back; new ones are opened on demand."""
        with self._lock:
            idle, self._idle = self._idle, []
            self._generation += 1
        for connection in idle:
            _close(connection)

    def _taken(self) -> tuple[Connection, int]:
        with self._lock:
            generation = self._generation
            if self._idle:
                return self._idle.pop(), generation
        return self._open(), generation

    def _give_back(self, connection: Connection, generation: int) -> None:
        usable = not connection.closed and connection.info.transaction_status == psycopg2.extensions.TRANSACTION_STATUS_IDLE
        with self._lock:
            if usable and generation == self._generation:
                self._idle.append(connection)
                return
        _close(connection)


def _close(connection: Connection) -> None:
    with contextlib.suppress(psycopg2.Error):
        connection.close()
