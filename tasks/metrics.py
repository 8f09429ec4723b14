"""The metrics worker: the figures of each camera."""

from __future__ import annotations

from genesis import subscribe
from genesis.context import Context
from genesis.events import MetricsEvent


@subscribe(MetricsEvent, group="metrics-workers", queue="metrics")
def update_gauges(event: MetricsEvent, context: Context) -> None:
    """Take a camera's figures: there are no gauges yet, the event is settled."""
    del event, context
