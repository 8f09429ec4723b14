"""Take what is known of a person out of the streams and the frame cache of one ledger."""

from __future__ import annotations

import base64
import binascii
import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from genesis.errors import GenesisError

if TYPE_CHECKING:
    from genesis.bus.ledger import Ledger
    from genesis.bus.scrub import Scrubber
    from genesis.cache import FrameCache
    from genesis.storage.erasure import Erasure, Seen

WAY = ("frames", "persons", "faces")
"""The streams on which a person who is in view now comes to be stored, in that order."""
MOST_FRAMES = 2000  # before the newest of a session, that are looked for in the cache: others have long expired

Resembles = Callable[[str, bytes, float], bool]
"""Tells whether a face is the person's, by its model, its embedding and the largest distance of two faces of one person."""

_AT_ONCE = 500  # frames in one step


@dataclass(frozen=True, slots=True)
class Frames:
    """What became of cached frames: removed, and still there since somebody waits for them."""

    removed: int
    waited_for: int


class Meant:
    """Tells which entries are about a person: by the ids of the person and of the sightings, and for a face without a name by itself.

    Args:
        erasure: whose.
        resembles: asked about faces without a name; None: those are not the person's.
    """

    def __init__(self, erasure: Erasure, resembles: Resembles | None = None) -> None:
        self._ids = tuple(one.encode() for one in erasure.identity_ids)
        self._events = frozenset(one.encode() for one in erasure.event_ids)
        self._resembles = resembles

    def __call__(self, fields: Mapping[bytes, bytes]) -> bool:
        """Tell by an entry's fields."""
        data = fields.get(b"data", b"")
        if fields.get(b"id") in self._events or any(one in data for one in self._ids):
            return True
        if b'"cause"' not in data and b'"embedding"' not in data:
            return False
        told = _json(data)
        if str(told.get("cause", "")).encode() in self._events:
            return True
        if self._resembles is None or told.get("identity_id") is not None:
            return False
        try:
            embedding, threshold = base64.b64decode(told["embedding"], validate=True), float(told["threshold"])
        except (binascii.Error, KeyError, TypeError, ValueError):
            return False
        return self._resembles(str(told.get("model", "")), embedding, threshold)


def wait(scrubber: Scrubber, cache: FrameCache, until: float, waits: Callable[[str, int], None]) -> dict[str, int]:
    """Wait until what is under way now is handled; return what is not, by stream.

    Entries whose frames have left the cache bring nothing about any more: those are not waited for.

    Raises:
        ServerUnavailableError: the ledger was away for too long.
    """

    def harmless(frames: Sequence[str]) -> bool:
        try:
            return not any(cache.has(*some) for some in _batches(frames))
        except GenesisError:
            return False

    return scrubber.wait_until_settled(WAY, until, harmless=harmless, waits=waits)


def remove_frames(ledger: Ledger, cache: FrameCache, seen: Iterable[Seen]) -> Frames:
    """Remove the frames in which a person was seen, and those up to the newest that may show the person, too.

    A frame that a task still waits for stays: it goes when that is done.

    Raises:
        ServerUnavailableError: a server is away.
    """
    numbers: dict[tuple[str, str], set[int]] = defaultdict(set)
    for camera, session, number in seen:
        numbers[camera, session].add(number)
    removed = waited_for = 0
    for (camera, session), own in numbers.items():
        shown = ledger.call(lambda camera=camera: ledger.client.hget(ledger.keys.camera(camera), "frame_key")) or b""
        newest_key = shown.decode(errors="replace")
        newest = _number(newest_key, f"{camera}-{session}-")
        if newest is not None:
            own |= set(range(max(min(own), newest - MOST_FRAMES), newest + 1))
        for some in _batches(f"{camera}-{session}-{number}" for number in sorted(own)):
            there = cache.has(*some)
            if not there:
                continue
            counts: Any = ledger.call(lambda some=some: ledger.client.hmget(ledger.keys.references, some))
            # The board of cameras refers to the newest frame, too, but nobody waits there.
            free = [key for key, count in zip(some, counts, strict=True) if int(count or 0) <= (key == newest_key)]
            gone = cache.delete(*free)
            removed += gone
            waited_for += there - gone
    return Frames(removed, waited_for)


def _number(key: str, prefix: str) -> int | None:
    rest = key.removeprefix(prefix)
    return int(rest) if rest != key and rest.isdigit() else None


def _batches(keys: Iterable[str]) -> Iterable[list[str]]:
    rest = iter(keys)
    while some := list(islice(rest, _AT_ONCE)):
        yield some


def _json(data: bytes) -> dict[str, Any]:
    try:
        told = json.loads(data)
    except (ValueError, RecursionError):
        return {}
    return told if isinstance(told, dict) else {}
