"""Several cameras in one process."""

from __future__ import annotations

import json
import threading

import pytest

from genesis.capture.camera import CameraReport
from genesis.capture.runner import Report, run
from genesis.errors import SourceError, UsageError
from genesis.events import FrameCaptured
from genesis.settings import Camera, Settings

SETTINGS = Settings()


def test_cameras_run_side_by_side_into_one_sink(video, images, sink):
    cameras = [
        Camera(name="film", source=str(video(frames=7)), fps=0),
        Camera(name="photos", source=str(images(a_dot_png=(8, 8), b_dot_png=(8, 8))), fps=0),
    ]

    report = run(cameras, SETTINGS, sink=sink)

    assert [(camera.camera, camera.frames) for camera in report.cameras] == [("film", 7), ("photos", 2)]
    assert report.exit_code == 0
    assert sorted(event.number for event in sink.frames if event.camera == "film") == list(range(7))
    assert not sink.closed  # who made it closes it


def test_a_camera_that_fails_does_not_end_the_others(video, make_sink):
    def refuse(event) -> None:
        if isinstance(event, FrameCaptured) and event.camera == "bad":
            message = "broken"
            raise RuntimeError(message)

    path = str(video(frames=9))

    report = run([Camera(name="bad", source=path, fps=0), Camera(name="good", source=path, fps=0)], SETTINGS, sink=make_sink(refuse))

    assert [camera.frames for camera in report.cameras] == [0, 9]
    assert [camera.error for camera in report.cameras] == ["broken", None]
    assert report.exit_code == 1


def test_one_unusable_source_keeps_all_from_starting(video, sink):
    cameras = [Camera(name="good", source=str(video()), fps=0), Camera(name="bad", source="nope.mp4")]

    with pytest.raises(SourceError, match=r"nope\.mp4"):
        run(cameras, SETTINGS, sink=sink)

    assert sink.sessions == []


def test_no_camera_is_answered_with_an_example(sink):
    with pytest.raises(UsageError, match=r"python -m genesis\.capture --source rtsp://"):
        run([], SETTINGS, sink=sink)


def test_a_stop_from_outside_ends_all(video, make_sink):
    stop = threading.Event()
    seen = threading.Barrier(2, timeout=10)

    def refuse(event) -> None:
        if isinstance(event, FrameCaptured) and event.number == 3:
            seen.wait()
            stop.set()

    path = str(video())
    sink = make_sink(refuse)

    report = run([Camera(name=name, source=path, fps=0) for name in ("a", "b")], SETTINGS, sink=sink, loop=True, stop=stop)

    assert [camera.ended for camera in report.cameras] == ["stopped", "stopped"]
    assert sink.kinds.count("ended") == 2
    assert report.exit_code == 0


@pytest.mark.parametrize(
    ("failures", "code"),
    [([None, None], 0), ([None, ("broken", False)], 1), ([("wrong", True), ("broken", False)], 2), ([("wrong", True), None], 2)],
)
def test_the_exit_code_says_whether_something_is_wrong_and_whose_fault_it_is(failures, code):
    cameras = [CameraReport("c", "s", "id", 3, {}, 0, 1.0, "end", *(failure or (None, False))) for failure in failures]

    report = Report(tuple(cameras))

    assert report.exit_code == code
    assert json.loads(json.dumps(report.as_dict()))["ok"] is (code == 0)
    assert report.as_dict()["frames"] == 6
