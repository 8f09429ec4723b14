"""Subscriptions that do to their workers what real ones do on a bad day; the zone's name says what. Each run is noted in a file."""

from __future__ import annotations

import os
import resource
import signal
import time
from pathlib import Path

from genesis import Retry, subscribe
from genesis.context import Context
from genesis.events import AlertEvent, ZoneEvent

NOTES = "NOTES_OF_TESTS"


def _note(event: ZoneEvent, what: str) -> None:
    with Path(os.environ[NOTES]).open("a", encoding="utf-8") as notes:
        notes.write(f"{event.zone} {what} {os.getpid()} {time.monotonic():.3f}\n")


@subscribe(ZoneEvent, group="fragile", queue="alerts", retry=Retry(1, (0.1,)), time_limit=2.0, when=lambda event: ":" not in event.zone)
def fragile(event: ZoneEvent, context: Context) -> list[AlertEvent]:
    """Take the worker along, as the zone's name says."""
    del context
    _note(event, "begun")
    if event.zone == "segfault":
        os.kill(os.getpid(), signal.SIGSEGV)
    if event.zone == "hang":
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
        time.sleep(60)
    if event.zone == "memory":
        limits = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (1 << 30, limits[1]))
        try:
            bytearray(1 << 34)
        finally:
            resource.setrlimit(resource.RLIMIT_AS, limits)
    return [AlertEvent.about(event, rule=event.zone)]


@subscribe(ZoneEvent, group="patient", queue="analytics", when=lambda event: ":" in event.zone)
def patient(event: ZoneEvent, context: Context) -> list[AlertEvent]:
    """Take as many seconds as the zone's name says."""
    del context
    _note(event, "begun")
    time.sleep(float(event.zone.split(":")[1]))
    _note(event, "ended")
    return [AlertEvent.about(event, rule=event.zone)]
