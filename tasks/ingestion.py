"""The ingestion worker: what is known of each camera now."""

from __future__ import annotations

from math import inf

from genesis import subscribe
from genesis.context import Context
from genesis.events import FrameCaptured


# However old a frame is, it may be the newest that its camera has given.
@subscribe(FrameCaptured, group="frame-workers", queue="ingestion", max_age=inf)
def note_frame(event: FrameCaptured, context: Context) -> None:
    """Keep the camera's newest frame key, its frame rate and its liveness."""
    context.cameras.seen(event)
