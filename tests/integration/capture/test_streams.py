"""Network cameras that go away, come back and fall silent, over real connections."""

from __future__ import annotations

import threading
import time

import pytest

from genesis.capture.camera import Camera
from genesis.capture.sources import open_source
from genesis.settings import Settings

QUICK = Settings(capture={"stall_seconds": 1.5, "open_seconds": 5, "reconnect_min_seconds": 0.1, "reconnect_max_seconds": 0.3})
DEADLINE_SECONDS = 25.0


class Watched:
    """A camera that runs in a thread, and what it has said so far."""

    def __init__(self, url: str) -> None:
        self.frames = []
        self.sessions = []
        self.stop = threading.Event()
        self.camera = Camera("cam", open_source(url, QUICK), self, QUICK.capture, stop=self.stop)
        self.report = None
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self) -> None:
        self.report = self.camera.run()

    def frame(self, event, image) -> None:
        assert image.shape == (240, 320, 3)
        self.frames.append(event)

    def session(self, event) -> None:
        self.sessions.append(event)

    def dropped(self, camera, reason, count) -> None:
        pass

    def close(self) -> None:
        pass

    @property
    def kinds(self) -> list[str]:
        return [event.kind for event in self.sessions]

    def until(self, condition, what: str) -> None:
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not condition():
            assert time.monotonic() < deadline, f"waited in vain for {what}; the session so far: {self.sessions}"
            time.sleep(0.02)

    def until_frames(self, count: int) -> None:
        wanted = len(self.frames) + count
        self.until(lambda: len(self.frames) >= wanted, f"{count} frames")

    def until_told(self, *kinds: str) -> None:
        self.until(lambda: self.kinds == list(kinds), str(kinds))

    def end(self) -> None:
        self.stop.set()
        self.thread.join(DEADLINE_SECONDS)


@pytest.fixture
def watch():
    watched = []

    def begin(url: str) -> Watched:
        watched.append(Watched(url))
        return watched[-1]

    yield begin
    for each in watched:
        each.end()


@pytest.mark.parametrize("kind", ["rtsp", "mjpeg"])
def test_a_camera_that_is_killed_and_comes_back_goes_on_in_the_same_session(serve, watch, kind, capfd):
    server = serve(kind)
    seen = watch(server.url)
    seen.until_frames(5)

    server.kill()
    seen.until_told("started", "lost")
    server.start()
    seen.until_told("started", "lost", "recovered")
    seen.until_frames(5)
    seen.end()

    lost, recovered = seen.sessions[1:3]
    assert seen.kinds == ["started", "lost", "recovered", "ended"]
    assert server.url in lost.reason
    assert recovered.duration > 0
    assert {event.session for event in (*seen.frames, *seen.sessions)} == {seen.report.session}
    assert [event.number for event in seen.frames] == list(range(seen.report.frames))
    assert seen.report.error is None
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("kind", ["rtsp", "mjpeg"])
def test_a_camera_that_falls_silent_is_noticed_and_found_again(serve, watch, kind):
    server = serve(kind)
    seen = watch(server.url)
    seen.until_frames(5)

    server.fall_silent()
    seen.until_told("started", "lost")
    server.speak_again()
    seen.until_told("started", "lost", "recovered")
    seen.until_frames(5)
    seen.end()

    assert "no frame for" in seen.sessions[1].reason
    assert seen.kinds == ["started", "lost", "recovered", "ended"]


def test_a_camera_that_is_not_there_yet_is_waited_for(serve, watch):
    server = serve("mjpeg")
    server.kill()

    seen = watch(server.url)
    seen.until_told("started", "lost")
    server.start()
    seen.until_frames(5)
    seen.end()

    assert "can't be reached (Connection refused)" in seen.sessions[1].reason
    assert seen.kinds == ["started", "lost", "recovered", "ended"]


def test_a_server_that_has_no_such_stream_is_told_from_one_that_is_away(serve, watch):
    server = serve("rtsp")

    seen = watch(server.url.replace("/cam", "/other"))
    seen.until_told("started", "lost")
    seen.end()

    assert "answers, but gives no video" in seen.sessions[1].reason
