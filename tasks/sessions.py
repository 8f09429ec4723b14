"""The sessions worker: which cameras are there."""

from __future__ import annotations

from genesis import subscribe
from genesis.context import Context
from genesis.events import SessionEvent


@subscribe(SessionEvent, group="session-workers", queue="sessions")
def note_session(event: SessionEvent, context: Context) -> None:
    """Note that a camera's session started, was lost, recovered or ended."""
    if event.scope == "camera":
        context.cameras.changed(event)
