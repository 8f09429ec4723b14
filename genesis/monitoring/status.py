"""The figures of `genesis status`: every stream, group, camera and program, read from the ledger."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

import msgspec
import redis

from genesis.bus.programs import Program
from genesis.cache import FrameCache
from genesis.connections import connect, explain
from genesis.errors import GenesisError, ServerUnavailableError
from genesis.events import STREAMS, Keys, MetricsEvent
from genesis.monitoring.reading import Answers, GroupAnswer, read
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


class ProgramStatus(msgspec.Struct, frozen=True):
    """A program's last sign of life (see `genesis.bus.programs`).

    `age` is the seconds since it was given, `running` how long the program ran by then; `alive` tells whether it is recent, `ailing`
    names the parts that had stopped going on.
    """

    role: str
    name: str
    host: str
    pid: int
    version: str
    running: float
    age: float
    alive: bool
    queues: tuple[str, ...] = ()
    cameras: tuple[str, ...] = ()
    children: int = 0
    port: int = 0
    ailing: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """What a person calls it."""
        return f"{self.role} {self.name}"


class Status(msgspec.Struct, frozen=True):
    """All of it, at one moment: `time` is seconds since 1970."""

    prefix: str
    streams: tuple[StreamStatus, ...]
    cameras: tuple[CameraStatus, ...]
    cache: CacheStatus
    programs: tuple[ProgramStatus, ...] = ()
    time: float = 0.0

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
    told = read(client, keys, moment)
    return Status(
        prefix=settings.redis.prefix,
        streams=tuple(_stream(keys, short, told, registry, moment) for short in STREAMS),
        cameras=tuple(_camera(name, told, moment) for name in told.cameras),
        cache=_cache(cache, told.references, settings),
        programs=tuple(_program(program, moment) for program in told.programs),
        time=moment,
    )


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


def _stream(keys: Keys, short: str, told: Answers, registry: Registry, now: float) -> StreamStatus:
    answer, stream = told.streams[short], keys.stream(short)
    measured = {group.name: group for group in answer.groups}
    queues = {row.group: row.queue for row in registry if short == row.event.STREAM}
    groups = [
        _group(name, queues.get(name, ""), measured.get(name), {row: told.counts.get(f"{stream}|{name}|{row}", 0) for row in COUNTED}, now)
        for name in [*queues, *(name for name in measured if name not in queues)]
    ]
    return StreamStatus(stream, answer.exists, answer.length, answer.dead_letters, tuple(groups))


def _group(name: str, queue: str, known: GroupAnswer | None, totals: dict[str, int], now: float) -> GroupStatus:
    oldest = None if known is None or known.oldest is None else max(0.0, now - int(known.oldest.partition("-")[0]) / 1000)
    return GroupStatus(name, queue, known is not None, known.pending if known else 0, known.lag if known else 0, oldest, totals)


def _camera(name: str, told: Answers, now: float) -> CameraStatus:
    known, figures = told.cameras[name]
    start = f"dropped|{name}|"
    return CameraStatus(
        camera=name,
        state=known.get("state", "unknown"),
        session=known.get("session", ""),
        frames=int(known.get("number", -1)) + 1,
        fps=float(known["fps"]) if "fps" in known else None,
        newest_frame=known.get("frame_key", ""),
        age=max(0.0, now - int(known.get("updated", now))),
        dropped={key.removeprefix(start): value for key, value in told.counts.items() if key.startswith(start)},
        figures=_figures(figures, now),
    )


def _figures(known: Mapping[str, str], now: float) -> CameraFigures | None:
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


def _program(known: Program, now: float) -> ProgramStatus:
    return ProgramStatus(
        role=known.role,
        name=known.name,
        host=known.host,
        pid=known.pid,
        version=known.version,
        running=max(0.0, known.seen - known.started),
        age=max(0.0, now - known.seen),
        alive=known.alive(now),
        queues=known.queues,
        cameras=known.cameras,
        children=known.children,
        port=known.port,
        ailing=known.ailing,
    )


def _cache(cache: FrameCache, references: int, settings: Settings) -> CacheStatus:
    try:
        return CacheStatus(cache.get_cache_size(), cache.limit, cache.count(), references)
    except GenesisError as error:
        limit = int(settings.frame_cache.max_size_mb * 1_000_000)
        return CacheStatus(0, limit, 0, references, str(error))
