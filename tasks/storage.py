"""The storage worker: what is kept in the database."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from genesis import subscribe
from genesis.context import Context
from genesis.events import FaceRecognized, MetricsEvent, SessionEvent

if TYPE_CHECKING:
    from genesis.events import Event

logger = logging.getLogger(__name__)


@subscribe(FaceRecognized, group="face-storage-workers", queue="storage")
def store_face(event: FaceRecognized, context: Context) -> None:
    """Keep a sighting; an unknown face joins the nearest unknown person, or is a new one."""
    settings = context.settings
    if not settings.storage.enabled:
        return
    from genesis.storage.crops import Crops  # noqa: PLC0415 - no SQL where nothing is stored
    from genesis.storage.database import database_of  # noqa: PLC0415
    from genesis.storage.sightings import store  # noqa: PLC0415

    exact = settings.storage.exact_below
    stored = database_of(settings).run(lambda cursor: store(cursor, event, unknown_distance=event.threshold, exact_below=exact))
    if stored.refused:
        logger.info("sighting %s of camera %s was not stored: %s", event.id, event.camera, stored.refused)
    if stored.crop_to_delete:
        Crops(settings.data_dir).delete([stored.crop_to_delete])


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
