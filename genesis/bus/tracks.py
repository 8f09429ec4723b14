"""Whose tracks the persons of a frame are, and who the tracks are, kept on the ledger.

The tracker and the recognition read the same frames, each at its own pace. The tracker leaves here which track each person of a
frame belongs to, so that a face finds its track; who has a name leaves it here, so that the end of a presence can tell it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from genesis.bus.ledger import Ledger
from genesis.context import Naming
from genesis.errors import NotYetError
from genesis.events import PersonDetected

FRAMES = 2000
"""Frames whose tracks are kept: more than may be unsettled in a stream, so that no face comes too late."""
KEEP_SECONDS = 24 * 3600
"""How long what nobody has written to is kept."""


class LedgerTracks:
    """The track board of event mode.

    Args:
        ledger: where it is kept.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def followed(self, event: PersonDetected, tracks: Sequence[str]) -> None:
        """Note the tracks of a frame's persons, in their order."""
        key, client = self._ledger.keys.frames_of(event.camera, event.session), self._ledger.client

        def write() -> None:
            with client.pipeline(transaction=False) as pipe:
                pipe.hset(key, mapping={str(event.number): msgspec.json.encode(tracks), "newest": event.number})
                pipe.hdel(key, str(event.number - FRAMES))
                pipe.pexpire(key, KEEP_SECONDS * 1000)
                pipe.execute()

        self._ledger.call(write)

    def track_of(self, camera: str, session: str, number: int, index: int) -> str | None:
        """Return the track of one person of a frame; None: that frame was passed over, or too long ago.

        Raises:
            NotYetError: the tracker has not come to that frame.
        """
        key, client = self._ledger.keys.frames_of(camera, session), self._ledger.client
        found: Any = self._ledger.call(lambda: client.hmget(key, [str(number), "newest"]))
        text, newest = found
        if text is not None:
            tracks = msgspec.json.decode(text, type=list[str])
            return tracks[index] or None if index < len(tracks) else None
        if newest is None or int(newest) < number:
            msg = f"camera {camera!r}: the tracker has not come to frame {number} of session {session!r}"
            raise NotYetError(msg)
        return None

    def named(self, track: str, naming: Naming) -> None:
        """Note who a track is."""
        key, client = self._ledger.keys.name_of(track), self._ledger.client
        self._ledger.call(lambda: client.set(key, msgspec.json.encode(naming), px=KEEP_SECONDS * 1000))

    def naming(self, track: str) -> Naming | None:
        """Return who a track is, if that is known by now."""
        text: Any = self._ledger.call(lambda: self._ledger.client.get(self._ledger.keys.name_of(track)))
        return None if text is None else msgspec.json.decode(text, type=Naming)


class LedgerSent:
    """Who was told of which alert: the board of event mode.

    Args:
        ledger: where it is kept.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def sent(self, event: str) -> frozenset[str]:
        """Return the names of those who were told of an event, by its id."""
        names: Any = self._ledger.call(lambda: self._ledger.client.smembers(self._ledger.keys.told_of(event)))
        return frozenset(name.decode() for name in names)

    def note(self, event: str, name: str) -> None:
        """Note that somebody was told."""
        key, client = self._ledger.keys.told_of(event), self._ledger.client

        def write() -> None:
            with client.pipeline(transaction=False) as pipe:
                pipe.sadd(key, name)
                pipe.pexpire(key, SENT_SECONDS * 1000)
                pipe.execute()

        self._ledger.call(write)


SENT_SECONDS = 30 * 24 * 3600
"""How long it is kept who was told: a dead letter that is replayed later tells everybody again."""
