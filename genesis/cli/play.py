"""Play recordings through a whole installation of its own, to the last event, and keep what is needed to report."""

from __future__ import annotations

import contextlib
import os
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import IO

import redis

from genesis.cache import FrameCache
from genesis.cli.launch import capture_arguments, choose_detector, undisturbed, use
from genesis.connections import connect
from genesis.embedded.servers import Servers
from genesis.embedded.stack import READY_SECONDS, Stack, erase_prefix
from genesis.embedded.watchdog import Watchdog
from genesis.errors import GenesisError
from genesis.monitoring.status import Status, status
from genesis.settings import Settings
from genesis.subscriptions import Registry, load_subscriptions

EVERYTHING = 1_000_000_000  # entries kept of a run
STUCK_SECONDS = 90.0  # no delivery settled for so long: something is wrong

Progress = Callable[[str, Status | None], None]


@dataclass
class Played:
    """An installation that has done its work and still runs."""

    settings: Settings
    registry: Registry
    client: redis.Redis
    final: Status
    seconds: float
    cache_peak: int
    problems: list[str] = field(default_factory=list)


@contextlib.contextmanager
def play(
    sources: Sequence[str],
    names: Sequence[str],
    *,
    settings: Settings,
    folder: Path,
    log: IO[str],
    detectors: int,
    fps: float | None = None,
    max_frames: int | None = None,
    redis_url: str | None = None,
    progress: Progress = lambda _step, _status: None,
) -> Iterator[Played]:
    """Start everything, play the sources once, wait until all is settled, and stop everything on leaving.

    Args:
        sources: recordings, or cameras with `max_frames`.
        names: their cameras' names.
        settings: in force.
        folder: for the servers' data.
        log: where the programs' lines go.
        detectors: worker children for detection.
        fps: frames per second to take.
        max_frames: end each camera after this many frames.
        redis_url: use this Redis, under a prefix of our own that is removed afterwards.
        progress: told what is being done, with the newest figures.

    Raises:
        UsageError: there is no Redis to start.
        GenesisError: it did not get ready.
    """
    before = dict(os.environ)
    detector = choose_detector(settings)
    progress("reaching Redis" if redis_url else "starting Redis", None)
    watchdog, servers, stack = Watchdog(), Servers(), None
    prefix = f"genesis-run-{uuid.uuid4().hex[:8]}" if redis_url else settings.redis.prefix
    try:
        servers = Servers.existing(redis_url) if redis_url else Servers.embedded(folder, watchdog)
        servers.env["GENESIS_REDIS__PREFIX"] = prefix
        servers.env["GENESIS_REDIS__RETENTION"] = str(EVERYTHING)  # the report is read from the streams
        settings = use({**servers.env, **detector})
        registry = load_subscriptions(settings.handlers)
        stack = Stack(settings, registry, {}, log, detectors, watchdog=watchdog)
        stack.supervisor.chores.append(partial(servers.tend, stack.supervisor.say))
        played = _play(stack, capture_arguments(tuple(sources), tuple(names), fps, loop=False), max_frames, progress)
        progress("done", played.final)
        yield played
    finally:
        with undisturbed():
            if stack is not None:
                progress("stopping", None)
                stack.stop()
            if redis_url and servers.env:
                for url in {servers.env["GENESIS_REDIS__URL"], servers.env["GENESIS_FRAME_CACHE__URL"]}:
                    erase_prefix(url, prefix)
            servers.stop()
            watchdog.close()
            os.environ.clear()
            os.environ.update(before)


def _play(stack: Stack, arguments: list[str], max_frames: int | None, progress: Progress) -> Played:
    settings, supervisor = stack.settings, stack.supervisor
    client = connect(settings.redis.url, timeout=settings.redis.timeout_seconds)
    cache = FrameCache.of(settings)
    if max_frames is not None:
        arguments = [*arguments, "--max-frames", str(max_frames)]
    progress("starting bridge and workers", None)
    stack.start()
    if not stack.wait_until_ready(READY_SECONDS):
        msg = f"the workers did not get ready within {READY_SECONDS:.0f} s"
        raise GenesisError(msg)
    progress("playing", None)
    begun = time.monotonic()
    stack.capture(arguments, keep="never")
    problems: list[str] = []
    peak, last_settled, moved = 0, -1, time.monotonic()
    while True:
        supervisor.poll(0.2)
        try:
            now = status(client, cache, settings, stack.registry)
        except (redis.RedisError, GenesisError) as error:
            if time.monotonic() - moved > STUCK_SECONDS:
                msg = f"Redis was away for {STUCK_SECONDS:.0f} s: {error}"
                raise GenesisError(msg) from error
            continue
        peak = max(peak, now.cache.bytes)
        capturing = supervisor.running("capture")
        progress("playing" if capturing else "finishing", now)
        settled = sum(count for stream in now.streams for group in stream.groups for count in group.totals.values())
        if settled != last_settled or not now.backlog:
            last_settled, moved = settled, time.monotonic()
        if not capturing and not now.backlog:
            break
        if time.monotonic() - moved > STUCK_SECONDS:
            problems.append(f"nothing was settled for {STUCK_SECONDS:.0f} s with {now.backlog} deliveries left")
            break
    if code := supervisor.code("capture"):
        problems.append(f"capture ended with exit code {code}")
    return Played(settings, stack.registry, client, now, time.monotonic() - begun, peak, problems)
