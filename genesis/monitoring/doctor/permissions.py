"""Which commands a server's access list (ACL) forbids us: each is tried, in a form that changes nothing."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from typing import Any

import redis

from genesis.monitoring.doctor.findings import Finding

_KEY = "KEY"  # stands for a throw-away key

LEDGER: tuple[str, ...] = (
    "PING", "CLIENT SETNAME genesis", "TIME", "EXISTS KEY", "GET KEY", "SET KEY 0 PX 1 XX", "DEL KEY", "PTTL KEY",
    "HGET KEY f", "HMGET KEY f", "HGETALL KEY", "HKEYS KEY", "HLEN KEY", "HEXISTS KEY f", "HDEL KEY f", "HSCAN KEY 0", "SMEMBERS KEY",
    "XLEN KEY", "XRANGE KEY - + COUNT 1", "XREVRANGE KEY + - COUNT 1", "XADD KEY NOMKSTREAM * f v", "XDEL KEY 1-1",
    "XTRIM KEY MINID 1-1", "XACK KEY g 1-1", "XPENDING KEY g", "XCLAIM KEY g c 0 1-1 JUSTID",
    "XREADGROUP GROUP g c COUNT 1 STREAMS KEY >", "XGROUP CREATE KEY g 0", "XGROUP DELCONSUMER KEY g c", "XGROUP SETID KEY g 0",
    "XSETID KEY 1-1", "XINFO GROUPS KEY", "XINFO STREAM KEY",
    "XINFO CONSUMERS KEY g", "HINCRBY KEY f 0", "HSET KEY f v", "PEXPIRE KEY 1000", "SADD KEY f", "DEL KEY",
    "EVALSHA 0000000000000000000000000000000000000000 1 KEY", "SCRIPT LOAD return(1)", "MULTI", "EXEC",
)  # fmt: skip
"""What the ledger must let us do; a test holds that nothing else is needed."""

FRAMES: tuple[str, ...] = (
    "PING", "CLIENT SETNAME genesis", "TIME", "GET KEY", "MGET KEY", "SET KEY 0 PX 1 XX", "STRLEN KEY", "RENAME KEY KEY", "PEXPIREAT KEY 1",
    "HGET KEY f", "HMGET KEY f", "HDEL KEY f", "ZSCORE KEY f", "ZCARD KEY", "ZRANGEBYSCORE KEY 0 0", "ZREM KEY f",
    "HSET KEY f v", "DEL KEY", "ZADD KEY 0 f", "DEL KEY", "INCRBY KEY 0", "DECRBY KEY 0", "UNLINK KEY", "EXISTS KEY",
    "EVALSHA 0000000000000000000000000000000000000000 1 KEY", "SCRIPT LOAD return(1)", "MULTI", "EXEC",
)  # fmt: skip
"""What the frame cache's server must let us do."""


def permissions(client: redis.Redis, setting: str, prefix: str, key: str, commands: Sequence[str]) -> Iterable[Finding]:
    """Try commands.

    Args:
        client: a connection to the server.
        setting: the setting that names it.
        prefix: of all keys of this installation.
        key: throw-away key below it.
        commands: of `LEDGER` or `FRAMES`.

    Raises:
        redis.RedisError: the server went away meanwhile.
    """
    forbidden, absent, keys = _tried(client, [[key if word == _KEY else word for word in command.split()] for command in commands])
    user = client.connection_pool.connection_kwargs.get("username") or "default"
    keep = "then ACL SAVE (or the same in the `user` line of redis.conf)"
    if forbidden:
        grants = shlex.join(f"+{name.lower()}" for name in forbidden)
        yield Finding(
            "error", setting, "permissions", f"user {user!r} may not use {', '.join(forbidden)}",
            "Genesis needs them: without them events stay where they are, or can't be published at all.",
            f"redis-cli ACL SETUSER {user} {grants}, {keep}",
        )  # fmt: skip
    if keys:
        yield Finding(
            "error", setting, "permissions", f"user {user!r} may not use keys that begin with {prefix}:",
            "All that Genesis writes begins so (redis.prefix).",
            f"redis-cli ACL SETUSER {user} {shlex.quote(f'~{prefix}:*')}, {keep}",
        )  # fmt: skip
    if absent:
        yield Finding(
            "error", setting, "permissions", f"the server does not know {', '.join(absent)}",
            "Genesis needs them; they are disabled or renamed, or this is another kind of server.",
            f"remove its `rename-command {absent[0]} ...` lines from redis.conf and start it again, or use Redis 6.2 or newer",
        )  # fmt: skip
    if not forbidden and not keys and not absent:
        yield Finding(
            "ok", setting, "permissions", f"user {user!r} may use the {len({_name(c.split()) for c in commands})} commands it needs"
        )


def _tried(client: redis.Redis, commands: list[list[str]]) -> tuple[list[str], list[str], bool]:
    """Send them in one go; return the names of those forbidden and of those unknown, and whether the key is forbidden."""
    forbidden: dict[str, None] = {}
    absent: dict[str, None] = {}
    keys = False
    pool = client.connection_pool
    connection: Any = pool.get_connection()
    try:
        connection.send_packed_command(connection.pack_commands(commands))
        for command in commands:
            try:
                connection.read_response()
            except redis.ResponseError as error:
                text = f"{type(error).__name__} {error}"
                if "NoPermission" in text and " key" in text:
                    keys = True
                elif "NoPermission" in text:
                    forbidden[_name(command)] = None
                elif "unknown command" in text.lower():
                    absent[command[0]] = None
    except BaseException:
        connection.disconnect()  # answers are under way that nobody will read
        raise
    finally:
        pool.release(connection)
    return list(forbidden), list(absent), keys


def _name(command: list[str]) -> str:
    """Return how an access list names a command: those with parts are granted part by part."""
    return "|".join(command[:2]) if command[0] in {"CLIENT", "SCRIPT", "XGROUP", "XINFO"} else command[0]
