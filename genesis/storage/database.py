"""The way to the database: transactions that survive a restart of the server, and errors in words.

    database = database_of(settings)
    rows = database.run(lambda cursor: identities(cursor))

Each process has connections of its own, made when they are first needed; a forked child begins with none. A transaction whose
connection is lost is run again, and so may run twice though it took effect the first time (its commit's answer was lost): it must
be one that can, by the ids of what it writes.
"""

from __future__ import annotations

import logging
import os
import random
import time
import weakref
from collections.abc import Callable
from functools import lru_cache
from typing import Any, TypeVar

import psycopg2
import psycopg2.extensions

from genesis.errors import GenesisError, RetryableError, UsageError
from genesis.settings import NO_DATABASE, Settings, Storage
from genesis.storage.pool import Connection, NoConnectionFreeError, Pool
from genesis.storage.trouble import DatabaseRefusesError, DatabaseUnavailableError, Place, SchemaError, Verdict, explain, verdict, words

__all__ = ["Cursor", "Database", "DatabaseRefusesError", "DatabaseUnavailableError", "SchemaError", "connect", "database_of"]

logger = logging.getLogger(__name__)
Cursor = Any  # psycopg2's, which carries no types
Result = TypeVar("Result")

_FIRST_WAIT, _LONGEST_WAIT = 0.05, 2.0  # seconds between two tries
# A host that vanished (no power, no network) is noticed: seconds, seconds, times.
_KEEPALIVES = {"keepalives_idle": "15", "keepalives_interval": "5", "keepalives_count": "3"}
_databases: weakref.WeakSet[Database] = weakref.WeakSet()


