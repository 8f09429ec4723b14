"""The notification worker: who is told of an alert."""

from __future__ import annotations

from genesis import Retry, subscribe
from genesis.context import Context
from genesis.events import AlertEvent
from genesis.notify import deliver, load_channels
from genesis.settings import Settings

TIME_LIMIT = 90.0  # seconds: more than the longest `alerts.notifiers[].timeout_seconds`


def load_notifiers(context: Context) -> str:
    """Import what the notifiers need before the first alert; return who they are."""
    return load_channels(context.settings)


def retries(settings: Settings) -> Retry:
    """Return how often those who could not be told are tried again."""
    delays = settings.alerts.retry_delays
    return Retry(len(delays), delays)


@subscribe(
    AlertEvent,
    group="notification-workers",
    queue="notifications",
    retry=retries,
    time_limit=TIME_LIMIT,
    preload=load_notifiers,
    aside=True,
)
def send_alert(event: AlertEvent, context: Context) -> None:
    """Tell everybody who is to be told of an alert and has not been yet.

    An update may go out before its original: both carry the id of the alert.
    """
    from genesis.storage.crops import SNAPSHOTS, Crops  # noqa: PLC0415 - only where alerts are

    snapshots = Crops(context.settings.data_dir, SNAPSHOTS)
    deliver(event, context.settings, context.sent, snapshots.path)
