"""What must be so of the ledger besides: it is the only place where an event is safe."""

from __future__ import annotations

from collections.abc import Iterable

from genesis.monitoring.doctor.facts import Facts
from genesis.monitoring.doctor.findings import Finding
from genesis.monitoring.doctor.server import unknown

CLOCK_WARNING, CLOCK_ERROR = 2.0, 30.0  # seconds
LITTLE_ROOM, NO_ROOM = 1_000_000_000, 100_000_000  # bytes


def check_ledger(facts: Facts, prefix: str) -> Iterable[Finding]:
    """Look at how safe what is written there is.

    Args:
        facts: of the server.
        prefix: of all keys.
    """
    if facts.info:
        yield from _append_only(facts)
        yield from _disk(facts)
    yield from _failover(facts)
    yield _clock(facts)
    yield from _cluster(facts, prefix)


def _append_only(facts: Facts) -> Iterable[Finding]:
    if not facts.number("aof_enabled"):
        snapshots = facts.config.get("save", "")
        kept = f"since its last snapshot (save {snapshots}) " if snapshots else ""
        yield Finding(
            "error", facts.setting, "appendonly", "appendonly no",
            f"Everything written {kept}is gone when it ends: events, what is pending, references.",
            f"first {facts.cli} CONFIG SET appendonly yes, which writes down what it holds; then, in its redis.conf: appendonly yes "
            "(a restart with that line alone would begin with an empty ledger)",
        )  # fmt: skip
        return
    yield Finding("ok", facts.setting, "appendonly", "appendonly yes")
    yield from _flushing(facts)


def _flushing(facts: Facts) -> Iterable[Finding]:
    flush = facts.config.get("appendfsync")
    if flush is None:
        yield unknown(facts, "appendfsync", "when it flushes to its disk", "CONFIG GET")
        return
    if flush == "always":
        yield Finding("ok", facts.setting, "appendfsync", "appendfsync always")
    else:
        lost = {
            "everysec": "about the last second, or more with a slow disk",
            "no": "all that the operating system had not written yet, half a minute perhaps",
        }.get(flush, "what was not flushed")
        yield Finding(
            "warning" if flush == "everysec" else "error", facts.setting, "appendfsync", f"appendfsync {flush}",
            f"A power cut or a crash of the machine loses {lost}: events that were published are gone, and what was settled is done "
            "once more. A crash of Redis alone loses nothing.",
            f"{facts.advice('appendfsync', 'always')}; it costs throughput, and less of it the more is written at once",
        )  # fmt: skip
    if facts.config.get("no-appendfsync-on-rewrite", "no") == "yes" and flush != "no":
        yield Finding(
            "warning", facts.setting, "no-appendfsync-on-rewrite", "no-appendfsync-on-rewrite yes",
            "While the append-only file is rewritten nothing is flushed: a power cut in that time loses what was written in it.",
            facts.advice("no-appendfsync-on-rewrite", "no"),
        )  # fmt: skip


def _disk(facts: Facts) -> Iterable[Finding]:
    needed = max(LITTLE_ROOM, facts.number("aof_current_size"))
    if facts.free is None or facts.free >= needed:
        return
    yield Finding(
        "error" if facts.free < NO_ROOM else "warning", facts.setting, "disk",
        f"{facts.free / 1e6:,.0f} MB are free in {facts.config.get('dir')}",
        f"A rewrite of the append-only file needs as much as the file has ({facts.number('aof_current_size') / 1e6:,.0f} MB) for a while; "
        "when the disk is full the ledger refuses every write.",
        "free space there (df -h), or keep less (redis.retention)",
    )  # fmt: skip


def _failover(facts: Facts) -> Iterable[Finding]:
    replicas = facts.number("connected_slaves")
    if replicas:
        yield Finding(
            "warning", facts.setting, "failover", f"it has {replicas} replicas",
            "Redis answers before its replicas have a write. After a failover what had not reached the new primary is missing there.",
            "restart the primary on its own disk rather than fail over; min-replicas-to-write and min-replicas-max-lag bound the loss",
        )  # fmt: skip


def _clock(facts: Facts) -> Finding:
    if facts.clock is None:
        return unknown(facts, "clock", "its time", "TIME")
    ahead, doubt = facts.clock
    away = max(0.0, abs(ahead) - doubt)
    found = f"its clock is {abs(ahead):.1f} s {'ahead of' if ahead > 0 else 'behind'} this machine's"
    if away <= CLOCK_WARNING:
        return Finding("ok", facts.setting, "clock", f"its clock agrees with this machine's (to {abs(ahead) + doubt:.3f} s)")
    return Finding(
        "error" if away > CLOCK_ERROR else "warning", facts.setting, "clock", found,
        "Entries are dated by its clock, frames by that of the capturing machine: ages are wrong, and live frames may be called stale.",
        "keep both machines' clocks by NTP (timedatectl set-ntp true; chronyc tracking shows how far off a clock is)",
    )  # fmt: skip


def _cluster(facts: Facts, prefix: str) -> Iterable[Finding]:
    if not facts.number("cluster_enabled"):
        return
    if "{" in prefix and "}" in prefix.split("{", maxsplit=1)[1]:
        yield Finding("ok", facts.setting, "cluster", f"it is a cluster, and redis.prefix {prefix} keeps all keys in one slot")
        return
    yield Finding(
        "error", facts.setting, "cluster", f"it is a Redis Cluster, and redis.prefix {prefix} has no braces",
        "A script that touches several streams is refused when they lie in different slots.",
        f"redis.prefix: '{{{prefix}}}' in the settings of every part, and redis.url at the node that has its slot",
    )  # fmt: skip
