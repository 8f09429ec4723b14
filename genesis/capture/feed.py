"""One camera's side of a sink: numbers its frames, tells its session, and decides what becomes of what is not taken.

A recording waits until the sink has room, since every frame of it counts. A live camera can't wait: its frame is
dropped and counted by reason. Session events of both are kept, in order, until the sink takes them.
"""

from __future__ import annotations

import logging
import secrets
import threading
from collections import deque
from datetime import datetime
from typing import Literal

from genesis.capture.clock import Clock
from genesis.capture.drops import STOPPED, Drops, reason_of
from genesis.capture.sinks import Sink
from genesis.capture.trouble import CameraLogger, Trouble
from genesis.errors import BackpressureError, GenesisError, ServerUnavailableError
from genesis.events import FrameCaptured, SessionEvent, completed
from genesis.vision.types import Frame

logger = logging.getLogger(__name__)

WAIT_SECONDS = 0.05
"""How long a recording waits for room before it asks again."""
AWAY_SECONDS = 0.5
"""The same while Redis is away; a live camera's session events are offered again after this time."""
LAST_SECONDS = 2.0
"""How long a camera that was asked to stop tries to tell that its session ended."""
MOST_EVENTS = 1000
"""Session events kept while the sink takes none; then the oldest go."""

Kind = Literal["started", "lost", "recovered", "ended"]


class Feed:
    """Gives one camera's frames and session events to a sink.

    Args:
        camera: its name.
        sink: where they go.
        live: whether it is a camera (drops) or a recording (waits).
        clock: the time.
        stop: set when capture shall end: then nothing is waited for.
        session: names this run of the camera; made up when not given.

    Attributes:
        session: the session's name.
        published: frames that the sink has taken.
        away: whether the last call found the server away.
        drops: frames that it has not.
    """

    def __init__(self, camera: str, sink: Sink, *, live: bool, clock: Clock, stop: threading.Event, session: str | None = None) -> None:
        self.camera = camera
        self.session = session or secrets.token_hex(6)
        self.published = 0
        self.away = False
        self.drops = Drops(camera, sink)
        self._sink = sink
        self._live = live
        self._clock = clock
        self._stop = stop
        self._log = CameraLogger(logger, camera)
        self._trouble = Trouble(self._log, "dropping frames", "%d dropped") if live else Trouble(self._log, "waiting", "waited %d times")
        self._outbox: deque[SessionEvent] = deque(maxlen=MOST_EVENTS)
        self._offer_at = clock.monotonic()
        self._told = 0
        self._number = 0

    def tell(self, kind: Kind, time: datetime, reason: str = "", duration: float = 0.0) -> None:
        """Tell a change of the session; `duration` is how long the session, or the absence, lasted in seconds."""
        event = SessionEvent(
            camera=self.camera,
            time=time,
            id=f"{self.camera}-{self.session}-{kind}-{self._told}",
            scope="camera",
            kind=kind,
            session=self.session,
            reason=reason,
            frames=self.published,
            dropped=self.drops.totals,
            duration=max(0.0, duration),
        )
        self._told += 1
        self._outbox.append(completed(event))

    def frame(self, image: Frame, time: datetime) -> bool:
        """Give a frame; return False if it was dropped instead.

        Args:
            image: (height, width, 3) uint8, BGR.
            time: when it was captured.
        """
        key = f"{self.camera}-{self.session}-{self._number}"
        height, width = image.shape[:2]
        event = completed(
            FrameCaptured(
                camera=self.camera,
                time=time,
                id=key,
                session=self.session,
                number=self._number,
                width=width,
                height=height,
                frame_key=key,
                live=self._live,
            )
        )
        taken = self._give_now(event, image) if self._live else self._give_in_time(event, image)
        if taken:
            self.published += 1
            self._number += 1
        self.tick()
        return taken

    def tick(self) -> None:
        """Do what is due beside the frames: call it often, also while there are none."""
        now = self._clock.monotonic()
        if self._live and self._outbox and now >= self._offer_at:
            self._offer()
        # Not while the server is away: telling it would take as long as it takes to find that out again.
        if not self.away:
            self.drops.report(now)
        self._trouble.passed(now)

    def finish(self) -> None:
        """Tell what is still to be told; raises nothing that a missing server causes."""
        never = threading.Event()
        last_at: float | None = None
        while (refusal := self._offer()) is not None:
            now = self._clock.monotonic()
            if self._live or self._stop.is_set():
                last_at = now + LAST_SECONDS if last_at is None else last_at
                if now >= last_at:
                    self._log.warning("the end of session %s could not be told: %s", self.session, refusal)
                    break
            else:
                self._trouble.met(refusal, now)
            self._clock.sleep(_pause(refusal), self._stop if last_at is None else never)
        now = self._clock.monotonic()
        self.drops.report(now, final=True)
        self._trouble.passed(now, final=True)

    def _give_now(self, event: FrameCaptured, image: Frame) -> bool:
        try:
            if self._outbox and self._clock.monotonic() >= self._offer_at:
                refusal = self._offer()
                if isinstance(refusal, ServerUnavailableError):
                    raise refusal
            self._sink.frame(event, image)
        except (BackpressureError, ServerUnavailableError) as error:
            self.away = isinstance(error, ServerUnavailableError)
            self.drops.add(reason_of(error))
            self._trouble.met(error, self._clock.monotonic())
            # The answer may have been lost, and not the frame: then its number is used, and must not name another one.
            self._number += isinstance(error, ServerUnavailableError)
            return False
        self.away = False
        return True

    def _give_in_time(self, event: FrameCaptured, image: Frame) -> bool:
        while not self._stop.is_set():
            try:
                refusal = self._offer()
                if refusal is None:
                    self._sink.frame(event, image)
                    self.away = False
                    return True
            except (BackpressureError, ServerUnavailableError) as error:
                refusal = error
            self.away = isinstance(refusal, ServerUnavailableError)
            self._trouble.met(refusal, self._clock.monotonic())
            self._clock.sleep(_pause(refusal), self._stop)
        self.drops.add(STOPPED)
        return False

    def _offer(self) -> GenesisError | None:
        """Give the session events that are kept, in order; return why the first of them was not taken."""
        while self._outbox:
            try:
                self._sink.session(self._outbox[0])
            except (BackpressureError, ServerUnavailableError) as error:
                self._offer_at = self._clock.monotonic() + AWAY_SECONDS
                return error
            self._outbox.popleft()
        return None


def _pause(refusal: GenesisError) -> float:
    return AWAY_SECONDS if isinstance(refusal, ServerUnavailableError) else WAIT_SECONDS
