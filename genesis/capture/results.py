"""Show what the handlers found in sync mode: as lines, as a file of events, as a video."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING

import msgspec

from genesis.context import FrameReader
from genesis.errors import UsageError
from genesis.events import (
    AlertEvent,
    Box,
    Event,
    FaceRecognized,
    FrameCaptured,
    Person,
    PersonDetected,
    SessionEvent,
    ZoneEvent,
    encode,
)

if TYPE_CHECKING:
    from genesis.vision.annotated_video import AnnotatedVideo

DRAWN_FPS = 10.0  # of the video, where the source does not tell its own
NAMED_SECONDS = 1.5  # a name is forgotten when its person was not seen for longer
NAMED_OVERLAP = 0.3  # of a person's boxes in two frames


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
        self._names = Names()
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
        if self._video_file is not None:
            if isinstance(event, PersonDetected) and not event.last:
                self._draw(event, frames)
            elif isinstance(event, FaceRecognized):
                self._names.learn(event)

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
            self._video.write(annotate(frames.get(event.frame_key), self._names.given(event), caption(event)))


class Names:
    """What the people in view are called, for a drawn video: who was recognised is followed from frame to frame by the boxes."""

    def __init__(self) -> None:
        self._known: list[tuple[str, Box, datetime, str]] = []

    def learn(self, event: FaceRecognized) -> None:
        """Note who somebody is, in place of what was known."""
        self._known = [row for row in self._known if row[:2] != (event.camera, event.person)]
        self._known.append((event.camera, event.person, event.time, event.identity or "unknown"))

    def given(self, event: PersonDetected) -> tuple[Person, ...]:
        """Return a frame's persons with their names, as far as they are known, in place of their tracks."""
        self._known = [row for row in self._known if (event.time - row[2]).total_seconds() <= NAMED_SECONDS]
        mine = [row for row in self._known if row[0] == event.camera]
        kept, persons = [row for row in self._known if row[0] != event.camera], []
        for person in event.persons:
            best = max(mine, key=lambda row: row[1].iou(person.box), default=None)
            if best is None or best[1].iou(person.box) < NAMED_OVERLAP:
                persons.append(person)
                continue
            mine.remove(best)
            kept.append((event.camera, person.box, event.time, best[3]))
            persons.append(msgspec.structs.replace(person, track=best[3]))
        self._known = [*kept, *mine]
        return tuple(persons)


def caption(event: PersonDetected) -> str:
    """Return the line under a drawn frame."""
    count = len(event.persons)
    return f"{event.camera}   frame {event.number}   {count} person{'' if count == 1 else 's'}   {event.detector}"


def described(event: Event) -> str:
    """Return an event as a line for a person; empty for those that are too many to read."""
    what = ""
    if isinstance(event, PersonDetected) and not event.last:
        sure = " ".join(f"{person.confidence:.2f}" for person in event.persons)
        what = f"frame {event.number}: {len(event.persons)} person{'' if len(event.persons) == 1 else 's'} {sure}".rstrip()
    elif isinstance(event, FaceRecognized):
        sure = "" if event.score is None else f" ({event.score:.0%} sure, {event.attempts} look{'' if event.attempts == 1 else 's'})"
        what = f"frame {event.number}: {event.identity or 'an unknown person'}{sure}"
    elif isinstance(event, ZoneEvent):
        way = f" ({event.direction})" if event.direction else f" after {event.dwell:.1f} s" if event.dwell else ""
        what = f"{event.track} is {event.identity}" if event.kind == "identified" else f"{event.track} {event.kind} {event.zone}{way}"
    elif isinstance(event, AlertEvent):
        what = f"alert {event.rule} ({event.severity}{', updated' if event.kind == 'updated' else ''}) {event.message}".rstrip()
    elif isinstance(event, SessionEvent) and event.scope == "person":
        what = f"{event.session} {event.kind}" + (f", {event.identity}" if event.identity else "")
        what += f" after {event.duration:.1f} s" if event.kind == "ended" else ""
    if isinstance(event, FrameCaptured) or not what:
        return ""
    return f"{event.time:%H:%M:%S}.{event.time.microsecond // 100_000} {event.camera} {what}"
