"""Take what is known of a person out of the streams, the board of tracks and the frame cache of one ledger."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

import msgspec

from genesis.analytics.alerting.memory import Alerting
from genesis.errors import GenesisError
from genesis.storage.alerts import as_word

if TYPE_CHECKING:
    from genesis.bus.ledger import Ledger
    from genesis.bus.scrub import Scrubber
    from genesis.cache import FrameCache
    from genesis.storage.erasure import Erasure, Seen

WAY = ("frames", "persons", "faces")
"""The streams on which a person who is in view now comes to be stored, in that order."""
JUDGE = ("zones", "zone-workers")
"""Stream and group of the subscription that remembers who is before a camera."""
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
    """Tells which entries are about a person: by the ids of the person and of the sightings, by name, and for a face without one by itself.

    Args:
        erasure: whose.
        resembles: asked about faces without a name; None: those are not the person's.
    """

    def __init__(self, erasure: Erasure, resembles: Resembles | None = None) -> None:
        self._ids = tuple(one.encode() for one in erasure.identity_ids)
        self._events = frozenset(one.encode() for one in erasure.event_ids)
        self._names = erasure.names
        self._spelt = tuple(json.dumps(name, ensure_ascii=False)[1:-1].encode() for name in erasure.names)
        self._said = tuple(re.compile(as_word(name)) for name in erasure.names)
        self._resembles = resembles

    def __call__(self, fields: Mapping[bytes, bytes]) -> bool:
        """Tell by an entry's fields."""
        data = fields.get(b"data", b"")
        if fields.get(b"id") in self._events or any(one in data for one in self._ids):
            return True
        named = any(one in data for one in self._spelt)
        if not named and b'"cause"' not in data and b'"embedding"' not in data:
            return False
        told = _json(data)
        if str(told.get("cause", "")).encode() in self._events or (named and self._is_named(told)):
            return True
        if self._resembles is None or told.get("identity_id") is not None:
            return False
        try:
            embedding, threshold = base64.b64decode(told["embedding"], validate=True), float(told["threshold"])
        except (binascii.Error, KeyError, TypeError, ValueError):
            return False
        return self._resembles(str(told.get("model", "")), embedding, threshold)

    def _is_named(self, told: Mapping[str, Any]) -> bool:
        """Tell whether somebody without an id has the person's name, or a text without another's has it in it."""
        if told.get("identity_id") is not None:
            return False
        return told.get("identity") in self._names or any(said.search(str(told.get("message", ""))) for said in self._said)


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


def forget_names(ledger: Ledger, tracks: Iterable[str]) -> int:
    """Take the names of a person's tracks off the board, so that the end of a presence does not tell them; return how many.

    Raises:
        ServerUnavailableError: the ledger was away for too long.
    """
    forgotten = 0
    for some in _batches(ledger.keys.name_of(track) for track in tracks):
        forgotten += int(ledger.call(lambda some=some: ledger.client.delete(*some)))
    return forgotten


def forget_states(scrubber: Scrubber, erasure: Erasure) -> int:
    """Let the alert rules forget a person who is before a camera; return on how many cameras.

    Raises:
        ServerUnavailableError: the ledger was away for too long.
    """
    ids, tracks = frozenset(erasure.identity_ids), frozenset(erasure.tracks)

    def forgetting(state: dict[str, Any]) -> dict[str, Any] | None:
        before = Alerting.parse(state)
        kept = {
            name: track
            for name, track in before.tracks.items()
            if track.who is None or not (name in tracks or track.who.identity_id in ids or track.who.identity in erasure.names)
        }
        return None if len(kept) == len(before.tracks) else msgspec.structs.replace(before, tracks=kept).plain

    return scrubber.rewrite_states(*JUDGE, forgetting)


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
