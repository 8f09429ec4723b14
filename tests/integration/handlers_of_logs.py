"""A subscription that says much, in all ways there are, before it does what the zone's name says."""

from __future__ import annotations

import logging
import os
import signal
import sys
import warnings

from genesis import Retry, subscribe
from genesis.context import Context
from genesis.events import ZoneEvent
from tests.integration.words_of_handlers import QUEUE, SECRET


@subscribe(ZoneEvent, group="talkers", queue=QUEUE, retry=Retry(1, (0.1,)))
def talk(event: ZoneEvent, context: Context) -> None:
    """Log, print and warn; then end well, fail, or take the worker along."""
    del context
    library = logging.getLogger("some.library")
    for number in range(4):
        library.warning("can't open rtsp://admin:%s@10.0.0.7/1 (try %d)", SECRET, number)
    print("printed in", event.zone)  # noqa: T201 - handlers do
    print("and to stderr:", event.zone, file=sys.stderr)  # noqa: T201 - likewise
    warnings.warn(f"a warning in {event.zone}", stacklevel=1)
    if event.zone == "segfault":
        os.kill(os.getpid(), signal.SIGSEGV)
    if event.zone == "fails":
        library.error("two\nlines", exc_info=KeyError(f"password={SECRET}"))
        raise KeyError("never\n20:15:07 ERROR forged")
