"""The alerts worker: what a person should look at."""

from __future__ import annotations

from genesis import subscribe
from genesis.context import Context
from genesis.events import AlertEvent, Event, ZoneEvent
from genesis.settings import Settings
from tasks.rules import judged


def gap(settings: Settings) -> float:
    """Return how long a zone event that does not come is waited for: only a dead letter leaves a gap here."""
    return settings.tracking.gap_seconds


@subscribe(ZoneEvent, group="zone-workers", queue="alerts", keyed_by="camera", max_gap=gap)
def judge_zone_event(event: ZoneEvent, context: Context) -> list[Event]:
    """Raise what the alert rules say of a change in a zone, and name who an alert was about once that is known."""
    return judged(event, context.state if context.state is not None else {}, context)


@subscribe(AlertEvent, group="alert-workers", queue="alerts")
def keep_alert(event: AlertEvent, context: Context) -> None:
    """Keep an alert in the database."""
    if not context.settings.storage.enabled:
        return
    from genesis.storage.alerts import keep  # noqa: PLC0415 - no SQL where nothing is stored
    from genesis.storage.crops import SNAPSHOTS, Crops  # noqa: PLC0415
    from genesis.storage.database import database_of  # noqa: PLC0415

    kept = database_of(context.settings).run(lambda cursor: keep(cursor, event))
    if kept.snapshot_to_delete:
        Crops(context.settings.data_dir, SNAPSHOTS).delete([kept.snapshot_to_delete])
