"""What must be so of every Redis server that Genesis uses; decided from its facts alone."""

from __future__ import annotations

from collections.abc import Iterable

import redis

from genesis.monitoring.doctor.facts import Facts
from genesis.monitoring.doctor.findings import Finding

OLDEST = (6, 2)
NEARLY_FULL, FULL = 0.8, 0.95  # of the memory that it may use
SHORT_SCRIPT_MS = 1000
SHORT_TIMEOUT_SECONDS = 60


def check_server(facts: Facts) -> Iterable[Finding]:
    """Look at version, role, memory and disk of a server."""
    if not facts.info:
        yield unknown(
            facts, "info", "its version, whether it is a replica, what it keeps on disk, and what it does when memory is short", "INFO"
        )
        return
    yield _version(facts)
    yield _role(facts)
    yield _policy(facts)
    yield _memory(facts)
    yield from _disk(facts)
    yield from _habits(facts)


def _version(facts: Facts) -> Finding:
    if facts.version[:2] < OLDEST:
        return Finding(
            "error", facts.setting, "version", f"{facts.product}",
            "Leases need what came with 6.2 (idle times in XPENDING, XTRIM MINID).", "install Redis 6.2 or newer (7.2 is better)",
        )  # fmt: skip
    return Finding("ok", facts.setting, "version", facts.product)


def _role(facts: Facts) -> Finding:
    if facts.info.get("role", "master") != "master":
        primary = f"{facts.info.get('master_host', '?')}:{facts.info.get('master_port', '?')}"
        return Finding(
            "error", facts.setting, "role", f"it is a replica of {primary}",
            "A replica refuses writes, or loses them at the next synchronisation.",
            f"point {facts.setting} at {primary}, or make this one the primary: {facts.cli} REPLICAOF NO ONE",
        )  # fmt: skip
    return Finding("ok", facts.setting, "role", "it is a primary")


def _policy(facts: Facts) -> Finding:
    policy = facts.info.get("maxmemory_policy", "noeviction")
    if policy == "noeviction":
        return Finding("ok", facts.setting, "maxmemory-policy", "maxmemory-policy noeviction")
    limited = "" if facts.number("maxmemory") else " (not yet: maxmemory is 0)"
    return Finding(
        "error", facts.setting, "maxmemory-policy", f"maxmemory-policy {policy}",
        f"When memory is short it throws away keys without a word{limited}: {_LOST.get(facts.setting, 'tasks that wait in queues')}. "
        "With noeviction Genesis is told, and waits.",
        facts.advice("maxmemory-policy", "noeviction"),
    )  # fmt: skip


_LOST = {
    "redis.url": "events, what is pending, and the numbers that keep a publication from being made twice",
    "frame_cache.url": "frames that somebody still waits for",
}


def _memory(facts: Facts) -> Finding:
    used, limit = facts.number("used_memory"), facts.number("maxmemory")
    room = limit or facts.number("total_system_memory")
    share = used / room if room else 0.0
    found = f"{_mb(used)} of {_mb(room)} used ({'maxmemory' if limit else 'the memory of its machine'})" if room else f"{_mb(used)} used"
    if share <= NEARLY_FULL:
        return Finding("ok", facts.setting, "memory", found)
    more = (
        f"raise maxmemory ({facts.advice('maxmemory', f'{max(100, int(used * 2 / 1e6))}mb')})" if limit else "give its machine more memory"
    )
    return Finding(
        "error" if share > FULL and facts.setting == "redis.url" else "warning", facts.setting, "memory", found,
        "When it is full it refuses what comes until something is settled or trimmed.",
        f"{more}, add workers, or keep less (redis.retention, frame_cache.max_size_mb)",
    )  # fmt: skip


