"""A handler that does nothing, for what an event costs by itself; `handlers` of the settings names this module."""

from __future__ import annotations

from genesis import subscribe
from genesis.context import Context
from genesis.events import AlertEvent


@subscribe(AlertEvent, group="benchmark-workers", queue="benchmark")
def nothing(event: AlertEvent, context: Context) -> None:
    """Do nothing."""
