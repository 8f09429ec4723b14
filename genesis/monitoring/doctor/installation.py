"""What must be so of the streams and of the settings that are about them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import redis

from genesis.analytics.alerting import Rulebook
from genesis.events import Keys
from genesis.monitoring.doctor.facts import Facts
from genesis.monitoring.doctor.findings import Finding
from genesis.settings import Settings
from genesis.subscriptions import Registry

BYTES_PER_ENTRY = 1000  # about what an event takes in a stream


def check_groups(client: redis.Redis, settings: Settings, registry: Registry, cli: str = "redis-cli") -> Iterable[Finding]:
    """Look whether every subscription has its group, and every group its subscription.

    Args:
        client: a connection to the ledger.
        settings: of the installation.
        registry: the subscriptions.
        cli: how redis-cli reaches the ledger.

    Raises:
        redis.RedisError: the ledger went away meanwhile.
    """
    keys = Keys(settings.redis.prefix)
    wanted: dict[str, set[str]] = {}
    for row in registry:
        wanted.setdefault(row.stream(keys), set()).add(row.group)
    total, missing, strange = sum(map(len, wanted.values())), [], []
    for stream, groups in sorted(wanted.items()):
        try:
            rows: Any = client.xinfo_groups(stream)
        except redis.ResponseError as error:
            if "WRONGTYPE" in str(error):
                yield Finding(
                    "error", "streams", "groups", f"{stream} is not a stream",
                    "Another program uses this key, so nothing can be published there.",
                    "find out who writes it, or give Genesis another redis.prefix",
                )  # fmt: skip
                continue
            if "no such key" not in str(error):
                raise
            rows = []
        there = {row["name"].decode(errors="replace") for row in rows}
        missing += [f"{group} on {stream}" for group in sorted(groups - there)]
        strange += [(stream, group) for group in sorted(there - groups)]
    if missing:
        some = f"{len(missing)} of {total} groups are missing: {', '.join(missing)}"
        yield Finding(
            "warning", "streams", "groups", f"none of the {total} groups is there" if len(missing) == total else some,
            "A stream is not trimmed, and its backlog not seen, before its groups are there. A bridge makes them when it starts.",
            "genesis init",
        )  # fmt: skip
    for stream, group in strange:
        yield Finding(
            "warning", "streams", "groups", f"group {group} of {stream} belongs to no handler here",
            "If no bridge serves it elsewhere, its backlog grows until publishing is refused, and the stream is never trimmed.",
            f"name its module in `handlers`, or remove it and what it has not settled: {cli} XGROUP DESTROY {stream} {group}",
        )  # fmt: skip
    if not missing and not strange:
        yield Finding("ok", "streams", "groups", f"all {total} groups are there")


def check_rules(settings: Settings) -> Iterable[Finding]:
    """Look whether the alert rules can ever be true, and whether anybody hears of it."""
    recognised = settings.recognition.engine != "none" and settings.storage.enabled
    book = Rulebook.of(settings)
    if book.needs_names and not recognised:
        names = ", ".join(name for name, ruling in book.rulings.items() if ruling.waits or ruling.rule.when == "recognised")
        yield Finding(
            "warning", "settings", "rules", f"alerts.rules: {names} depend on who somebody is, and nobody is recognised",
            "These rules never raise an alert: recognition.engine is none, or there is no database (storage.dsn: none).",
            "recognition.engine: auto and a database, or rules without `person` and `names`",
        )  # fmt: skip


def check_settings(ledger: Facts, settings: Settings) -> Iterable[Finding]:
    """Look whether the settings about streams go together, and with the memory of the ledger."""
    pressure, retention = settings.event_driven.backpressure, settings.redis.retention
    if not pressure.enabled:
        yield Finding(
            "warning", "settings", "backpressure", "event_driven.backpressure.enabled is false",
            "A stream whose slowest group does not keep up grows until the ledger's memory is full, and then everything stops.",
            "event_driven.backpressure.enabled: true",
        )  # fmt: skip
    elif retention < pressure.max_pending:
        yield Finding(
            "warning", "settings", "retention",
            f"redis.retention {retention} is less than event_driven.backpressure.max_pending {pressure.max_pending}",
            "Nothing unsettled is ever trimmed. But what was settled disappears while a backlog lasts: `genesis compare` and XRANGE see "
            "less than happened.",
            f"redis.retention: {max(10_000, pressure.max_pending)}",
        )  # fmt: skip
    limit, wanted = ledger.number("maxmemory"), 7 * retention * BYTES_PER_ENTRY
    if limit and wanted > limit:
        yield Finding(
            "warning", "settings", "retention", f"redis.retention {retention} is about {wanted / 1e6:,.0f} MB in seven streams, "
            f"maxmemory is {limit / 1e6:,.0f} MB",
            "The ledger will be full of settled entries, and refuse new ones.",
            f"{ledger.advice('maxmemory', f'{int(2 * wanted / 1e6)}mb')}; or a smaller redis.retention",
        )  # fmt: skip
