"""One camera's side of a sink: numbers its frames, tells its session, and decides what becomes of what is not taken.

A recording waits until the sink has room, since every frame of it counts. A live camera can't wait: its frame is
dropped and counted by reason. Session events of both are kept, in order, until the sink takes them.

Within a session time never runs backwards. A frame of a clock that was set back a little gets the time of the one before it;
further back, the session ends and another begins, since nothing that lasts can be measured across the jump.
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
from genesis.logs import bind
from genesis.telemetry import catalogue as metrics
from genesis.telemetry.instruments import count
from genesis.vision.types import Frame

logger = logging.getLogger(__name__)

WAIT_SECONDS = 0.05
"""How long a recording waits for room before it asks again."""
AWAY_SECONDS = 0.5
"""The same while Redis is away; a live camera's session events are offered again after this time."""
LAST_SECONDS = 2.0
"""How long a camera that was asked to stop tries to tell that its session ended."""
JUMP_SECONDS = 1.0
"""How far the time may run backwards within a session."""
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

    Attributes:
        session: the name of the session that runs.
        published: frames that the sink has taken, in all sessions.
        away: whether the last call found the server away.
        drops: frames that it has not.
    """

    def __init__(self, camera: str, sink: Sink, *, live: bool, clock: Clock, stop: threading.Event) -> None:
        self.camera = camera
        self.session = secrets.token_hex(6)
        self.published = 0
        self.away = False
        self.drops = Drops(camera, sink)
        count(metrics.CAPTURED, camera, by=0)
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
        self._in_session = 0
        self._began: datetime | None = None
        self._newest: datetime | None = None

    def tell(self, kind: Kind, time: datetime, reason: str = "", away: float = 0.0) -> None:
        """Tell a change of the session.

        Args:
            kind: of change.
            time: when it happened; taken for the session's newest time if it lies before that.
            reason: in words.
            away: how long the source was lost, in seconds.
        """
        time = time if self._newest is None else max(time, self._newest)
        if kind == "started":
            self._began = self._newest = time
        duration = (time - self._began).total_seconds() if kind == "ended" and self._began is not None else away
        event = SessionEvent(
            camera=self.camera,
            time=time,
            id=f"{self.camera}-{self.session}-{kind}-{self._told}",
            scope="camera",
            kind=kind,
            session=self.session,
            reason=reason,
            frames=self._in_session,
            dropped=self.drops.in_session,
            duration=max(0.0, duration),
            next_number=self._number,
            live=self._live,
        )
        self._told += 1
        self._outbox.append(completed(event))

    def frame(self, image: Frame, time: datetime) -> bool:
        """Give a frame; return False if it was dropped instead.

        Args:
            image: (height, width, 3) uint8, BGR.
            time: when it was captured.
        """
        time = self._running(time)
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
                dropped=self.drops.since_taken,
            )
        )
        taken = self._give_now(event, image) if self._live else self._give_in_time(event, image)
        if taken:
            self.published += 1
            count(metrics.CAPTURED, self.camera)
            self._in_session += 1
            self._number += 1
            self.drops.taken()
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

    def _running(self, time: datetime) -> datetime:
        """Return a frame's time as the session's clock has it; another session begins if that would be too wrong."""
        if self._newest is not None and time < self._newest:
            back = (self._newest - time).total_seconds()
            if back <= JUMP_SECONDS:
                return self._newest
            self._begin_again(time, f"the clock jumped back by {back:.1f} s")
        self._newest = time
        return time

    def _begin_again(self, time: datetime, reason: str) -> None:
        assert self._newest is not None  # noqa: S101 - for the type checker: there was a frame
        self.tell("ended", self._newest, reason)
        before, self.session = self.session, secrets.token_hex(6)
        bind(session=self.session)
        self._log.warning("%s: session %s has ended, %s begins", reason, before, self.session)
        self._told = self._number = self._in_session = 0
        self._newest = None
        self.drops.begin_session()
        self.tell("started", time, reason)

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
