"""How the servers are: each Redis, and the database. Nothing is started, and nothing changed."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable
from typing import Any

import msgspec
import redis
from redis.connection import parse_url

from genesis.bus.broker import redis_url
from genesis.connections import connect, explain
from genesis.errors import ServerUnavailableError, UsageError
from genesis.masking import mask
from genesis.settings import Settings, Storage

logger = logging.getLogger(__name__)

_ROOM = "SELECT pg_database_size(current_database())"
_GALLERY = "SELECT model, known + unknown FROM face_models"


class RedisServerAt(msgspec.Struct, frozen=True):
    """A Redis server: the URL that it is asked at, the setting that names it, and what it is to us (`ledger`, `cache`, `broker`)."""

    url: str
    setting: str
    names: tuple[str, ...]


class Memory(msgspec.Struct, frozen=True):
    """The memory that a Redis server uses, and may use, in bytes; None where it does not tell us."""

    used: int | None
    limit: int | None


class DatabaseFigures(msgspec.Struct, frozen=True):
    """The size of the database in bytes, and the faces in the gallery by the model that made their embeddings."""

    size: int
    gallery: dict[str, int]


def redis_servers(settings: Settings) -> tuple[RedisServerAt, ...]:
    """Return the Redis servers of an installation, each once, whatever databases of it are named; a broker of another kind is none.

    Raises:
        UsageError: a URL can't be read.
    """
    named = {
        "ledger": (settings.redis.url, "redis.url"),
        "cache": (settings.frame_cache.url, "frame_cache.url"),
        "broker": (redis_url(settings.celery.broker_url), "celery.broker_url"),
    }
    found: dict[tuple[Any, ...], RedisServerAt] = {}
    for name, (url, setting) in named.items():
        if url is None:
            continue
        try:
            place = _place(url)
        except ValueError as error:
            msg = f"{setting} {mask(url)}: no URL of a Redis ({error})"
            raise UsageError(msg) from error
        known = found.get(place, RedisServerAt(url, setting, ()))
        found[place] = msgspec.structs.replace(known, names=(*known.names, name))
    return tuple(found.values())


def memory_looker(server: RedisServerAt, seconds: float) -> Callable[[], Memory]:
    """Return a function that asks a Redis server for its memory; it raises ServerUnavailableError when the server is away or refuses us.

    Args:
        server: which.
        seconds: that a command may take.
    """
    client = connect(server.url, timeout=seconds)

    def look() -> Memory:
        try:
            told: dict[str, Any] = client.info("memory")
        except redis.exceptions.NoPermissionError:
            return Memory(None, None)  # it answers, and has users with few rights
        except redis.RedisError as error:
            raise ServerUnavailableError(explain(error, server.url, server.setting)) from error
        return Memory(_number(told.get("used_memory")), _number(told.get("maxmemory")) or _number(told.get("total_system_memory")))

    return look


def database_looker(settings: Settings, seconds: float) -> Callable[[], DatabaseFigures | None] | None:
    """Return a function that asks the database; None where nothing is stored, or the packages for it are missing.

    The embedded server is not started for it: where there has never been one, the function tells None, and while it does not run, raises
    ServerUnavailableError, as it does when another server is away or refuses us. A connection is opened for each look.

    Args:
        settings: of the installation.
        seconds: that connecting, and then each statement, may take.
    """
    if not settings.storage.enabled:
        return None
    try:
        import psycopg2  # noqa: F401, PLC0415 - a machine without storage has an exporter, too
    except ImportError:
        if settings.storage.dsn:
            logger.warning("no figures of the database, psycopg2 is missing: pip install 'genesis[storage]'")
        return None
    storage = settings.storage.model_copy(update={"connect_seconds": seconds, "statement_seconds": seconds})
    if storage.dsn:
        return lambda: _asked(storage.dsn, storage)
    return lambda: _asked_our_own(settings, storage)


def _asked_our_own(settings: Settings, storage: Storage) -> DatabaseFigures | None:
    from genesis.storage.server import dsn_of, folder_of, is_served  # noqa: PLC0415

    if is_served(settings.data_dir):
        return _asked(dsn_of(settings.data_dir), storage)
    folder = folder_of(settings.data_dir)
    if not folder.exists():
        return None
    msg = f"the embedded PostgreSQL in {folder} does not run"
    raise ServerUnavailableError(msg)


def _asked(dsn: str, storage: Storage) -> DatabaseFigures:
    import psycopg2  # noqa: PLC0415

    from genesis.storage.database import connect as connect_database  # noqa: PLC0415
    from genesis.storage.trouble import Place  # noqa: PLC0415
    from genesis.storage.trouble import explain as explained  # noqa: PLC0415

    try:
        with contextlib.closing(connect_database(dsn, storage)) as connection, connection.cursor() as cursor:
            connection.autocommit = True
            cursor.execute(_ROOM)
            (size,) = cursor.fetchone()
            return DatabaseFigures(int(size), _gallery(cursor))
    except psycopg2.Error as error:
        raise ServerUnavailableError(explained(error, Place(dsn))) from error


def _gallery(cursor: Any) -> dict[str, int]:
    import psycopg2  # noqa: PLC0415

    try:
        cursor.execute(_GALLERY)
    except psycopg2.ProgrammingError:
        return {}  # the tables are another release's, or not there yet: `genesis doctor` tells
    return {model: int(count) for model, count in cursor.fetchall()}


def _place(url: str) -> tuple[Any, ...]:
    options: Any = parse_url(url)  # type: ignore[no-untyped-call] # redis-py's own reading of it
    return options.get("path"), options.get("host", "localhost"), options.get("port", 6379)


def _number(value: Any) -> int | None:
    return int(value) if isinstance(value, int | float) and value > 0 else None
