"""The newest that happened: zones, alerts, faces and sessions, each in one sentence."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import singledispatch
from typing import Any, Literal

import msgspec
import redis

from genesis.connections import connect, explain
from genesis.errors import PermanentError, ServerUnavailableError
from genesis.events import AlertEvent, Event, FaceRecognized, Keys, SessionEvent, ZoneEvent, decode
from genesis.settings import Settings

TOLD = (ZoneEvent, AlertEvent, FaceRecognized, SessionEvent)
"""What is told; frames and what is seen in each are too many to read."""

Weight = Literal["faint", "plain", "notice", "alarm"]


class Happening(msgspec.Struct, frozen=True):
    """Something that happened.

    Attributes:
        entry: id of its entry in the stream, which orders happenings by when they were published.
        time: when it happened, by the capture clock.
        kind: short name of the stream.
        camera: where.
        text: one sentence, as the event tells it; fit it for the terminal before it is shown.
        weight: how much it wants to be seen.
    """

    entry: str
    time: datetime
    kind: str
    camera: str
    text: str
    weight: Weight = "plain"


def newest(client: redis.Redis, keys: Keys, count: int) -> list[Happening]:
    """Return the newest happenings, newest first, in one round trip; entries that are no events are passed over.

    Args:
        client: a connection to the ledger.
        keys: of the installation.
        count: most of them.

    Raises:
        redis.RedisError: the ledger is away, or refuses us.
    """
    with client.pipeline(transaction=False) as pipe:
        for kind in TOLD:
            pipe.xrevrange(keys.stream_of(kind), count=count)
        answers: list[Any] = pipe.execute()
    found = [happening for entries in answers for entry, fields in entries or () if (happening := _read(entry, fields)) is not None]
    return sorted(found, key=_order, reverse=True)[:count]


def happenings_looker(settings: Settings, timeout: float) -> Callable[[int], tuple[Happening, ...]]:
    """Return a function that tells so many of an installation's newest happenings, over a connection of its own.

    It raises ServerUnavailableError when the ledger is away.

    Args:
        settings: of the installation.
        timeout: seconds one command may take.
    """
    client, keys = connect(settings.redis.url, timeout=timeout), Keys(settings.redis.prefix)

    def look(count: int) -> tuple[Happening, ...]:
        try:
            return tuple(newest(client, keys, count))
        except redis.RedisError as error:
            raise ServerUnavailableError(explain(error, settings.redis.url, "redis.url")) from error

    return look


def happening(entry: str, event: Event) -> Happening:
    """Return an event as something that happened."""
    return Happening(entry, event.time, event.STREAM, event.camera, sentence(event), _weight(event))


@singledispatch
def sentence(event: Event) -> str:
    """Return one sentence about an event; of those that are not in `TOLD`, their type."""
    return event.TYPE


@sentence.register
def _zone(event: ZoneEvent) -> str:
    who = _who(event.identity if event.kind != "identified" else None, event.track)
    if event.kind == "entered":
        return f"{who} entered {event.zone}" + (f" ({event.occupancy} there)" if event.occupancy > 1 else "")
    if event.kind == "exited":
        return f"{who} left {event.zone} after {_seconds(event.dwell)}"
    if event.kind == "loitering":
        return f"{who} stays in {event.zone}, for {_seconds(event.dwell)} so far"
    if event.kind == "crossed":
        return f"{who} crossed {event.zone}" + (f" ({event.direction})" if event.direction else "")
    return f"{who} is {event.identity or 'unknown'}"


@sentence.register
def _alert(event: AlertEvent) -> str:
    again = ", updated" if event.kind == "updated" else ""
    return f"{event.rule} ({event.severity}{again})" + (f": {event.message}" if event.message else "")


@sentence.register
def _face(event: FaceRecognized) -> str:
    if event.identity is None:
        return "a face that nobody knows"
    return f"{event.identity} recognised" + (f", {event.score:.0%} sure" if event.score is not None else "")


@sentence.register
def _session(event: SessionEvent) -> str:
    if event.scope == "person":
        who = _who(event.identity, event.track or event.session)
        if event.kind == "ended":
            return f"{who} is gone, seen for {_seconds(event.duration)}"
        return f"{who} came into view" if event.kind == "started" else f"{who} is in view"
    why = f": {event.reason}" if event.reason else ""
    if event.kind == "ended":
        return f"capture ended after {event.frames} frame{'' if event.frames == 1 else 's'}{why}"
    return {"started": "capture started", "lost": "camera lost", "recovered": "camera is back"}.get(event.kind, "capture goes on") + why


def _weight(event: Event) -> Weight:
    if isinstance(event, AlertEvent):
        return "alarm" if event.severity in {"high", "critical"} else "notice"
    if isinstance(event, SessionEvent) and event.scope == "camera":
        return "alarm" if event.kind == "lost" else "notice"
    return "faint" if isinstance(event, SessionEvent) and event.identity is None else "plain"


def _who(identity: str | None, track: str) -> str:
    return identity or f"somebody (track {track.rpartition('-')[2]})"


def _seconds(duration: float) -> str:
    if duration < 100:  # noqa: PLR2004 - two digits are enough
        return f"{duration:.1f} s" if duration < 10 else f"{duration:.0f} s"  # noqa: PLR2004
    return f"{duration / 60:.0f} min" if duration < 6000 else f"{duration / 3600:.1f} h"  # noqa: PLR2004


def _read(entry: bytes, fields: dict[bytes, bytes]) -> Happening | None:
    try:
        event = decode({name.decode(): value.decode() for name, value in fields.items()})
    except (PermanentError, UnicodeDecodeError):
        return None
    return happening(entry.decode(), event)


def _order(row: Happening) -> tuple[int, ...]:
    return tuple(int(part) for part in row.entry.split("-"))
