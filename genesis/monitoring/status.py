"""The figures of `genesis status`: every stream, group and camera, read from the ledger."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import msgspec
import redis

from genesis.bus.backpressure import group_backlogs
from genesis.cache import FrameCache
from genesis.connections import connect, explain
from genesis.errors import GenesisError, ServerUnavailableError
from genesis.events import STREAMS, Keys, MetricsEvent
from genesis.settings import Settings
from genesis.subscriptions import Registry, load_subscriptions

COUNTED = ("settled", "retried", "buried", "stale", "late", "skipped", "filtered", "replayed", "lost")


class GroupStatus(msgspec.Struct, frozen=True):
    """One group of one stream; ages in seconds, None where nothing is pending."""

    group: str
    queue: str
    exists: bool
    pending: int
    lag: int
    oldest_pending: float | None
    totals: dict[str, int]


class StreamStatus(msgspec.Struct, frozen=True):
    """One stream: its entries, its dead letters and its groups."""

    stream: str
    exists: bool
    length: int
    dead_letters: int
    groups: tuple[GroupStatus, ...]


class CameraFigures(msgspec.Struct, frozen=True):
    """A camera's newest window of figures: see `MetricsEvent`.

    `persons` is their mean over the frames, `age` the seconds since the window was told; durations are seconds.
    """

    time: str
    window: float
    age: float
    fps_captured: float
    fps_processed: float
    persons: float
    most_persons: int
    tracks: int
    occupancy: dict[str, int]
    dwell: dict[str, float]
    latency_p50: float | None
    latency_p95: float | None


class CameraStatus(msgspec.Struct, frozen=True):
    """What is known of a camera; `age` is the seconds since it was last heard of."""

    camera: str
    state: str
    session: str
    frames: int
    fps: float | None
    newest_frame: str
    age: float
    dropped: dict[str, int]
    figures: CameraFigures | None = None


class CacheStatus(msgspec.Struct, frozen=True):
    """The frame cache in bytes; `error` says why it can't be read."""

    bytes: int
    limit: int
    frames: int
    references: int
    error: str = ""


class Status(msgspec.Struct, frozen=True):
    """All of it, at one moment."""

    prefix: str
    streams: tuple[StreamStatus, ...]
    cameras: tuple[CameraStatus, ...]
    cache: CacheStatus

    @property
    def backlog(self) -> int:
        """Unsettled entries of all groups together."""
        return sum(group.pending + group.lag for stream in self.streams for group in stream.groups)


def at_rest(before: Status | None, now: Status) -> bool:
    """Tell whether all that was published is settled: two looks in a row have found nothing left, and nothing that happened between.

    One look is not enough. It is taken stream by stream, and an event may bring about others on a stream that was looked at before.
    """
    return before is not None and not before.backlog and not now.backlog and _happened(before) == _happened(now)


def _happened(status: Status) -> list[tuple[int, int]]:
    """Return, for each stream, how many entries it has and how many deliveries are done."""
    return [(row.length, sum(sum(group.totals.values()) for group in row.groups)) for row in status.streams]


def status(client: redis.Redis, cache: FrameCache, settings: Settings, registry: Registry, now: float | None = None) -> Status:
    """Read the figures.

    Args:
        client: a connection to the ledger.
        cache: the frame cache; when its server is away the rest is told all the same.
        settings: of this installation.
        registry: the subscriptions.
        now: seconds since 1970; None asks the clock.

    Raises:
        redis.RedisError: the ledger is away.
    """
    keys = Keys(settings.redis.prefix)
    moment = time.time() if now is None else now
    counts = {key: int(value) for key, value in _hash(client, keys.counts).items()}
    streams = tuple(_stream(client, keys, short, registry, counts, moment) for short in STREAMS)
    members: Any = client.smembers(keys.cameras)
    names = sorted(name.decode() for name in members)
    cameras = tuple(_camera(client, keys, name, counts, moment) for name in names)
    return Status(settings.redis.prefix, streams, cameras, _cache(client, cache, keys, settings))


