"""The programs of an installation, on any number of machines: each notes a sign of life on the ledger now and then.

So that it can be told, without asking around, which queues have workers, whether a bridge runs, and who hangs.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

import msgspec
import redis

from genesis.events import Keys

EVERY_SECONDS = 5.0  # between two signs of life
GONE_SECONDS = 20.0  # without one, a program counts as gone
FORGOTTEN_SECONDS = 3600.0  # after which it is not listed any more


class Program(msgspec.Struct, frozen=True, omit_defaults=True):
    """A program's last sign of life.

    Attributes:
        role: bridge, capture, worker or exporter.
        name: unique within its role: a bridge's consumer, a worker's node name, a capture's host and pid.
        host: its machine.
        pid: of its main process there.
        version: of Genesis.
        started: seconds since 1970.
        seen: when the sign was given, likewise.
        queues: that a worker serves.
        cameras: that a capture reads.
        children: of a worker.
        port: where it serves metrics and health; 0: nowhere.
        ailing: parts that have stopped going on; empty: it is healthy.
    """

    role: str
    name: str
    host: str
    pid: int
    version: str
    started: float
    seen: float
    queues: tuple[str, ...] = ()
    cameras: tuple[str, ...] = ()
    children: int = 0
    port: int = 0
    ailing: tuple[str, ...] = ()

    def alive(self, now: float) -> bool:
        """Tell whether its last sign of life is recent."""
        return now - self.seen < GONE_SECONDS

    @property
    def field(self) -> str:
        """Its field in the hash."""
        return f"{self.role}/{self.name}"


def note(client: redis.Redis, keys: Keys, program: Program) -> None:
    """Give a sign of life.

    Raises:
        redis.RedisError: the ledger is away.
    """
    client.hset(keys.programs, program.field, msgspec.json.encode(program))


def remove(client: redis.Redis, keys: Keys, program: Program) -> None:
    """Forget a program that ends in order.

    Raises:
        redis.RedisError: the ledger is away.
    """
    client.hdel(keys.programs, program.field)


def forget(client: redis.Redis, keys: Keys, now: float | None = None) -> int:
    """Remove the programs that have not given a sign of life for `FORGOTTEN_SECONDS`: killed, and never started again; return how many.

    Raises:
        redis.RedisError: the ledger is away.
    """
    moment = time.time() if now is None else now
    old, cursor = [], None
    while cursor != 0:
        answer: Any = client.hscan(keys.programs, cursor or 0)
        cursor, page = answer
        old += [field for field, text in page.items() if not _recent(text, moment)]
    return int(client.hdel(keys.programs, *old)) if old else 0


def _recent(text: bytes, now: float) -> bool:
    try:
        return now - msgspec.json.decode(text, type=Program).seen <= FORGOTTEN_SECONDS
    except msgspec.DecodeError:
        return False


def recent(texts: Iterable[bytes], now: float) -> list[Program]:
    """Return those of the noted programs that gave a sign of life within `FORGOTTEN_SECONDS`, by role and name.

    Args:
        texts: the values of the hash; what a newer release wrote there, and can't be read here, is left out.
        now: seconds since 1970.
    """
    known = [msgspec.json.decode(text, type=Program) for text in texts if _recent(text, now)]
    return sorted(known, key=lambda program: (program.role, program.name))


def programs(client: redis.Redis, keys: Keys, now: float | None = None) -> list[Program]:
    """Return the programs of an installation; see `recent`.

    Raises:
        redis.RedisError: the ledger is away.
    """
    answer: Any = client.hgetall(keys.programs)
    return recent(answer.values(), time.time() if now is None else now)