def _disk(facts: Facts) -> Iterable[Finding]:
    advice = "free space on its disk (df -h), and look into its log"
    if facts.info.get("aof_last_write_status", "ok") != "ok":
        yield Finding(
            "error", facts.setting, "disk", "its last write to the append-only file failed (aof_last_write_status)",
            "It refuses writes until one succeeds again; its disk is full or broken.", advice,
        )  # fmt: skip
    if facts.info.get("aof_last_bgrewrite_status", "ok") != "ok":
        yield Finding(
            "warning", facts.setting, "disk", "its last rewrite of the append-only file failed (aof_last_bgrewrite_status)",
            "The file grows until the disk is full. Its disk has too little room, or a fork was refused for lack of memory.",
            f"{advice}; then {facts.cli} BGREWRITEAOF",
        )  # fmt: skip
    if facts.info.get("rdb_last_bgsave_status", "ok") != "ok":
        refuses = bool(facts.config.get("save")) and facts.config.get("stop-writes-on-bgsave-error", "yes") == "yes"
        yield Finding(
            "error" if refuses else "warning", facts.setting, "disk", "its last snapshot failed (rdb_last_bgsave_status)",
            "It refuses writes until a snapshot succeeds (MISCONF)." if refuses else "Its disk is full, or a fork was refused.",
            f"{advice}; Genesis needs no snapshots: {facts.advice('save', '')}",
        )  # fmt: skip


def _habits(facts: Facts) -> Iterable[Finding]:
    wanted, there = facts.configured("min-replicas-to-write", 0), facts.number("min_slaves_good_slaves")
    if wanted > there:
        yield Finding(
            "error", facts.setting, "replicas", f"min-replicas-to-write {wanted}, and {there} replicas are good enough",
            "It refuses every write as long as that is so (NOREPLICAS).",
            f"start its replicas, or {facts.advice('min-replicas-to-write', str(there))}",
        )  # fmt: skip
    timeout = facts.configured("timeout", 0)
    if 0 < timeout < SHORT_TIMEOUT_SECONDS:
        yield Finding(
            "warning", facts.setting, "timeout", f"timeout {timeout}: it closes connections that are idle for {timeout} s",
            "Nothing is lost, but after every pause something is sent twice and a warning is logged.", facts.advice("timeout", "0"),
        )  # fmt: skip
    name = "busy-reply-threshold" if "busy-reply-threshold" in facts.config else "lua-time-limit"
    limit = facts.configured(name, 5000)
    if 0 < limit < SHORT_SCRIPT_MS:
        yield Finding(
            "warning", facts.setting, "busy-script", f"{name} {limit}",
            "While a script of ours runs for longer than these milliseconds, everyone else is refused (BUSY).", facts.advice(name, "5000"),
        )  # fmt: skip


_REFUSALS = {
    "OutOfMemory": "raise its maxmemory, add workers, or keep less (redis.retention)",
    "MISCONF": "free space on its disk (df -h), and look into its log",
    "NOREPLICAS": "start its replicas, or lower its min-replicas-to-write",
    "ReplicaError": "point the setting at the primary",
    "CLUSTERDOWN": "give all slots of the cluster a node (redis-cli --cluster check)",
    "Moved": "point the setting at the node that has the slot of redis.prefix (redis-cli CLUSTER NODES)",
}


def refuses_writes(error: redis.ResponseError) -> bool:
    """Tell whether a server refuses to write anything at all at the moment."""
    return any(word in f"{type(error).__name__} {error}" for word in _REFUSALS)


def refusal(facts: Facts, error: redis.ResponseError) -> Finding:
    """Return the finding that a server refuses to write."""
    named = f"{type(error).__name__} {error}"
    return Finding(
        "error", facts.setting, "writes", f"it refuses writes: {' '.join(str(error).split())}", "Nothing can be published or settled.",
        next((advice for word, advice in _REFUSALS.items() if word in named), "correct what it says, and look into its log"),
    )  # fmt: skip


def unknown(facts: Facts, check: str, what: str, command: str) -> Finding:
    """Return the finding that a server does not tell something."""
    return Finding(
        "unknown", facts.setting, check, f"it can't be told {what}: the server does not permit {command}",
        "Managed servers often forbid it.", "look it up in the provider's console, or permit it to this user",
    )  # fmt: skip


def _mb(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"
