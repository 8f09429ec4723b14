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
from genesis.cli.launch import (
    DSN_VARIABLE,
    ENGINE_VARIABLE,
    capture_arguments,
    choose_detector,
    choose_engine,
    open_storage,
    undisturbed,
    use,
)
from genesis.connections import connect
from genesis.embedded.servers import Servers
from genesis.embedded.stack import READY_SECONDS, Stack, erase_prefix
from genesis.embedded.watchdog import Watchdog
from genesis.errors import GenesisError
from genesis.monitoring.status import Status, at_rest, status
from genesis.settings import NO_DATABASE, Settings
from genesis.storage.holding import with_dsn
from genesis.subscriptions import Registry, load_subscriptions

EVERYTHING = 1_000_000_000  # entries kept of a run
STUCK_SECONDS = 90.0  # no delivery settled for so long: something is wrong
SHARED_FOLDERS = ("models", "sample", "ultralytics")  # of the data folder; what is fetched into them is kept

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

    def unknown_people(self) -> int:
        """Return how many different unknown people the run's database has.

        Raises:
            ServerUnavailableError: it does not answer.
        """
        if not self.settings.storage.enabled:
            return 0
        from genesis.embedded.database import open_database  # noqa: PLC0415 - not where nothing is stored
        from genesis.storage.gallery import identities  # noqa: PLC0415

        with open_database(self.settings) as database:
            return len(database.run(lambda cursor: identities(cursor, "unknown")))


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
    recognise: bool = False,
    progress: Progress = lambda _step, _status: None,
) -> Iterator[Played]:
    """Start everything, play the sources once, wait until all is settled, and stop everything on leaving.

    Args:
        sources: recordings, or cameras with `max_frames`.
        names: their cameras' names.
        settings: in force.
        folder: for the servers' data, and all that the programs write; the caller removes it.
        log: where the programs' lines go.
        detectors: worker children for detection.
        fps: frames per second to take.
        max_frames: end each camera after this many frames.
        redis_url: use this Redis, under a prefix of our own that is removed afterwards.
        recognise: look at faces, too, and store what is found in a database of our own in the folder.
        progress: told what is being done, with the newest figures.

    Raises:
        UsageError: there is no Redis to start.
        GenesisError: it did not get ready.
    """
    before = dict(os.environ)
    detector = choose_detector(settings)
    progress("reaching Redis" if redis_url else "starting Redis", None)
    own = settings.model_copy(update={"data_dir": own_data_folder(folder, settings.data_dir)})
    watchdog, servers, stack, at_rest_in_the_end = Watchdog(), Servers(), None, False
    prefix = f"genesis-run-{uuid.uuid4().hex[:8]}" if redis_url else settings.redis.prefix
    try:
        servers = Servers.existing(redis_url) if redis_url else Servers.embedded(folder, watchdog)
        servers.env["GENESIS_REDIS__PREFIX"] = prefix
        servers.env["GENESIS_REDIS__RETENTION"] = str(EVERYTHING)  # the report is read from the streams
        servers.env["GENESIS_DATA_DIR"] = str(own.data_dir)
        servers.env["GENESIS_ALERTS__NOTIFIERS"] = "[]"  # nobody is told of what a clip shows
        if recognise:
            progress("starting PostgreSQL", None)
            # Not the database that the settings name: a run leaves nothing behind.
            open_storage(servers, with_dsn(own, "") if own.storage.enabled else own, watchdog, durable=False)
            settings = use({**servers.env, **detector})
            settings = use(choose_engine(settings))
        else:
            settings = use({**servers.env, **detector, DSN_VARIABLE: NO_DATABASE, ENGINE_VARIABLE: "none"})
        registry = load_subscriptions(settings.handlers)
        recognisers = int(settings.recognition.engine != "none")
        stack = Stack(settings, registry, {}, log, detectors, recognisers=recognisers, watchdog=watchdog)
        stack.supervisor.chores.append(partial(servers.tend, stack.supervisor.say))
        played = _play(stack, capture_arguments(tuple(sources), tuple(names), fps, loop=False), max_frames, progress)
        at_rest_in_the_end = not played.problems
        progress("done", played.final)
        yield played
    finally:
        with undisturbed():
            if stack is not None:
                progress("stopping", None)
                stack.stop(at_once=at_rest_in_the_end)
            if redis_url and servers.env:
                for url in {servers.env["GENESIS_REDIS__URL"], servers.env["GENESIS_FRAME_CACHE__URL"]}:
                    erase_prefix(url, prefix)
            servers.stop()
            watchdog.close()
            os.environ.clear()
            os.environ.update(before)


def own_data_folder(folder: Path, data_dir: Path) -> Path:
    """Make a data folder that shares an installation's models and footage, and nothing else."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name in SHARED_FOLDERS:
        shared = data_dir.resolve() / name
        shared.mkdir(parents=True, exist_ok=True)
        if not (folder / name).exists():
            (folder / name).symlink_to(shared, target_is_directory=True)
    return folder.resolve()


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
    before: Status | None = None
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
        if not capturing and at_rest(before, now):
            break
        before = None if capturing else now
        if time.monotonic() - moved > STUCK_SECONDS:
            problems.append(f"nothing was settled for {STUCK_SECONDS:.0f} s with {now.backlog} deliveries left")
            break
    if code := supervisor.code("capture"):
        problems.append(f"capture ended with exit code {code}")
    return Played(settings, stack.registry, client, now, time.monotonic() - begun, peak, problems)
