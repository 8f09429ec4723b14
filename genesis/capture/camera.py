"""One camera: a source played into a sink, from the start of its session to its end."""

from __future__ import annotations

import logging
import math
import threading
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

from genesis.capture.clock import BeatingClock, Clock, SystemClock
from genesis.capture.drops import CORRUPT, REDIS_UNAVAILABLE, STOPPED, SUPERSEDED
from genesis.capture.feed import Feed
from genesis.capture.live import THINNED, LiveReader
from genesis.capture.mailbox import Arrival, Lost, Recovered
from genesis.capture.pacing import Pacer, Schedule
from genesis.capture.sinks import Sink
from genesis.capture.sources.ahead import Ahead
from genesis.capture.sources.base import LiveSource, Recording, Source, UnreadableFrameError
from genesis.capture.trouble import CameraLogger
from genesis.errors import GenesisError, UsageError
from genesis.logs import bound
from genesis.masking import mask
from genesis.settings import Capture
from genesis.telemetry.health import Heart

logger = logging.getLogger(__name__)

TAKE_SECONDS = 0.25
"""How long a live camera waits for a frame before it looks whether it shall stop."""

END = "end of the recording"
ENOUGH = "as many frames as were wanted"
STOP = "stopped"


@dataclass(frozen=True, slots=True)
class Playback:
    """How a source is played.

    Attributes:
        fps: see `genesis.capture.pacing`.
        loop: begin a recording again when it ends, in the same session.
        max_frames: end after so many published frames; None for no limit.
        ahead: of a recording that is played as fast as it goes, decode the next frames while one is handled.
    """

    fps: float | None = None
    loop: bool = False
    max_frames: int | None = None
    ahead: bool = False


@dataclass(frozen=True, slots=True)
class CameraReport:
    """What became of a camera.

    Attributes:
        camera: its name.
        source: what it was read from, without passwords.
        session: the session's name; the last one's, if the clock has jumped back.
        frames: frames published, in all of its sessions.
        dropped: frames not published, by reason.
        thinned: frames that `fps` said not to take.
        seconds: how long it ran.
        ended: why it ended.
        error: the failure, if it was one.
        misused: whether the failure is one that the operator corrects (a wrong setting, say).
    """

    camera: str
    source: str
    session: str
    frames: int
    dropped: dict[str, int]
    thinned: int
    seconds: float
    ended: str
    error: str | None = None
    misused: bool = False

    @property
    def fps(self) -> float:
        """Frames published per second."""
        return self.frames / self.seconds if self.seconds > 0 else 0.0

    def as_dict(self) -> dict[str, Any]:
        """Return everything, for JSON."""
        return {**asdict(self), "seconds": round(self.seconds, 3), "fps": round(self.fps, 2)}


