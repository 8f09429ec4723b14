"""What must be so of the servers that hold frames and queues: enough room, and nothing on disk."""

from __future__ import annotations

from collections.abc import Iterable

from genesis.monitoring.doctor.facts import Facts
from genesis.monitoring.doctor.findings import Finding
from genesis.settings import FrameCacheSettings

MB = 1_000_000


def check_disk_use(facts: Facts) -> Iterable[Finding]:
    """Look whether what need not be kept is written to disk."""
    if facts.number("aof_enabled"):
        yield Finding(
            "warning", facts.setting, "appendonly", "appendonly yes",
            "Every frame is written to disk for nothing: 3 to 7 times slower, and gigabytes an hour.", facts.advice("appendonly", "no"),
        )  # fmt: skip
    elif facts.config.get("save"):
        yield Finding(
            "warning", facts.setting, "save", f"save {facts.config['save']}",
            "Frames are written to disk again and again for nothing, and when a snapshot fails all writes are refused (MISCONF).",
            facts.advice("save", ""),
        )  # fmt: skip
    elif "aof_enabled" in facts.info:
        yield Finding("ok", facts.setting, "appendonly", "it writes nothing to disk")


def check_room(facts: Facts, cache: FrameCacheSettings) -> Iterable[Finding]:
    """Look whether the frames that the settings allow have room in memory."""
    limit, whose = facts.number("maxmemory"), "maxmemory"
    if not limit:
        limit, whose = facts.number("total_system_memory"), "its machine's memory"
    wanted = cache.max_size_mb * MB
    if not limit or limit > wanted:
        return
    yield Finding(
        "warning", facts.setting, "room", f"{whose} is {limit / MB:,.0f} MB, frames may take {cache.max_size_mb:,.0f} MB",
        "It refuses frames before frame_cache.max_size_mb is reached, and Celery's queues with them.",
        f"{facts.advice('maxmemory', f'{2 * int(cache.max_size_mb)}mb')}; or lower frame_cache.max_size_mb",
    )  # fmt: skip


def check_shared(ledger: Facts, other: Facts, what: str) -> Iterable[Finding]:
    """Look whether a server that need not keep anything is the ledger itself."""
    if "run_id" not in ledger.info or ledger.info["run_id"] != other.info.get("run_id"):
        return
    yield Finding(
        "warning", other.setting, "shared", f"it is the same server as redis.url, with {what}",
        "It works. But they are written to the ledger's append-only file, which costs most of its speed, and a full server stops both.",
        "a second server without a file: redis-server configs/redis/cache.conf (port 6380)",
    )  # fmt: skip
