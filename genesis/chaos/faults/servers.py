"""Servers that are busy, full, or lose their disk."""

from __future__ import annotations

import contextlib
import resource
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import redis

from genesis.chaos.faults.register import fault
from genesis.chaos.plan import Step
from genesis.chaos.site import LEDGER, VOLATILE, Site
from genesis.connections import connect
from genesis.embedded.redis import CACHE_MAXMEMORY_MB

# os.clock is the processor's time: the server's own clock stands still in a script of a newer Redis.
_SPIN = "local t = os.clock() while os.clock() - t < tonumber(ARGV[1]) do end return 1"
_INSIST_SECONDS = 20.0
_AGAIN_SECONDS = 0.05
_MEMORY = {LEDGER: 0, VOLATILE: CACHE_MAXMEMORY_MB * 1_000_000}  # maxmemory of the healthy ones
_END_SECONDS = 10.0
_SLACK = 300  # bytes that still fit into the ledger's file: a write may be cut off in the middle


def insisting(action: Callable[[], Any]) -> Any:
    """Do something with a server that another fault may keep away for the moment.

    Raises:
        redis.RedisError: it did not work out for too long.
    """
    deadline = time.monotonic() + _INSIST_SECONDS
    while True:
        try:
            return action()
        except redis.RedisError:
            if time.monotonic() > deadline:
                raise
            time.sleep(_AGAIN_SECONDS)


@fault("busy-ledger")
def busy_ledger(site: Site, step: Step) -> Iterator[None]:
    """Run a script that takes long; every second time it is ended from outside."""

    def spin() -> None:
        with contextlib.suppress(redis.RedisError), connect(site.address(LEDGER), timeout=30.0) as client:
            client.eval(_SPIN, 0, str(step.seconds * (2 if step.number % 2 else 1)))

    thread = threading.Thread(target=spin, daemon=True)
    thread.start()
    yield
    if step.number % 2:
        with contextlib.suppress(redis.RedisError):
            site.client(LEDGER).script_kill()
    thread.join()
    site.wait_for_server(LEDGER)


def _full(site: Site, server: str) -> Iterator[None]:
    def limit(size: int) -> None:
        insisting(lambda: site.client(server).config_set("maxmemory", size))

    used: Any = insisting(lambda: site.client(server).info("memory"))
    limit(int(used["used_memory"]))
    try:
        yield
    finally:
        limit(_MEMORY[server])


@fault("full-ledger")
def full_ledger(site: Site, step: Step) -> Iterator[None]:
    """Leave the ledger no more memory than it has."""
    del step
    yield from _full(site, LEDGER)


@fault("full-volatile")
def full_volatile(site: Site, step: Step) -> Iterator[None]:
    """Leave the volatile server no more memory than it has."""
    del step
    yield from _full(site, VOLATILE)


@fault("rewrite-and-kill")
def rewrite_and_kill(site: Site, step: Step) -> Iterator[None]:
    """Let the ledger rewrite its file, and kill it in the middle of that."""
    with contextlib.suppress(redis.ResponseError):  # it does so already
        insisting(lambda: site.client(LEDGER).bgrewriteaof())
    time.sleep(step.calm / 10)
    starts = site.keeper.end(LEDGER, signal.SIGKILL, step.pause)
    yield
    site.keeper.wait_for_start(LEDGER, starts)
    site.wait_for_server(LEDGER)


@fault("full-disk")
def full_disk(site: Site, step: Step) -> Iterator[None]:
    """Let the ledger's file grow no more. A Redis that flushes always ends when a write fails; it is started again without the limit."""
    starts = site.keeper.expect_end(LEDGER, step.pause)
    pid, files = site.keeper.pid(LEDGER), _files(site.folder / LEDGER)
    if pid is not None and files:
        grown = max(files, key=lambda file: file.stat().st_mtime_ns).stat().st_size
        _limit_files(pid, grown + step.number * 37 % _SLACK)
    yield
    if not site.keeper.wait_for_start(LEDGER, starts, _END_SECONDS) and pid is not None:
        _limit_files(pid, resource.RLIM_INFINITY)  # it began another file meanwhile, which is smaller
    site.wait_for_server(LEDGER)


def _limit_files(pid: int, size: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def _files(folder: Path) -> list[Path]:
    # Redis 7 has them in a folder of their own.
    return [path for path in folder.rglob("appendonly*") if path.is_file()]


@fault("lose-queues")
def lose_queues(site: Site, step: Step) -> Iterator[None]:
    """Throw away all that is in Celery's queues."""
    del step
    insisting(lambda: _flush_queues(site))
    yield


def _flush_queues(site: Site) -> None:
    with connect(site.address(VOLATILE, db=1)) as client:
        client.flushdb()
