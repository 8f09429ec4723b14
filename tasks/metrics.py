"""The metrics worker: the newest figures of each camera."""

from __future__ import annotations

from genesis import subscribe
from genesis.context import Context
from genesis.events import MetricsEvent


@subscribe(MetricsEvent, group="metrics-workers", queue="metrics")
def update_gauges(event: MetricsEvent, context: Context) -> None:
    """Keep a camera's newest figures where `genesis status` and Prometheus find them."""
    context.cameras.measured(event)
