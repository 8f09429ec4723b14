"""The pipeline that is watched while everything around it fails: persons, zones, alerts, and a file outside Redis.

Each numbered `PersonDetected` becomes a `ZoneEvent`, that an `AlertEvent`, and that one line of a file. A zone
whose name begins with `poison` is an event that hurts whoever handles it.
"""

from __future__ import annotations

import os
import random
import resource
import signal
import time
from pathlib import Path

from genesis import Retry, subscribe
from genesis.chaos import clock
from genesis.chaos.pipeline import COUNT, EFFECTS, LEDGER, POISON, RELAY, TOLD_EVERY, ZONES, counted
from genesis.context import Context
from genesis.errors import RetryableError
from genesis.events import AlertEvent, MetricsEvent, PersonDetected, ZoneEvent

clock.install()

QUEUE = "chaos"
LOOKED_AT_EVERY = 10  # events whose frame is read; the others don't miss one that was lost with the volatile server
FLAKY_RUNS = 3
_WORK_SECONDS = 0.03  # at most, in each stage: so that there is always something that is interrupted
_HANG_SECONDS = 120
_MAX_GAP = 60.0  # seconds: no number is missing, so none may be passed over; the longest recovery is far shorter
_HEADROOM = 64 << 20  # bytes that an event that eats memory is left


@subscribe(PersonDetected, group=RELAY, queue=QUEUE)
def relay(event: PersonDetected, context: Context) -> list[ZoneEvent]:
    """Pass a number on."""
    _work()
    if event.number % LOOKED_AT_EVERY == 0:
        context.frames.get(event.frame_key)
    return [ZoneEvent(camera=event.camera, time=event.time, kind="entered", zone="line", track=str(event.number))]


@subscribe(PersonDetected, group=COUNT, queue=QUEUE, keyed_by="camera", max_gap=_MAX_GAP)
def count(event: PersonDetected, context: Context) -> list[MetricsEvent]:
    """Count each camera's events in their order, and tell the count now and then."""
    state = context.state
    assert state is not None  # noqa: S101 - for the type checker
    state["count"], state["chain"] = counted(state.get("count", 0), state.get("chain", 0), event.number)
    if state["count"] % TOLD_EVERY:
        return []
    return [MetricsEvent(camera=event.camera, time=event.time, window=1.0, frames_processed=state["count"])]


@subscribe(ZoneEvent, group=ZONES, queue=QUEUE)
def judge(event: ZoneEvent, context: Context) -> list[AlertEvent]:
    """Pass a number on."""
    del context
    _work()
    return [_alert(event)] if event.zone == "line" else []


@subscribe(AlertEvent, group=LEDGER, queue="alerts")
def write_down(event: AlertEvent, context: Context) -> None:
    """Do what can't be undone: append a line to a file, with the key of this delivery."""
    assert context.delivery is not None  # noqa: S101 - for the type checker
    _work(0.5)
    # Not the wall clock, which jumps; this one is the same for all processes of a machine.
    line = f"{event.camera}\t{event.message}\t{context.delivery.key}\t{os.getpid()}\t{time.monotonic():.3f}\n"
    file = os.open(context.settings.data_dir / EFFECTS, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(file, line.encode())
    os.close(file)
    _work(0.5)


@subscribe(ZoneEvent, group=POISON, queue=QUEUE, time_limit=0.5, retry=Retry(3, (0.2,)), when=lambda event: event.zone.startswith("poison"))
def suffer(event: ZoneEvent, context: Context) -> list[AlertEvent]:
    """Do to this process what the zone's name says."""
    kind = event.zone.partition("-")[2]
    if kind == "segfault":
        os.kill(os.getpid(), signal.SIGSEGV)
    elif kind == "exit":
        os._exit(3)
    elif kind == "killed":
        os.kill(os.getpid(), signal.SIGKILL)  # what the kernel does to one that eats all memory
    elif kind == "hang":
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1, signal.SIGTERM})
        time.sleep(_HANG_SECONDS)
    elif kind == "memory":
        _eat_memory()
    elif kind == "failing":
        msg = "this one always fails"
        raise RetryableError(msg)
    elif kind == "flaky" and _runs(event, context.settings.data_dir) < FLAKY_RUNS:
        msg = "not yet"
        raise RetryableError(msg)
    return [_alert(event)] if kind == "flaky" else []


def _work(share: float = 1.0) -> None:
    time.sleep(random.random() * _WORK_SECONDS * share)  # noqa: S311 - time, not a secret


def _alert(event: ZoneEvent) -> AlertEvent:
    return AlertEvent.about(event, rule="chaos", severity="low", message=event.track)


def _eat_memory() -> None:
    """Allocate until there is no more."""
    used = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (used + _HEADROOM, before[1]))
    try:
        eaten = []
        while True:
            eaten.append(bytearray(_HEADROOM // 8))
    finally:
        del eaten
        resource.setrlimit(resource.RLIMIT_AS, before)


def _runs(event: ZoneEvent, folder: Path) -> int:
    """Count this run; return how many there were of this event, in whatever process."""
    with (folder / f"runs-{event.id}").open("a+", encoding="ascii") as runs:
        runs.write(".")
        return runs.tell()
