"""Hold a person's row while something of them is stored: an erasure that begins at the same moment waits and finds it, or it is refused.

    if custody.refuses(cursor, event): ...

What is refused may be kept without everything that tells who it is about.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

from genesis.errors import MalformedEventError
from genesis.events import AlertEvent, SessionEvent
from genesis.storage.identities import Kind, resolved

Cursor = Any  # psycopg2's, which carries no types

_TRIES = 3
_HOLD = "SELECT label, kind, erasing IS NOT NULL FROM identities WHERE id = %s FOR KEY SHARE"


@dataclass(frozen=True, slots=True)
class Held:
    """A person whose row is held until the transaction ends; or who is refused, and is nobody then."""

    identity_id: str | None
    label: str | None
    kind: Kind = "unknown"
    refused: bool = False


REFUSED = Held(None, None, refused=True)
"""Who is being erased, or is gone."""


def hold(cursor: Cursor, identity_id: str) -> Held | None:
    """Hold an identity's row; None: it is not there (any more)."""
    cursor.execute(_HOLD, (identity_id,))
    row = cursor.fetchone()
    if row is None:
        return None
    label, kind, erasing = row
    return REFUSED if erasing else Held(identity_id, label, kind)


def hold_named(cursor: Cursor, event: str, identity_id: str) -> Held:
    """Hold whoever an event's identity is by now.

    Args:
        cursor: of a transaction.
        event: what the event is called, for the message.
        identity_id: as the event has it; it may have been merged since.

    Raises:
        MalformedEventError: that is no id.
    """
    try:
        wanted = str(uuid.UUID(identity_id))
    except ValueError:
        msg = f"{event}: identity_id is {identity_id[:50]!r}, expected a UUID"
        raise MalformedEventError(msg) from None
    for _ in range(_TRIES):
        target = resolved(cursor, wanted)
        held = hold(cursor, target)
        if held is not None:
            return held
        if resolved(cursor, wanted) == target:  # else merged at this moment
            break
    return REFUSED


def refuses(cursor: Cursor, event: SessionEvent | AlertEvent) -> bool:
    """Tell whether an event names somebody who must not be named: being erased, gone, or without an id, so that no erasure would find it.

    Raises:
        MalformedEventError: the identity's id is none.
    """
    if event.identity_id is None:
        return event.identity is not None
    return hold_named(cursor, type(event).__name__, event.identity_id).refused
