"""Stand-ins for what capture touches: the time, a sink, a recording, a live source."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta, timezone
from pathlib import Path

import cv2
import numpy as np
import pytest

from genesis.capture.camera import Camera, Playback
from genesis.capture.mailbox import Arrival
from genesis.capture.sources.base import LiveSource, Recording, SourceLostError, UnreadableFrameError
from genesis.settings import Capture
from tests.cameras import ListReader

START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)


class FakeClock:
    """A time that passes only when somebody sleeps or says so."""

    def __init__(self) -> None:
        self.now = 100.0
        self.slept: list[float] = []
        self.alarms: list[tuple[float, Callable[[], None]]] = []

    def monotonic(self) -> float:
        return self.now

    def utc(self) -> datetime:
        return START + timedelta(seconds=self.now - 100.0)

    def sleep(self, seconds: float, stop: threading.Event) -> bool:
        self.slept.append(seconds)
        if not stop.is_set():
            self.advance(seconds)
        return stop.is_set()

    def advance(self, seconds: float) -> None:
        self.now += seconds
        for alarm in [alarm for alarm in self.alarms if alarm[0] <= self.now]:
            self.alarms.remove(alarm)
            alarm[1]()

    def at(self, seconds: float, action: Callable[[], None]) -> None:
        self.alarms.append((100.0 + seconds, action))


class MemorySink:
    """Keeps what it is given; `refuse` is asked before and raises instead."""

    def __init__(self, refuse: Callable[[object], None] = lambda _: None) -> None:
        self.refuse = refuse
        self.frames = []
        self.shapes = []
        self.sessions = []
        self.drops = []
        self.closed = False

    def frame(self, event, image) -> None:
        self.refuse(event)
        self.frames.append(event)
        self.shapes.append(image.shape)

    def session(self, event) -> None:
        self.refuse(event)
        self.sessions.append(event)

    def dropped(self, camera, reason, count) -> None:
        self.drops.append((camera, reason, count))

    def close(self) -> None:
        self.closed = True

    @property
    def kinds(self) -> list[str]:
        return [event.kind for event in self.sessions]


class ListRecording(Recording):
    """Plays a list: True is a frame, False a broken one."""

    def __init__(self, frames: Iterable[bool], fps: float | None = 10.0) -> None:
        self.description = "a list"
        self.fps = fps
        self.frames = list(frames)
        self.position = 0
        self.reads = 0
        self.passes = 1
        self.closed = False

    def read(self):
        if self.position == len(self.frames):
            return None
        self.position += 1
        self.reads += 1
        if not self.frames[self.position - 1]:
            msg = "broken"
            raise UnreadableFrameError(msg)
        return np.zeros((4, 6, 3), np.uint8)

    def skip(self) -> bool:
        if self.position == len(self.frames):
            return False
        self.position += 1
        self.reads += 1
        return True

    def rewind(self) -> None:
        self.position = 0
        self.passes += 1

    def close(self) -> None:
        self.closed = True


class ScriptedSource(LiveSource):
    """A live source whose connections are played from scripts.

    Each connection is a list of steps: True a frame, None a broken one, False the end, a function is called
    (and may say what the step is). A connection that is a text can't be opened for that reason.
    """

    def __init__(self, *connections) -> None:
        self.description = "rtsp://***@10.0.0.7/1"
        self.connections = list(connections)
        self.retrieved = 0
        self.closed = 0

    def connect(self):
        script = self.connections.pop(0)
        if isinstance(script, str):
            raise SourceLostError(script)
        if callable(script):
            script = script()
        return _Scripted(self, list(script))


class _Scripted:
    def __init__(self, source: ScriptedSource, script: list) -> None:
        self.source = source
        self.script = script
        self.good = False

    def grab(self) -> bool:
        step = self.script.pop(0) if self.script else False
        step = step() if callable(step) else step
        self.good = step is True
        return step is not False

    def retrieve(self):
        self.source.retrieved += 1
        return np.zeros((4, 6, 3), np.uint8) if self.good else None

    def close(self) -> None:
        self.source.closed += 1


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def sink() -> MemorySink:
    return MemorySink()


@pytest.fixture(scope="session")
def make_sink():
    return MemorySink


@pytest.fixture(scope="session")
def make_clock():
    return FakeClock


@pytest.fixture(scope="session")
def recording():
    return ListRecording


@pytest.fixture(scope="session")
def scripted():
    return ScriptedSource


@pytest.fixture
def stop() -> threading.Event:
    return threading.Event()


@pytest.fixture
def video(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes a small video, every frame of which differs."""

    def write(name: str = "clip.avi", frames: int = 20, fps: float = 10.0, size: tuple[int, int] = (64, 48)) -> Path:
        path = tmp_path / name
        writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), fps, size)
        noise = np.random.default_rng(0)
        for _ in range(frames):
            writer.write(noise.integers(0, 256, (size[1], size[0], 3), np.uint8))
        writer.release()
        return path

    return write


@pytest.fixture
def images(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes a folder of images, given as name and (width, height); no size is a broken one."""

    def write(**files: tuple[int, int] | None) -> Path:
        folder = tmp_path / "pictures"
        folder.mkdir(exist_ok=True)
        for name, size in files.items():
            path = folder / name.replace("_dot_", ".")
            if size is None:
                path.write_bytes(b"\xff\xd8 this is no picture")
            else:
                cv2.imwrite(str(path), np.full((size[1], size[0], 3), 127, np.uint8))
        return folder

    return write


@pytest.fixture
def play(clock, stop):
    def run(source, sink, **playback):
        return Camera("door", source, sink, Capture(), Playback(**playback), stop=stop, clock=clock).run()

    return run


@pytest.fixture
def watch(clock, stop, scripted):
    def run(items, sink, counts=None, **playback):
        reader = ListReader(items, stop, counts)
        return Camera("door", scripted(), sink, Capture(), Playback(**playback), stop=stop, clock=clock, reader=reader).run()

    return run


@pytest.fixture
def arrival(clock):
    return lambda: Arrival(np.zeros((4, 6, 3), np.uint8), clock.utc())
