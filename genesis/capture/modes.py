"""The three modes: where a camera's frames go in sync, event and dual mode."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import IO

import msgspec
import numpy as np
import numpy.typing as npt

from genesis.capture.inprocess import InProcess, Observer
from genesis.capture.sinks import Sink
from genesis.context import FrameReader
from genesis.errors import BackpressureError, GenesisError, ServerRefusesError, UsageError
from genesis.events import Event, FrameCaptured, PersonDetected, SessionEvent, encode
from genesis.settings import Settings
from genesis.subscriptions import load_subscriptions
from genesis.telemetry import catalogue as metrics
from genesis.telemetry.instruments import observe

logger = logging.getLogger(__name__)

Image = npt.NDArray[np.uint8]


def _nobody(_event: Event, _frames: FrameReader) -> None:
    """Observe nothing."""


class EventSink:
    """Puts frames into the cache and publishes events; imports no engine.

    Args:
        settings: of this installation.
        stopped: set when the process is asked to end.

    Raises:
        ServerUnavailableError: Redis was away for longer than `redis.give_up_seconds`.
    """

    def __init__(self, settings: Settings, stopped: threading.Event | None = None) -> None:
        from genesis.bus.patience import reach  # noqa: PLC0415
        from genesis.bus.producer import Producer  # noqa: PLC0415 - sync mode needs no Redis
        from genesis.cache import FrameCache  # noqa: PLC0415

        self._producer = Producer(settings, stopped=stopped)
        self._cache = FrameCache.of(settings)
        self._producer.start()
        reach(settings.frame_cache.url, "frame_cache.url", settings, stopped)

    def frame(self, event: FrameCaptured, image: Image) -> None:
        """Store the pixels and publish the frame."""
        begun = time.monotonic()
        self._producer.make_sure_of_room(FrameCaptured)
        self._cache.put(event.frame_key, image)
        try:
            self._producer.publish(event)
        except (BackpressureError, ServerRefusesError):
            # It was not published for certain: left where they are, these pixels would fill the cache.
            self._cache.delete(event.frame_key)
            raise
        observe(metrics.PUBLISH_SECONDS, time.monotonic() - begun, event.camera)

    def session(self, event: SessionEvent) -> None:
        """Publish a change of a camera's session."""
        self._producer.publish(event)

    def dropped(self, camera: str, reason: str, count: int) -> None:
        """Add to the totals."""
        try:
            self._producer.ledger.count(f"dropped|{camera}|{reason}", count)
        except GenesisError as error:
            logger.warning("camera %s: %d frames dropped (%s) were not counted: %s", camera, count, reason, error)

    def close(self) -> None:
        """Close the connections."""
        self._producer.close()
        self._cache.close()


class SyncSink:
    """Runs the handlers here; several cameras take turns.

    The database is ready meanwhile: the embedded one runs, unless another is named or none is wanted.

    Args:
        settings: of this installation.
        observe: called with every event.

    Raises:
        UsageError: models or the database can't be used.
        ServerUnavailableError: the database is away, does not start, or refuses us.
    """

    def __init__(self, settings: Settings, observe: Observer = _nobody) -> None:
        from genesis.storage.holding import settled  # noqa: PLC0415 - event mode stores nothing
        from genesis.storage.upkeep import swept  # noqa: PLC0415

        self.drops: Counter[tuple[str, str]] = Counter()
        self._turn = threading.Lock()
        with ExitStack() as stack:
            usable = stack.enter_context(settled(settings, optional=True, keep=True))
            swept(usable)
            self.pipeline = InProcess(usable, load_subscriptions(usable.handlers), observe)
            for name in self.pipeline.preload():
                logger.info("loaded %s", name)
            self._database = stack.pop_all()

    def frame(self, event: FrameCaptured, image: Image) -> None:
        """Handle a frame and all that comes of it."""
        with self._turn:
            self.pipeline.frame(event, image)

    def session(self, event: SessionEvent) -> None:
        """Handle a change of a camera's session."""
        with self._turn:
            self.pipeline.handle(event)

    def dropped(self, camera: str, reason: str, count: int) -> None:
        """Count."""
        self.drops[camera, reason] += count

    def close(self) -> None:
        """Finish what is done beside the line, tell what failed, and let the database go."""
        self.pipeline.close()
        for name, count in self.pipeline.failed.items():
            logger.error("%s failed on %d events", name, count)
        self._database.close()


class DualSink:
    """Publishes, and runs the handlers here too; what they found is recorded for `genesis compare`."""

    def __init__(self, settings: Settings, stopped: threading.Event | None = None, observe: Observer = _nobody) -> None:
        self._record = Recording(dual_file(settings))
        self._events = EventSink(settings, stopped)

        def both(event: Event, frames: FrameReader) -> None:
            self._record(event)
            observe(event, frames)

        # What is worth an alert is told by those who handle the published events.
        quiet = settings.model_copy(update={"alerts": settings.alerts.model_copy(update={"notifiers": ()})})
        self._sync = SyncSink(quiet, both)

    def frame(self, event: FrameCaptured, image: Image) -> None:
        """Publish the frame, then handle it here."""
        self._events.frame(event, image)
        self._sync.frame(event, image)

    def session(self, event: SessionEvent) -> None:
        """Publish the change, then handle it here."""
        self._events.session(event)
        self._sync.session(event)

    def dropped(self, camera: str, reason: str, count: int) -> None:
        """Add to the totals."""
        self._events.dropped(camera, reason, count)

    def close(self) -> None:
        """Close the connections and the recording."""
        self._sync.close()
        self._events.close()
        self._record.close()


class Recording:
    """Appends the persons of every frame to a file, one event's fields as JSON a line.

    Args:
        path: the file.

    Raises:
        UsageError: it can't be written.
    """

    def __init__(self, path: Path) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file: IO[bytes] = path.open("ab")
        except OSError as error:
            msg = f"{path}: {error.strerror or error}"
            raise UsageError(msg) from error

    def __call__(self, event: Event) -> None:
        """Record an event, if it is about persons."""
        if isinstance(event, PersonDetected) and not event.last:
            self._file.write(msgspec.json.encode(encode(event)) + b"\n")

    def close(self) -> None:
        """Write everything out."""
        self._file.close()


def dual_file(settings: Settings) -> Path:
    """Return the file in which dual mode records what the sync pipeline found."""
    return settings.data_dir / "dual" / "persons.jsonl"


def make_sink(mode: str, settings: Settings, stopped: threading.Event | None = None, observe: Observer | None = None) -> Sink:
    """Return the sink of a mode.

    Args:
        mode: `sync`, `event` or `dual`.
        settings: of this installation.
        stopped: set when the process is asked to end.
        observe: called with every event that happens in this process (sync and dual mode).

    Raises:
        UsageError: a mode that is not one.
        ServerUnavailableError: Redis was away for longer than `redis.give_up_seconds` (event and dual mode).
    """
    if mode == "event":
        return EventSink(settings, stopped)
    if mode == "sync":
        return SyncSink(settings, observe or _nobody)
    if mode == "dual":
        return DualSink(settings, stopped, observe or _nobody)
    msg = f"mode {mode!r}: expected sync, event or dual"
    raise UsageError(msg)
