"""Show what the handlers found in sync mode: as lines, as a file of events, as a video."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import IO, TYPE_CHECKING

import msgspec

from genesis.context import FrameReader
from genesis.errors import UsageError
from genesis.events import AlertEvent, Event, FaceRecognized, FrameCaptured, PersonDetected, SessionEvent, ZoneEvent, encode

if TYPE_CHECKING:
    from genesis.vision.annotated_video import AnnotatedVideo

DRAWN_FPS = 10.0  # of the video, where the source does not tell its own


class Results:
    """An observer of sync mode.

    Args:
        say: called with a line per event that a person wants to read; None says nothing.
        events_file: every event goes here, its fields as JSON, one a line.
        video_file: the persons are drawn into the frames of the first camera seen.
        fps: of the video.

    Raises:
        UsageError: a file can't be written.
    """

    def __init__(
        self,
        say: Callable[[str], None] | None = None,
        events_file: Path | None = None,
        video_file: Path | None = None,
        fps: float | None = None,
    ) -> None:
        self._say = say
        self._events: IO[bytes] | None = None
        self._video_file = video_file
        self._fps = fps or DRAWN_FPS
        self._video: AnnotatedVideo | None = None
        self._drawn_camera = ""
        if events_file is not None:
            try:
                events_file.parent.mkdir(parents=True, exist_ok=True)
                self._events = events_file.open("wb")
            except OSError as error:
                msg = f"{events_file}: {error.strerror or error}"
                raise UsageError(msg) from error

    def __call__(self, event: Event, frames: FrameReader) -> None:
        """Show an event."""
        if self._events is not None:
            self._events.write(msgspec.json.encode(encode(event)) + b"\n")
        if self._say is not None and (line := described(event)):
            self._say(line)
        if self._video_file is not None and isinstance(event, PersonDetected):
            self._draw(event, frames)

    def close(self) -> list[Path]:
        """Finish the files; return those that are there now."""
        made = []
        if self._events is not None:
            self._events.close()
            made.append(Path(self._events.name))
        if self._video is not None:
            self._video.close()
            made.append(self._video.path)
        return made

    def _draw(self, event: PersonDetected, frames: FrameReader) -> None:
        from genesis.vision.annotate import annotate  # noqa: PLC0415 - only where a video is asked for
        from genesis.vision.annotated_video import AnnotatedVideo  # noqa: PLC0415

        if self._video is None:
            assert self._video_file is not None  # noqa: S101 - for the type checker
            self._video = AnnotatedVideo(self._video_file, self._fps, (event.width, event.height))
            self._drawn_camera = event.camera
        if event.camera == self._drawn_camera:
            self._video.write(annotate(frames.get(event.frame_key), event.persons, caption(event)))


def caption(event: PersonDetected) -> str:
    """Return the line under a drawn frame."""
    count = len(event.persons)
    return f"{event.camera}   frame {event.number}   {count} person{'' if count == 1 else 's'}   {event.detector}"


def described(event: Event) -> str:
    """Return an event as a line for a person; empty for those that are too many to read."""
    what = ""
    if isinstance(event, PersonDetected):
        sure = " ".join(f"{person.confidence:.2f}" for person in event.persons)
        what = f"frame {event.number}: {len(event.persons)} person{'' if len(event.persons) == 1 else 's'} {sure}".rstrip()
    elif isinstance(event, FaceRecognized):
        what = f"frame {event.number}: {event.identity or 'an unknown person'}"
    elif isinstance(event, ZoneEvent):
        what = f"{event.track} {event.kind} {event.zone}"
    elif isinstance(event, AlertEvent):
        what = f"alert {event.rule} ({event.severity}) {event.message}".rstrip()
    elif isinstance(event, SessionEvent) and event.scope == "person":
        what = f"session {event.session} {event.kind}"
    if isinstance(event, FrameCaptured) or not what:
        return ""
    return f"{event.time:%H:%M:%S}.{event.time.microsecond // 100_000} {event.camera} {what}"