class Camera:
    """Runs one source into one sink.

    Args:
        name: the camera's name.
        source: opened already; it is closed at the end.
        sink: takes the frames and session events.
        settings: of capture.
        playback: rate, repetition and length.
        stop: set from outside to end.
        clock: the time.
        reader: reads a live source; None makes one.
        heart: beats as long as the camera goes on, lost or not; None: nobody watches.
    """

    def __init__(  # noqa: PLR0913 - the last ones are for tests and for whoever watches
        self,
        name: str,
        source: Source,
        sink: Sink,
        settings: Capture,
        playback: Playback | None = None,
        *,
        stop: threading.Event | None = None,
        clock: Clock | None = None,
        reader: LiveReader | None = None,
        heart: Heart | None = None,
    ) -> None:
        self.name = name
        self._source = source
        self._settings = settings
        self._playback = playback or Playback()
        self._stop = stop or threading.Event()
        self._heart = heart or Heart(name, math.inf)
        self._clock = BeatingClock(clock or SystemClock(), self._heart.beat)
        self._reader = reader
        self._log = CameraLogger(logger, name)
        self._feed = Feed(name, sink, live=source.live, clock=self._clock, stop=self._stop)
        self._thinned = 0
        self._began = self._clock.utc()
        # Capture time that has passed since the session began, for a recording that is not played in real time.
        self._offset: float | None = None

    def run(self) -> CameraReport:
        """Play the source until it ends, enough frames were published, or `stop` is set. Never raises."""
        with bound(camera=self.name, session=self._feed.session):
            return self._run()

    def _run(self) -> CameraReport:
        self._began, began = self._clock.utc(), self._clock.monotonic()
        error: Exception | None = None
        ended = ""
        self._log.info("started: %s, session %s", self._source.description, self._feed.session)
        try:
            self._feed.tell("started", self._began)
            ended = self._watch(self._source) if isinstance(self._source, LiveSource) else self._play(self._source)
        except GenesisError as failure:
            error = failure
            self._log.error("failed: %s", failure)
        except Exception as failure:  # noqa: BLE001 - one camera's failure must not end the others
            error = failure
            self._log.exception("failed unexpectedly")
        finally:
            self._source.close()
            self._heart.beat()
        if error is not None:
            ended = f"failed: {mask(str(error)) or type(error).__name__}"
        self._finish(ended)
        return CameraReport(
            camera=self.name,
            source=self._source.description,
            session=self._feed.session,
            frames=self._feed.published,
            dropped=self._feed.drops.totals,
            thinned=self._thinned,
            seconds=self._clock.monotonic() - began,
            ended=ended,
            error=None if error is None else mask(str(error)) or type(error).__name__,
            misused=isinstance(error, UsageError),
        )

    def _finish(self, ended: str) -> None:
        now = self._clock.utc() if self._offset is None else self._began + timedelta(seconds=self._offset)
        self._feed.tell("ended", now, ended)
        try:
            self._feed.finish()
        except Exception:  # noqa: BLE001 - a sink that has failed may fail again, and the report matters more
            self._log.exception("the end of the session could not be told")
        dropped = ", ".join(f"{count} {reason}" for reason, count in self._feed.drops.totals.items())
        self._heart.rest()
        self._log.info("ended (%s): %d frames published, dropped: %s", ended, self._feed.published, dropped or "none")

    @property
    def _enough(self) -> bool:
        return self._playback.max_frames is not None and self._feed.published >= self._playback.max_frames

    def _play(self, recording: Recording) -> str:
        schedule = Schedule.of(recording.fps, self._playback.fps)
        if schedule.paced or not self._playback.ahead:
            return self._play_through(recording, schedule)
        ahead = Ahead(recording)
        try:
            return self._play_through(ahead, schedule)
        finally:
            ahead.close()

    def _play_through(self, recording: Recording, schedule: Schedule) -> str:
        pacer = Pacer(schedule, self._clock)
        index = before = 0
        while not self._stop.is_set():
            if self._enough:
                return ENOUGH
            if self._play_one(recording, index, schedule, pacer):
                index += 1
                continue
            if self._stop.is_set():
                break
            # A pass without one good frame, as of a folder that was emptied meanwhile, would be repeated without a pause.
            good = self._feed.published + self._thinned
            if not self._playback.loop or good == before:
                return END
            before = good
            recording.rewind()
        return STOP

    def _play_one(self, recording: Recording, index: int, schedule: Schedule, pacer: Pacer) -> bool:
        """Play the frame at `index`; return False if there is none."""
        self._heart.beat()
        if not schedule.takes(index):
            self._thinned += (there := recording.skip())
            return there
        try:
            image = recording.read()
        except UnreadableFrameError:
            self._feed.drops.add(CORRUPT)
            # Its time passes all the same: a loop over broken frames must not spin.
            pacer.wait(index, self._stop)
            return True
        if image is None:
            return False
        if not schedule.paced:
            time = self._began + timedelta(seconds=schedule.offset(index))
            self._offset = schedule.offset(index + 1)
        elif pacer.wait(index, self._stop):
            self._feed.drops.add(STOPPED)
            return True
        else:
            time = self._clock.utc()
        self._feed.frame(image, time)
        return True

    def _watch(self, source: LiveSource) -> str:
        reader = self._reader or LiveReader(self.name, source, self._settings, self._clock, fps=self._playback.fps)
        reader.start()
        try:
            while not self._stop.is_set():
                self._heart.beat()
                if self._enough:
                    return ENOUGH
                item = reader.take(TAKE_SECONDS)
                self._absorb(reader)
                if isinstance(item, Arrival):
                    self._feed.frame(item.image, item.time)
                elif isinstance(item, Lost):
                    self._feed.tell("lost", item.time, item.reason)
                elif isinstance(item, Recovered):
                    self._feed.tell("recovered", item.time, f"back after {item.away:.1f} s", item.away)
                self._feed.tick()
            return STOP
        finally:
            reader.close()
            self._absorb(reader)
            while (item := reader.take(0)) is not None:
                self._feed.drops.add(STOPPED, int(isinstance(item, Arrival)))

    def _absorb(self, reader: LiveReader) -> None:
        for what, count in reader.counts().items():
            if what == THINNED:
                self._thinned += count
            elif what == SUPERSEDED and self._feed.away:
                # They came while the last call waited for the server in vain.
                self._feed.drops.add(REDIS_UNAVAILABLE, count)
            else:
                self._feed.drops.add(what, count)
