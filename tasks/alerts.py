"""The alerts worker: what a person should look at."""

from __future__ import annotations

from genesis import subscribe
from genesis.context import Context
from genesis.events import AlertEvent, ZoneEvent


@subscribe(ZoneEvent, group="zone-workers", queue="alerts")
def judge_zone_event(event: ZoneEvent, context: Context) -> None:
    """Take a change in a zone: there are no rules yet, the event is settled."""
    del event, context


@subscribe(AlertEvent, group="alert-workers", queue="alerts")
def send_alert(event: AlertEvent, context: Context) -> None:
    """Take an alert: there is nobody to send it to yet, the event is settled."""
    del event, context
