"""How the ledger's server keeps streams in memory and on disk, as far as it tells us, and having it write its files anew.

What is asked here is not needed for events to be carried: a server may refuse it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import redis

from genesis.bus.ledger import Ledger
from genesis.errors import ServerRefusesError, ServerUnavailableError

BLOCK_BYTES, BLOCK_ENTRIES = 4096, 100  # of a block of a stream in memory, where the server does not tell
MOST_ENTRIES = 1000  # of a block, whatever the server's settings say
POLL_SECONDS = 0.05

_How = tuple[str, tuple[str, ...], str]  # command, what says that it runs, what says how it ended
_LOG: _How = ("BGREWRITEAOF", ("aof_rewrite_in_progress", "aof_rewrite_scheduled"), "aof_last_bgrewrite_status")
_SNAPSHOT: _How = ("BGSAVE", ("rdb_bgsave_in_progress",), "rdb_last_bgsave_status")
_FAILED = "its server could not write its files anew: see its log, then run BGREWRITEAOF there"
_RUNNING = "its server is still writing its files anew; what was removed is in the old ones until then"


def block_limits(ledger: Ledger) -> tuple[int, int]:
    """Return the most bytes and the most entries of a block of a stream in the server's memory."""
    try:
        told = _setting(ledger, "stream-node-max-*")
    except (redis.RedisError, ServerUnavailableError):
        told = {}
    most_bytes = int(told.get("stream-node-max-bytes", BLOCK_BYTES)) or 2**53
    return most_bytes, min(int(told.get("stream-node-max-entries", BLOCK_ENTRIES)) or MOST_ENTRIES, MOST_ENTRIES)


def rewrite_files(
    ledger: Ledger, until: float, stopped: threading.Event | None = None, clock: Callable[[], float] = time.monotonic
) -> str | None:
    """Let the server write its files anew, without what was removed from its memory.

    Args:
        ledger: of that server.
        until: how long to wait for it, by the clock.
        stopped: ends the waiting.
        clock: monotonic seconds.

    Returns:
        In words what is left to do, if anything.

    Raises:
        ServerUnavailableError: Redis was away for longer than `redis.give_up_seconds`.
    """
    try:
        if _told(ledger)["aof_enabled"]:
            how = _LOG
        elif any(_setting(ledger, "save").values()):
            how = _SNAPSHOT
        else:
            return None
        return _written(ledger, how, until, stopped or threading.Event(), clock)
    except (redis.ResponseError, ServerRefusesError) as error:
        return f"its server could not be told to write its files anew ({error}): run BGREWRITEAOF there"


def _written(ledger: Ledger, how: _How, until: float, stopped: threading.Event, clock: Callable[[], float]) -> str | None:
    """Write once any writing that is under way, which may have begun before the entries were removed, is done."""
    command, running, status = how
    begun = False
    while True:
        told = _told(ledger)
        if not any(told.get(name) for name in running):
            if begun:
                return None if told[status] == "ok" else _FAILED
            client: Any = ledger.client
            ledger.call(lambda client=client: client.execute_command(command), patient=False)
            begun = True
        elif clock() >= until or stopped.is_set():
            return _RUNNING
        stopped.wait(POLL_SECONDS)


def _told(ledger: Ledger) -> dict[str, Any]:
    told: dict[str, Any] = ledger.call(lambda: ledger.client.info("persistence"))
    return told


def _setting(ledger: Ledger, name: str) -> dict[str, str]:
    client: Any = ledger.client
    told: dict[str, str] = ledger.call(lambda: client.execute_command("CONFIG GET", name), patient=False)
    return told