def looker(settings: Settings, timeout: float | None = None) -> Callable[[], Status]:
    """Return a function that reads the figures of an installation, over connections of its own.

    It raises ServerUnavailableError when the ledger is away.

    Args:
        settings: of the installation.
        timeout: seconds one command may take; None takes `redis.timeout_seconds`.
    """
    seconds = timeout or settings.redis.timeout_seconds
    client = connect(settings.redis.url, timeout=seconds)
    cache = FrameCache(settings.frame_cache, prefix=settings.redis.prefix, timeout=seconds)
    registry = load_subscriptions(settings.handlers)

    def look() -> Status:
        try:
            return status(client, cache, settings, registry)
        except redis.RedisError as error:
            raise ServerUnavailableError(explain(error, settings.redis.url, "redis.url")) from error

    return look


def _stream(client: redis.Redis, keys: Keys, short: str, registry: Registry, counts: dict[str, int], now: float) -> StreamStatus:
    stream = keys.stream(short)
    measured = {backlog.group: backlog for backlog in group_backlogs(client, stream)}
    queues = {row.group: row.queue for row in registry if short == row.event.STREAM}
    groups = []
    for group in [*queues, *(name for name in measured if name not in queues)]:
        known = measured.get(group)
        groups.append(
            GroupStatus(
                group=group,
                queue=queues.get(group, ""),
                exists=known is not None,
                pending=known.pending if known else 0,
                lag=known.lag if known else 0,
                oldest_pending=_oldest(client, stream, group, now) if known and known.pending else None,
                totals={name: counts.get(f"{stream}|{group}|{name}", 0) for name in COUNTED},
            )
        )
    return StreamStatus(
        stream=stream,
        exists=bool(client.exists(stream)),
        length=int(client.xlen(stream)),
        dead_letters=int(client.xlen(keys.dead_letters(stream))),
        groups=tuple(groups),
    )


def _oldest(client: redis.Redis, stream: str, group: str, now: float) -> float | None:
    oldest = client.xpending(stream, group)["min"]
    return max(0.0, now - int(oldest.split(b"-")[0]) / 1000) if oldest else None


def _camera(client: redis.Redis, keys: Keys, name: str, counts: dict[str, int], now: float) -> CameraStatus:
    known = _hash(client, keys.camera(name))
    start = f"dropped|{name}|"
    return CameraStatus(
        camera=name,
        state=known.get("state", "unknown"),
        session=known.get("session", ""),
        frames=int(known.get("number", -1)) + 1,
        fps=float(known["fps"]) if "fps" in known else None,
        newest_frame=known.get("frame_key", ""),
        age=max(0.0, now - int(known.get("updated", now))),
        dropped={key.removeprefix(start): value for key, value in counts.items() if key.startswith(start)},
        figures=_figures(client, keys, name, now),
    )


def _figures(client: redis.Redis, keys: Keys, name: str, now: float) -> CameraFigures | None:
    known = _hash(client, keys.figures(name))
    try:
        told = msgspec.json.decode(known.get("figures", ""), type=MetricsEvent)
    except msgspec.DecodeError:
        return None  # there are none, or they are of a newer release
    frames = told.frames_processed
    return CameraFigures(
        time=told.time.isoformat(),
        window=told.window,
        age=max(0.0, now - int(known.get("updated", now))),
        fps_captured=round(told.fps_captured, 2),
        fps_processed=round(told.fps_processed, 2),
        persons=round(told.persons / frames, 2) if frames else 0.0,
        most_persons=told.most_persons,
        tracks=told.tracks,
        occupancy=told.occupancy,
        dwell=told.dwell,
        latency_p50=told.latency_p50,
        latency_p95=told.latency_p95,
    )


def _hash(client: redis.Redis, key: str) -> dict[str, str]:
    answer: Any = client.hgetall(key)
    return {name.decode(): value.decode() for name, value in answer.items()}


def _cache(client: redis.Redis, cache: FrameCache, keys: Keys, settings: Settings) -> CacheStatus:
    references = int(client.hlen(keys.references))
    try:
        return CacheStatus(cache.get_cache_size(), cache.limit, cache.count(), references)
    except GenesisError as error:
        limit = int(settings.frame_cache.max_size_mb * 1_000_000)
        return CacheStatus(0, limit, 0, references, str(error))
