"""Sync mode: the handlers called one inside the other, in this process, with no Redis at all."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import msgspec
import numpy as np
import numpy.typing as npt

from genesis.bus.runner import is_stale, run_handler
from genesis.capture.aside import Aside
from genesis.context import Context, FrameReader
from genesis.errors import FrameMissingError, PermanentError, UsageError
from genesis.events import Event, FrameCaptured, MetricsEvent, SessionEvent, completed, encode
from genesis.logs import bound
from genesis.settings import Settings
from genesis.subscriptions import Registry, Subscription

logger = logging.getLogger(__name__)

Observer = Callable[[Event, FrameReader], None]

MOST_REPORTS = 3  # failures of one handler that are told in full; the rest are counted


@dataclass(slots=True)
class MemoryFrames:
    """The frame that is being handled, by its key."""

    _frames: dict[str, npt.NDArray[np.uint8]] = field(default_factory=dict)

    def get(self, key: str) -> npt.NDArray[np.uint8]:
        """Return the frame: (height, width, 3) uint8, BGR.

        Raises:
            FrameMissingError: no such frame is being handled.
        """
        try:
            return self._frames[key]
        except KeyError:
            msg = f"frame {key!r} is not the one that is being handled"
            raise FrameMissingError(msg) from None

    def hold(self, key: str, frame: npt.NDArray[np.uint8]) -> None:
        """Keep a frame until it is released."""
        self._frames[key] = frame

    def release(self, key: str) -> None:
        """Forget a frame."""
        self._frames.pop(key, None)


@dataclass(slots=True)
class MemoryCameras:
    """What is known of each camera, in this process."""

    newest: dict[str, FrameCaptured] = field(default_factory=dict)
    states: dict[str, str] = field(default_factory=dict)
    figures: dict[str, MetricsEvent] = field(default_factory=dict)

    def seen(self, event: FrameCaptured) -> None:
        """Note a frame."""
        self.newest[event.camera] = event

    def changed(self, event: SessionEvent) -> None:
        """Note a change of a camera's session."""
        self.states[event.camera] = event.kind

    def measured(self, event: MetricsEvent) -> None:
        """Note a camera's newest figures."""
        known = self.figures.get(event.camera)
        if known is None or known.session != event.session or event.time >= known.time:
            self.figures[event.camera] = event


class InProcess:
    """Runs every subscription of an event, then those of the events that came of it, depth first.

    A handler that fails is tried again as often as in event mode, but at once: there is nobody else to
    do other work meanwhile. What keeps failing is counted and told, and the rest goes on.

    Args:
        settings: of this installation.
        registry: the subscriptions.
        observe: called with every event, in the order in which they happen, and with the frames that it may point to.
    """

    def __init__(self, settings: Settings, registry: Registry, observe: Observer = lambda _event, _frames: None) -> None:
        self.registry = registry
        self.frames = MemoryFrames()
        self.cameras = MemoryCameras()
        self.context = Context(settings, self.frames, self.cameras)
        self.observe = observe
        self.events: Counter[str] = Counter()
        self.settled: Counter[str] = Counter()
        self.failed: Counter[str] = Counter()
        self._aside = Aside(self._beside, lambda row: row.policy(settings), lambda row, event, error: self._told(row.name, event, error))
        self._states: dict[tuple[str, str], bytes] = {}

    def preload(self) -> list[str]:
        """Load the models before the first frame; return what was loaded."""
        return [row.preload(self.context) for row in self.registry if row.preload is not None]

    def frame(self, event: FrameCaptured, image: npt.NDArray[np.uint8]) -> None:
        """Handle a frame and all that comes of it."""
        self.frames.hold(event.frame_key, image)
        try:
            self.handle(event)
        finally:
            self.frames.release(event.frame_key)

    def handle(self, event: Event) -> None:
        """Handle an event and all that comes of it."""
        event = completed(event)
        self.events[event.STREAM] += 1
        self.observe(event, self.frames)
        for row in self.registry.readers(event):
            if is_stale(row, event, self.context.settings):
                continue
            if row.aside:
                if row.when is None or row.when(event):
                    self._aside.put(row, event)
                continue
            with bound(stream=event.STREAM, group=row.group, event=event.id, camera=event.camera):
                outputs = self._run(row, event)
            for output in outputs:
                self.handle(output)

    def close(self) -> None:
        """Finish what is done beside the line, for a bounded time."""
        if left := self._aside.close():
            logger.error("%d events were left undone beside the line (somebody was not told)", left)

    def _run(self, row: Subscription, event: Event) -> list[Event]:
        policy = row.policy(self.context.settings).max_retries
        for attempt in range(1, policy + 2):
            try:
                if row.when is not None and not row.when(event):
                    return []
                outputs = self._handled(row, event)
            except UsageError:
                raise  # settings or weights that can't work: the next frame would meet the same
            except Exception as error:  # noqa: BLE001 - a handler may raise anything
                if attempt > policy or isinstance(error, PermanentError):
                    self._told(row.name, event, error)
                    return []
            else:
                self.settled[row.group] += 1
                return outputs
        return []

    def _beside(self, row: Subscription, event: Event) -> None:
        run_handler(row, event, self.context)
        self.settled[row.group] += 1

    def _handled(self, row: Subscription, event: Event) -> list[Event]:
        context, place, state = self.context, ("", ""), None
        if row.keyed_by:
            place = (row.task, str(getattr(event, row.keyed_by)))
            state = msgspec.json.decode(self._states.get(place, b"{}"))
            context = replace(context, state=state)
        outputs = run_handler(row, event, context)
        for output in outputs:
            encode(output)  # refuses here what event mode refuses
        if state is not None:
            self._states[place] = msgspec.json.encode(state)
        return outputs

    def _told(self, name: str, event: Event, error: BaseException) -> None:
        self.failed[name] += 1
        if self.failed[name] <= MOST_REPORTS:
            logger.error("%s failed on event %s of camera %s: %s: %s", name, event.id, event.camera, type(error).__name__, error)
        if self.failed[name] == MOST_REPORTS:
            logger.error("%s: further failures are only counted", name)
