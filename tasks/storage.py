"""The storage worker: what is kept in the database."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import msgspec

from genesis import subscribe
from genesis.analytics.presence import with_name
from genesis.context import Context, DeliveryInfo, Naming
from genesis.errors import NotYetError
from genesis.events import FaceRecognized, MetricsEvent, SessionEvent

if TYPE_CHECKING:
    from genesis.events import Event

logger = logging.getLogger(__name__)

PATIENCE_SECONDS = 120.0  # that a sighting waits for the tracker


@subscribe(FaceRecognized, group="face-storage-workers", queue="storage")
def store_face(event: FaceRecognized, context: Context) -> list[SessionEvent]:
    """Keep a sighting; an unknown face joins the nearest unknown person, or is a new one. Tell who the person in view is."""
    settings = context.settings
    if not settings.storage.enabled:
        return []
    from genesis.storage.crops import Crops  # noqa: PLC0415 - no SQL where nothing is stored
    from genesis.storage.database import database_of  # noqa: PLC0415
    from genesis.storage.sightings import store  # noqa: PLC0415

    if (track := event.track or _track_of(event, context)) is not None:
        event = msgspec.structs.replace(event, track=track)
    exact = settings.storage.exact_below
    stored = database_of(settings).run(lambda cursor: store(cursor, event, unknown_distance=event.threshold, exact_below=exact))
    if stored.refused:
        logger.info("sighting %s of camera %s was not stored: %s", event.id, event.camera, stored.refused)
    if stored.crop_to_delete:
        Crops(settings.data_dir).delete([stored.crop_to_delete])
    if track is None or stored.refused or stored.identity_id is None or stored.label is None:
        return []
    naming = Naming(stored.label, stored.identity_id, stored.known, event.score or 0.0, event.crop)
    before = context.tracks.naming(track)
    if before is not None and before.weight > naming.weight:
        return []
    context.tracks.named(track, naming)
    told = SessionEvent(camera=event.camera, time=event.time, scope="person", kind="updated", session=track, track=track)
    return [with_name(told, naming)]


def _track_of(event: FaceRecognized, context: Context) -> str | None:
    """Return the track of the person whose face it is; None if nobody followed them.

    Raises:
        NotYetError: the tracker is behind.
    """
    if event.index is None:
        return None
    try:
        return context.tracks.track_of(event.camera, event.session, event.number, event.index)
    except NotYetError:
        if context.delivery is None or _waited(context.delivery, context) < PATIENCE_SECONDS:
            raise
    logger.warning("sighting %s of camera %s is stored without a track: the tracker does not come to its frame", event.id, event.camera)
    return None


def _waited(delivery: DeliveryInfo, context: Context) -> float:
    """Return for how many seconds an entry has been there."""
    return context.now().timestamp() - int(delivery.entry.partition("-")[0]) / 1000


@subscribe(MetricsEvent, group="storage-workers", queue="storage")
def store_metrics(event: MetricsEvent, context: Context) -> None:
    """Keep a camera's figures."""
    _keep(event, context)


@subscribe(SessionEvent, group="storage-workers", queue="storage")
def store_session(event: SessionEvent, context: Context) -> None:
    """Keep a session's change."""
    _keep(event, context)


def _keep(event: Event, context: Context) -> None:
    if not context.settings.storage.enabled:
        return
    from genesis.storage.database import database_of  # noqa: PLC0415 - no SQL where nothing is stored
    from genesis.storage.records import store  # noqa: PLC0415

    database_of(context.settings).run(lambda cursor: store(cursor, event))
