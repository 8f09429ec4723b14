"""`python -m genesis.chaos.publisher`: publish numbered events until SIGTERM, and go on where the one before was killed.

Every event that was acknowledged is noted in a file, so that nobody has to believe the stream about itself.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from datetime import datetime, timedelta, timezone
from functools import partial
from pathlib import Path
from typing import Any

import click
import numpy as np

from genesis.bus.producer import Producer
from genesis.cache import FrameCache
from genesis.chaos.pipeline import PUBLISHED, camera_of, event_id
from genesis.errors import BackpressureError, ServerUnavailableError
from genesis.events import Box, Person, PersonDetected
from genesis.logs import configure
from genesis.settings import current

logger = logging.getLogger(__name__)

NAME = "chaos"
SESSION = "chaos"
_BEGIN = datetime(2026, 1, 1, tzinfo=timezone.utc)
_SPACING = timedelta(milliseconds=40)
_CATCH_UP = 1.0  # seconds of delay that are made good; what is older is simply late
_AGAIN_SECONDS = 0.05


def event_at(place: int, cameras: int) -> PersonDetected:
    """Return the event at a place in the order of all events; half of them have somebody in the picture."""
    camera, number = camera_of(place, cameras)
    seen = (Person(Box(1.0, 2.0, 11.0, 32.0), 0.9),) if number % 2 else ()
    return PersonDetected(
        camera=camera, time=_BEGIN + _SPACING * place, id=event_id(camera, number), session=SESSION, number=number,
        width=64, height=48, persons=seen, detector="chaos", frame_key=event_id(camera, number),
    )  # fmt: skip


class Publisher:
    """Publishes at a steady rate, through every absence of its servers."""

    def __init__(self, rate: float, cameras: int, stopped: threading.Event) -> None:
        self._rate, self._cameras, self._stopped = rate, cameras, stopped
        settings = current()
        self._producer = Producer(settings, stopped=stopped)
        self._cache = FrameCache.of(settings)
        self._file = os.open(settings.data_dir / PUBLISHED, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def run(self) -> None:
        """Publish until stopped."""
        place = self._until_done(self._first)
        due = time.monotonic()
        while place is not None and not self._stopped.wait(max(0.0, due - time.monotonic())):
            due = max(due + 1 / self._rate, time.monotonic() - _CATCH_UP)
            if self._until_done(partial(self._publish, event_at(place, self._cameras))) is None:
                return
            os.write(self._file, f"{place}\n".encode())
            place += 1

    def _first(self) -> int:
        """Return the place after the last one that was published, and take over the numbers of the one who published it.

        A request of a killed publisher may still be on its way. It has the number that its successor gives to the same
        event, and the ledger takes a number once.
        """
        ledger = self._producer.ledger
        self._producer.start()
        noted = Path(current().data_dir / PUBLISHED).read_text(encoding="ascii").split()
        first = ledger.publish_as(NAME, int(noted[-1]) if noted else -1) + 1
        logger.info("publishing from event %d on", first)
        return first

    def _publish(self, event: PersonDetected) -> bool:
        self._cache.put(event.frame_key, np.full((48, 64, 3), event.number % 256, np.uint8))
        self._producer.publish(event)
        return True

    def _until_done(self, action: Any) -> Any:
        """Return what the action returns, once it does; None when we are stopped before that."""
        while not self._stopped.is_set():
            try:
                return action()
            except (BackpressureError, ServerUnavailableError) as error:
                logger.warning("waiting: %s", error)
                self._stopped.wait(_AGAIN_SECONDS)
            except Exception:
                logger.exception("trying again")
                self._stopped.wait(1.0)
        return None


@click.command()
@click.option("--rate", type=float, required=True, help="Events a second.")
@click.option("--cameras", type=int, required=True, help="Cameras that publish in turn.")
def main(*, rate: float, cameras: int) -> None:
    """Publish numbered events until SIGTERM."""
    configure("INFO")
    stopped = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    Publisher(rate, cameras, stopped).run()


if __name__ == "__main__":
    main()
