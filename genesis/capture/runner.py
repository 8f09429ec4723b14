"""Several cameras in one process: a thread each, one sink, one clean end."""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from queue import SimpleQueue
from types import FrameType
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from genesis.capture.camera import Camera, CameraReport, Playback
from genesis.capture.inprocess import Observer
from genesis.capture.live import THREAD_NAME
from genesis.capture.sinks import Sink
from genesis.capture.sources import Source, open_source
from genesis.errors import UsageError
from genesis.logs import bound
from genesis.settings import Camera as CameraSettings
from genesis.settings import Settings
from genesis.telemetry.health import Health

if TYPE_CHECKING:
    from genesis.telemetry.vitals import Vitals

logger = logging.getLogger(__name__)

Mode: TypeAlias = Literal["sync", "event", "dual"]
NO_CAMERA = "no camera: name one, as in `python -m genesis.capture --source rtsp://10.0.0.7/1`, or add it under `cameras` in the settings"
_JOIN_SECONDS = 0.2
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@dataclass(frozen=True, slots=True)
class Report:
    """What became of all cameras, in the order in which they were given."""

    cameras: tuple[CameraReport, ...]

    @property
    def exit_code(self) -> int:
        """0 if all ended normally, 2 if one failed by a mistake of the operator's, else 1."""
        if any(camera.misused for camera in self.cameras):
            return 2
        return int(any(camera.error is not None for camera in self.cameras))

    def as_dict(self) -> dict[str, Any]:
        """Return everything, for JSON."""
        return {"ok": self.exit_code == 0, "frames": sum(c.frames for c in self.cameras), "cameras": [c.as_dict() for c in self.cameras]}


def run(  # noqa: PLR0913 - the program's options
    cameras: Sequence[CameraSettings],
    settings: Settings,
    *,
    mode: Mode | None = None,
    sink: Sink | None = None,
    loop: bool = False,
    max_frames: int | None = None,
    stop: threading.Event | None = None,
    observe: Observer | None = None,
    vitals: Vitals | None = None,
) -> Report:
    """Run cameras until all have ended.

    In the main thread, SIGINT and SIGTERM end all cameras cleanly; a second one ends the process at once.

    Args:
        cameras: name, source and fps of each.
        settings: of this installation.
        mode: sync, event or dual; None takes the settings'.
        sink: takes what the cameras give, and is left open; None makes one for the mode, and closes it.
        loop: begin recordings again when they end.
        max_frames: end each camera after so many published frames.
        stop: ends all cameras when set.
        observe: called with every event that happens in this process (sync and dual mode, without `sink`).
        vitals: of this program; None shows nothing. In sync mode the ledger is told nothing.

    Raises:
        UsageError: there is no camera, a source can't be used, or the mode's sink can't be made.
        ServerUnavailableError: the mode's sink needs Redis, and it is away.
    """
    if not cameras:
        raise UsageError(NO_CAMERA)
    stop = stop or threading.Event()
    mode = mode or settings.event_driven.mode
    health, limit = vitals.health if vitals else Health(), frame_seconds(settings, mode, len(cameras))
    with (
        _stopping_at_signals(stop),
        _opened(cameras, settings) as sources,
        _sink(sink, mode, settings, stop, observe) as target,
        _shown(settings, vitals, "sync" if sink else mode, cameras),
    ):
        here = sink is None and mode != "event"  # handled in this process: while it looks at one frame it can decode the next
        loops = [
            Camera(
                camera.name, source, target, settings.capture, Playback(camera.fps, loop, max_frames, ahead=here), stop=stop,
                heart=health.heart(f"camera {camera.name}", limit),
            )
            for camera, source in zip(cameras, sources, strict=True)
        ]  # fmt: skip
        return Report(tuple(_run_all(loops)))


def frame_seconds(settings: Settings, mode: Mode, cameras: int) -> float:
    """Return how long one frame may take a camera that does not hang.

    Args:
        settings: of this installation.
        mode: sync, event or dual.
        cameras: that take turns where frames are handled here.
    """
    # Redis is asked for room, given the pixels, and told of the frame; each of the two servers may be waited for until it is given up.
    published = 2 * settings.redis.give_up_seconds + 4 * settings.redis.timeout_seconds
    return published + (0 if mode == "event" else settings.celery.time_limit_seconds * cameras)


def stuck_readers() -> int:
    """Return how many reader threads still sit in OpenCV: they can't be ended, and the interpreter must not be taken down under them."""
    return sum(thread.name == THREAD_NAME for thread in threading.enumerate())


def _run_all(loops: Sequence[Camera]) -> list[CameraReport]:
    reports: dict[str, CameraReport] = {}

    def work(camera: Camera) -> None:
        reports[camera.name] = camera.run()

    threads = [threading.Thread(target=work, args=(camera,), name=f"camera-{camera.name}", daemon=True) for camera in loops]
    for thread in threads:
        thread.start()
    for thread in threads:
        # In short waits, so that the main thread can run its signal handlers.
        while thread.is_alive():
            thread.join(_JOIN_SECONDS)
    return [reports[camera.name] for camera in loops]


@contextmanager
def _opened(cameras: Sequence[CameraSettings], settings: Settings) -> Iterator[list[Source]]:
    sources: list[Source] = []
    try:
        for camera in cameras:
            with bound(camera=camera.name):
                sources.append(open_source(camera.source, settings))
        yield sources
    finally:
        for source in sources:
            source.close()


@contextmanager
def _sink(given: Sink | None, mode: Mode, settings: Settings, stop: threading.Event, observe: Observer | None) -> Iterator[Sink]:
    if given is not None:
        yield given
        return
    # Late, and by mode: in event mode nothing that detects may be loaded.
    from genesis.capture.modes import make_sink  # noqa: PLC0415

    made = make_sink(mode, settings, stop, observe)
    try:
        yield made
    finally:
        made.close()


@contextmanager
def _shown(settings: Settings, vitals: Vitals | None, mode: Mode, cameras: Sequence[CameraSettings]) -> Iterator[None]:
    if vitals is None or mode == "sync":
        if vitals is not None:
            vitals.works()
        yield
        return
    from genesis.bus.signs import shown  # noqa: PLC0415 - sync mode needs no Redis

    with shown(settings, vitals, cameras=[camera.name for camera in cameras]):
        yield


@contextmanager
def _stopping_at_signals(stop: threading.Event) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    # A handler interrupts the main thread anywhere, perhaps while it holds the lock of `stop` or of the log. Putting
    # into a SimpleQueue is safe there; another thread does the rest.
    asked: SimpleQueue[int] = SimpleQueue()
    seen: list[int] = []

    def ask(number: int, _frame: FrameType | None) -> None:
        if seen:
            os._exit(128 + number)
        seen.append(number)
        asked.put(number)

    def obey() -> None:
        number = asked.get()
        if number:
            logger.info("%s: stopping (a second one stops at once)", signal.Signals(number).name)
            stop.set()

    threading.Thread(target=obey, name="capture-signals", daemon=True).start()
    before = {number: signal.signal(number, ask) for number in _SIGNALS}
    try:
        yield
    finally:
        asked.put(0)
        for number, handler in before.items():
            signal.signal(number, handler)
