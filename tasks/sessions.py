"""The sessions worker: which cameras are there, and who the people before them are."""

from __future__ import annotations

import logging
from typing import Any

from genesis import subscribe
from genesis.context import Context
from genesis.events import Event, PersonDetected, SessionEvent, ZoneEvent
from tasks.rules import judged

logger = logging.getLogger(__name__)

NOT_A_DETECTOR = "end of session"
"""What stands for the detector in the event behind a session's last frame."""


@subscribe(SessionEvent, group="session-workers", queue="sessions", keyed_by="camera")
def note_session(event: SessionEvent, context: Context) -> list[Event]:
    """Note a camera's state, and pass on what others have to know: that a camera is lost or has ended, who a person is."""
    if event.scope == "person":
        return _named(event)
    context.cameras.changed(event)
    told: list[Event] = []
    state: dict[str, Any] = context.state if context.state is not None else {}
    if event.kind == "lost":
        told += judged(event, state, context)
    if event.kind == "ended":
        told.append(_end_of(event))
    return told


def _named(event: SessionEvent) -> list[Event]:
    """Tell the rules who a person is."""
    if event.kind != "updated" or event.identity is None or event.track is None:
        return []
    return [
        ZoneEvent(
            camera=event.camera,
            time=event.time,
            kind="identified",
            track=event.track,
            identity=event.identity,
            identity_id=event.identity_id,
            known=event.known,
            face=event.face,
        )
    ]


def _end_of(event: SessionEvent) -> PersonDetected:
    """Return what closes a camera's session for those who follow its persons: it stands behind the last frame, in their order."""
    return PersonDetected(
        camera=event.camera,
        time=event.time,
        session=event.session,
        number=event.next_number,
        width=1,
        height=1,
        persons=(),
        detector=NOT_A_DETECTOR,
        live=event.live,
        dropped=event.dropped,
        last=True,
    )
