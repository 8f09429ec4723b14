"""One run: start the system, break it, wait until everything is done, judge, clean up."""

from __future__ import annotations

import random
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import redis

from genesis.cache import FrameCache
from genesis.chaos.audit import judge
from genesis.chaos.conductor import Conductor
from genesis.chaos.evidence import Books, Watcher, read_books
from genesis.chaos.mixed import Mixer
from genesis.chaos.pipeline import PUBLISHED
from genesis.chaos.plan import Step
from genesis.chaos.report import Report, make_report
from genesis.chaos.site import LEDGER, PUBLISHER, VOLATILE, Site, Wishes
from genesis.connections import connect
from genesis.errors import GenesisError, UsageError

DRAIN_SECONDS = 120.0
_LOOK_SECONDS = 0.25


@dataclass(frozen=True, slots=True)
class Run:
    """What is to be done.

    Attributes:
        seed: of the schedule.
        steps: the schedule.
        events: numbered events that are published at least.
        wishes: how the system is set up.
        poison_sets: how often one event of each kind that hurts is put in.
    """

    seed: int
    steps: tuple[Step, ...]
    events: int
    wishes: Wishes
    poison_sets: int


def carry_out(run: Run, folder: Path, say: Callable[[str], None]) -> Report:
    """Do all of it, and return what it has shown.

    Args:
        run: what is to be done.
        folder: for the system's files; empty.
        say: tells a person how far it is.

    Raises:
        GenesisError: the system could not be started.
    """
    begun = time.monotonic()

    def told(text: str) -> None:
        say(f"{time.monotonic() - begun:7.1f} s  {text}")

    site = Site(folder, run.wishes)
    watcher: Watcher | None = None
    try:
        site.start()
        told(f"two servers, two bridges, two workers with {len(site.worker_children())} children are ready in {folder}")
        watcher = Watcher(site)
        watcher.start()
        site.start_publisher()
        _wait(lambda: site.warm() and len(_acknowledged(site)) >= run.wishes.rate, "events are published and read", 30.0, site)

        def pace(done: int) -> None:
            wanted = run.events * done // max(1, len(run.steps))
            deadline = time.monotonic() + 2 * (wanted - len(_acknowledged(site))) / run.wishes.rate
            while len(_acknowledged(site)) < wanted and time.monotonic() < deadline:
                time.sleep(_LOOK_SECONDS)

        conductor = Conductor(site, watcher, Mixer(site, run.seed), told, _every(len(run.steps), run.poison_sets), pace)
        conductor.play(run.steps)
        told(f"all faults done; publishing until there are {run.events} events")
        missing = run.events - len(_acknowledged(site))
        _wait(lambda: len(_acknowledged(site)) >= run.events, "all events are published", 60.0 + 2 * missing / run.wishes.rate, site)
        by_themselves = {role.name: role.by_itself for role in site.keeper.roles.values() if role.by_itself}
        site.keeper.stop(PUBLISHER)
        told("the publisher has ended; waiting until everything is done")
        books = _drained(site, watcher)
        watcher.close()
        watcher.look()
        verdict = judge(watcher.evidence, books, _acknowledged(site), run.wishes.cameras, conductor.mixer.done)
        ended = [f"{name} ended by itself: exit codes {codes}" for name, codes in by_themselves.items()]
        seconds = time.monotonic() - begun
        return make_report(run.seed, seconds, run.wishes.lease, watcher.evidence, verdict, conductor.injected, ended)
    finally:
        if watcher is not None:
            watcher.close()
        site.close()


def _every(steps: int, times: int) -> int:
    """Return the steps between two of something that is to happen so many times."""
    return -(-steps // times) if times else 0


def _drained(site: Site, watcher: Watcher) -> Books:
    """Wait until nobody waits for anything, or for long enough; return what the ledger then says of itself."""
    client = site.client(LEDGER)
    cache = FrameCache(site.settings.frame_cache, client=connect(site.address(VOLATILE)), prefix=site.settings.redis.prefix)
    deadline = time.monotonic() + DRAIN_SECONDS
    while True:
        time.sleep(_LOOK_SECONDS)
        try:
            watcher.look()
            books = read_books(site, client, cache.count())
        except (redis.RedisError, GenesisError):
            if time.monotonic() > deadline:
                raise
            continue
        clean = books.settled and not books.references and not books.frames and not any(books.attempts.values())
        if clean or time.monotonic() > deadline:
            return books


def _acknowledged(site: Site) -> list[int]:
    file = site.folder / PUBLISHED
    return [int(line) for line in file.read_text(encoding="ascii").split()] if file.exists() else []


def _wait(condition: Callable[[], bool], what: str, seconds: float, site: Site) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            msg = f"chaos: not within {seconds:.0f} s: {what}; see the logs in {site.folder}"
            raise GenesisError(msg)
        time.sleep(_LOOK_SECONDS)


@contextmanager
def interruptible() -> Iterator[None]:
    """Let SIGTERM end a run as Ctrl-C does: with everything cleaned up."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def workplace(named: Path | None) -> Iterator[Path]:
    """Yield the folder of a run: the named one, which stays, or one that is removed afterwards.

    Raises:
        UsageError: the named one is not empty.
    """
    if named is None:
        with tempfile.TemporaryDirectory(prefix="genesis-chaos-", ignore_cleanup_errors=True) as folder:
            yield Path(folder)
        return
    named.mkdir(parents=True, exist_ok=True)
    if any(named.iterdir()):
        msg = f"--folder {named}: is not empty"
        raise UsageError(msg)
    yield named.absolute()


def new_seed() -> int:
    """Return a seed that was not asked for."""
    return random.SystemRandom().randrange(1_000_000)