class Database:
    """One database, for all threads of a process.

    Args:
        settings: times and sizes.
        dsn: where it is.
        clock: seconds that only grow.
        sleep: waits between two tries.
    """

    def __init__(
        self, settings: Storage, dsn: str, *, clock: Callable[[], float] = time.monotonic, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self.place = Place(dsn)
        self.dsn = dsn
        self._settings = settings
        self._clock, self._sleep = clock, sleep
        self._away = False
        self._pool = self._new_pool()
        _databases.add(self)

    def run(self, action: Callable[[Cursor], Result]) -> Result:
        """Return what the action returns; what it did is committed, or if it raises, was never done.

        Raises:
            DatabaseRefusesError: the server does not let us in, or does not permit what the action does.
            DatabaseUnavailableError: it was away for longer than `storage.give_up_seconds`.
            SchemaError: tables are missing, or are another release's.
            RetryableError: a statement took longer than `storage.statement_seconds`.
        """
        return self._persisted(lambda connection: _in_transaction(connection, action))

    def outside(self, action: Callable[[Cursor], Result]) -> Result:
        """Do the same without a transaction, and without a limit of time: for what can't be done inside one (VACUUM).

        Raises:
            GenesisError: as `run`.
        """
        return self._persisted(lambda connection: _outside_transactions(connection, action))

    def close(self) -> None:
        """Close the connections; the next use opens new ones."""
        self._pool.close()

    def _persisted(self, action: Callable[[Connection], Result]) -> Result:
        deadline = self._clock() + self._settings.give_up_seconds
        attempt = 0
        while True:
            attempt += 1
            try:
                result = self._once(action)
            except _AgainError as again:
                wait = min(_LONGEST_WAIT, _FIRST_WAIT * 2 ** min(attempt - 1, 30)) * random.uniform(0.5, 1.0)  # noqa: S311 - spreads load
                if self._clock() + wait > deadline:
                    raise again.final from again.__cause__
                if isinstance(again.final, DatabaseUnavailableError) and not self._away:
                    self._away = True
                    logger.warning("%s; trying again for %g s", again.final, self._settings.give_up_seconds)
                self._sleep(wait)
            else:
                if self._away:
                    self._away = False
                    logger.info("the database answers again")
                return result

    def _once(self, action: Callable[[Connection], Result]) -> Result:
        connection: Connection = None
        try:
            with self._pool.lent() as connection:
                return action(connection)
        except NoConnectionFreeError:
            size, patience = self._settings.pool_size, self._settings.give_up_seconds
            msg = f"{self.place}: all {size} connections of this process were in use for {patience:g} s: raise storage.pool_size"
            raise DatabaseUnavailableError(msg) from None
        except psycopg2.Error as error:
            lost = connection is None or bool(connection.closed)
            if lost:
                self._pool.close()  # the others will be no better
            raised = self._judged(error, lost=lost)
            if raised is None:
                raise
            raise raised from error

    def _judged(self, error: psycopg2.Error, *, lost: bool) -> Exception | None:
        kind = verdict(error, lost=lost)
        if kind is Verdict.AWAY:
            return _AgainError(DatabaseUnavailableError(explain(error, self.place)))
        if kind is Verdict.CONFLICT:
            return _AgainError(RetryableError(f"{self.place}: other transactions were in the way, again and again: {words(error)}"))
        if kind is Verdict.REFUSED:
            return DatabaseRefusesError(explain(error, self.place))
        if kind is Verdict.SLOW:
            return RetryableError(self._too_slow(error))
        return self._schema_error() if kind is Verdict.SCHEMA else None

    def _too_slow(self, error: psycopg2.Error) -> str:
        if "user request" in str(error):
            return f"{self.place}: a statement was cancelled by somebody"
        return f"{self.place}: a statement took longer than storage.statement_seconds ({self._settings.statement_seconds:g} s)"

    def _schema_error(self) -> GenesisError | None:
        """Return why something is missing that a statement names; None: the schema is as it should be."""
        from genesis.storage.schema import require  # noqa: PLC0415 - schema.py needs this module

        try:
            require(self.dsn)
        except GenesisError as error:
            return error
        return None

    def _new_pool(self) -> Pool:
        return Pool(lambda: connect(self.dsn, self._settings), self._settings.pool_size, self._settings.give_up_seconds)

    def _forget_the_parent(self) -> None:
        # psycopg2 does not hang up a connection of another process when it is forgotten.
        self._pool = self._new_pool()


class _AgainError(Exception):
    """Worth another try; `final` is raised if there is no time for one."""

    def __init__(self, final: GenesisError) -> None:
        super().__init__(str(final))
        self.final = final


def database_of(settings: Settings) -> Database:
    """Return the database of an installation, the same one each time in this process; nothing is opened yet.

    Raises:
        UsageError: `storage.dsn` is none.
    """
    storage = settings.storage
    if storage.dsn == NO_DATABASE:
        msg = "storage.dsn is none: nothing is stored"
        raise UsageError(msg)
    if storage.dsn:
        return _database(storage, storage.dsn)
    from genesis.storage.server import dsn_of  # noqa: PLC0415 - not where a server is named

    return _database(storage, dsn_of(settings.data_dir))


def connect(dsn: str, settings: Storage) -> Connection:
    """Open a connection: times in UTC, statements of bounded length, a name for the server's lists.

    Raises:
        psycopg2.Error: it can't be opened.
    """
    try:
        parts = psycopg2.extensions.parse_dsn(dsn)
    except psycopg2.ProgrammingError as error:
        raise psycopg2.OperationalError(*error.args) from None  # as libpq calls it
    # Compiling a search takes longer than the search.
    options = f"-c timezone=UTC -c jit=off -c statement_timeout={int(settings.statement_seconds * 1000)}"
    defaults = {
        "connect_timeout": str(max(2, round(settings.connect_seconds))),  # less is not taken seriously by libpq
        "application_name": "genesis",
        "tcp_user_timeout": str(int(settings.statement_seconds * 1000) + 10_000),
        **_KEEPALIVES,
    }
    connection = psycopg2.connect(**{**defaults, **parts, "options": f"{parts.get('options', '')} {options}".strip()})
    if connection.get_parameter_status("TimeZone") != "UTC":
        # The variable PGTZ is stronger than the options.
        with connection, connection.cursor() as cursor:
            cursor.execute("SET TIME ZONE 'UTC'")
    return connection


def _in_transaction(connection: Connection, action: Callable[[Cursor], Result]) -> Result:
    with connection, connection.cursor() as cursor:
        return action(cursor)


def _outside_transactions(connection: Connection, action: Callable[[Cursor], Result]) -> Result:
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            cursor.execute("SET statement_timeout = 0")
            return action(cursor)
    finally:
        if not connection.closed:
            with connection.cursor() as cursor:
                cursor.execute("RESET ALL")
            connection.autocommit = False


@lru_cache(maxsize=16)
def _database(storage: Storage, dsn: str) -> Database:
    return Database(storage, dsn)


def _forget_the_parents() -> None:
    for database in _databases:
        database._forget_the_parent()  # noqa: SLF001 - of this module


os.register_at_fork(after_in_child=_forget_the_parents)
