"""Connections to Redis, and what to tell a person when one fails."""

from __future__ import annotations

from importlib import resources
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.commands.core import Script
from redis.connection import PythonRespSerializer
from redis.retry import Retry

from genesis.masking import mask

UNAVAILABLE = (redis.ConnectionError, redis.TimeoutError, redis.BusyLoadingError)
"""Errors that a later try may not meet."""
_BUFFER_CUTOFF = 6000  # redis-py's own: values above it are sent without being joined to the command


def connect(url: str, *, timeout: float = 5.0, large_values: bool = False) -> redis.Redis:
    """Return a client; nothing is sent yet.

    Args:
        url: `redis://`, `rediss://` or `unix://`.
        timeout: seconds a command may take.
        large_values: pack commands in Python: hiredis copies a 6 MB value six times slower than that.
    """
    options: dict[str, Any] = {
        "socket_timeout": timeout,
        "socket_connect_timeout": timeout,
        # Retrying is the caller's: it knows whether the command may run twice.
        "retry": Retry(NoBackoff(), 0),
        "client_name": "genesis",
        "protocol": 2,
    }
    client: redis.Redis = redis.Redis.from_url(url, **options)
    if large_values:
        pool = client.connection_pool
        pool.connection_kwargs["command_packer"] = PythonRespSerializer(_BUFFER_CUTOFF, pool.get_encoder().encode)
    return client


def script(client: redis.Redis, package: str, name: str) -> Script:
    """Return a Lua script of ours, from `name`.lua beside the code of `package`."""
    text = resources.files(package).joinpath(f"lua/{name}.lua").read_text(encoding="utf-8")
    return client.register_script(text)


def explain(error: Exception, url: str, setting: str) -> str:
    """Return one line that says what is wrong with a Redis server and what to do.

    Args:
        error: what redis-py raised.
        url: the server's URL; its password is masked.
        setting: the setting that names the server, such as `redis.url`.
    """
    where = f"Redis at {mask(url)} ({setting})"
    text = " ".join(str(error).split())
    if isinstance(error, redis.AuthenticationError) or "WRONGPASS" in text or "NOAUTH" in text:
        return f"{where} refused the password: correct it in the URL (between ':' and '@')"
    if isinstance(error, redis.ReadOnlyError) or "READONLY" in text:
        return f"{where} is a read-only replica: point {setting} at the primary"
    if isinstance(error, redis.TimeoutError):
        return f"{where} does not answer: check the server's load and the network"
    if isinstance(error, redis.BusyLoadingError):
        return f"{where} is still loading its data: wait"
    if isinstance(error, redis.ConnectionError):
        return f"{where} can't be reached ({mask(text)}): start it, or correct {setting}"
    if isinstance(error, redis.exceptions.NoPermissionError) or "NOPERM" in text or "ACL failure" in text:
        return f"{where} does not permit a command that Genesis needs: {mask(text)}"
    if isinstance(error, redis.OutOfMemoryError) or "OOM command" in text:
        return f"{where} is out of memory: raise its maxmemory, or let the workers catch up"
    return f"{where}: {mask(text)}"
