"""The recognition worker: whose faces they are."""

from __future__ import annotations

from genesis import subscribe
from genesis.context import Context
from genesis.events import PersonDetected


def has_persons(event: PersonDetected) -> bool:
    """Tell whether there is anybody to recognise; frames without persons never reach a worker."""
    return bool(event.persons)


@subscribe(PersonDetected, group="face-workers", queue="recognition", when=has_persons)
def recognise_faces(event: PersonDetected, context: Context) -> None:
    """Take the persons of a frame: no face engine is chosen yet, the event is settled."""
    del event, context
