"""The built-in subscriptions alone, whatever else a test has declared."""

from __future__ import annotations

from genesis.subscriptions import Registry, load_subscriptions


def builtin_subscriptions() -> Registry:
    """Return a registry of its own with the subscriptions of `tasks`."""
    rows = Registry()
    for row in load_subscriptions():
        if row.handler.__module__.startswith("tasks."):
            rows.add(row)
    return rows
