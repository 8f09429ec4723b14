"""The storage worker: what is kept in the database."""

from __future__ import annotations

from genesis import subscribe
from genesis.context import Context
from genesis.events import FaceRecognized, MetricsEvent, SessionEvent


@subscribe(FaceRecognized, group="face-storage-workers", queue="storage")
def store_face(event: FaceRecognized, context: Context) -> None:
    """Take a recognised face: no database is configured yet, the event is settled."""
    del event, context


@subscribe(MetricsEvent, group="storage-workers", queue="storage")
def store_metrics(event: MetricsEvent, context: Context) -> None:
    """Take a camera's figures: no database is configured yet, the event is settled."""
    del event, context


@subscribe(SessionEvent, group="storage-workers", queue="storage")
def store_session(event: SessionEvent, context: Context) -> None:
    """Take a session's change: no database is configured yet, the event is settled."""
    del event, context
