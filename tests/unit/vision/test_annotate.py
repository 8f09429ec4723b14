"""Drawing what was found, and writing it as a video."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from genesis.errors import UsageError
from genesis.events import Box, Person
from genesis.vision.annotate import annotate
from genesis.vision.annotated_video import AnnotatedVideo
from genesis.vision.lettering import lettering


def person(*box: float, confidence: float = 0.9, track: str | None = None) -> Person:
    return Person(Box(*box), confidence, track)


def grey(height: int = 576, width: int = 768) -> np.ndarray:
    return np.full((height, width, 3), 128, np.uint8)


def test_the_frame_itself_is_not_changed() -> None:
    frame = grey()

    drawn = annotate(frame, [person(100, 100, 200, 300)], "door")

    assert (frame == 128).all()
    assert drawn.shape == frame.shape
    assert (drawn != frame).any()


def test_without_persons_and_caption_nothing_is_drawn() -> None:
    assert (annotate(grey(), [], "") == 128).all()


def test_a_box_is_drawn_where_the_person_is_and_not_inside() -> None:
    drawn = annotate(grey(), [person(100, 100, 200, 300)], "")

    assert drawn[200, 100].tolist() != [128, 128, 128]
    assert drawn[200, 200].tolist() != [128, 128, 128]
    assert (drawn[150:250, 120:180] == 128).all()
    assert (drawn[400:, 300:] == 128).all()


def test_an_unsure_person_has_another_colour() -> None:
    sure, unsure = (annotate(grey(), [person(100, 100, 200, 300, confidence=c)], "")[200, 100] for c in (0.9, 0.4))

    assert sure.tolist() != unsure.tolist()
    assert sure[1] == sure.max()
    assert unsure[2] == unsure.max()


def test_the_caption_has_a_bar_of_its_own() -> None:
    drawn = annotate(grey(), [], "door  |  3 persons")

    assert (drawn[:540] == 128).all()
    assert drawn[560, -1].max() < 128
    assert drawn[546:].max() > 200


@pytest.mark.parametrize("size", [(1, 1), (40, 30), (240, 320), (1080, 1920)])
@pytest.mark.parametrize("box", [(0, 0, 5000, 5000), (-50, -50, 10, 10), (3, 3, 3.2, 3.1), (0, 0, 20, 20)])
def test_any_box_can_be_drawn_in_any_frame(size: tuple[int, int], box: tuple[float, ...]) -> None:
    drawn = annotate(grey(*size), [person(*box, track="7")], "a caption that is much too long for a small frame " * 3)

    assert drawn.shape == (*size, 3)


def test_a_caption_may_hold_any_letters() -> None:
    assert lettering("T\N{LATIN SMALL LETTER U WITH DIAERESIS}r \N{MIDDLE DOT} 12:30 \N{SNOWMAN}", 10).max() > 0.5


@pytest.mark.parametrize(("suffix", "browsers"), [(".webm", True), (".mp4", False), (".avi", False)])
def test_a_video_can_be_read_back(tmp_path: Path, suffix: str, browsers: bool) -> None:
    frames = [np.full((96, 128, 3), value, np.uint8) for value in (40, 120, 200)]

    with AnnotatedVideo(tmp_path / "new" / f"report{suffix}", fps=10, size=(128, 96)) as video:
        for frame in frames:
            video.write(frame)

    back = _read(video.path)
    assert [round(float(frame.mean()), -1) for frame in back] == [40, 120, 200]
    assert (video.path.suffix, video.plays_in_browsers, video.frames) == (suffix, browsers, 3)
    assert list(video.path.parent.iterdir()) == [video.path]


def test_frames_of_another_size_are_scaled(tmp_path: Path) -> None:
    with AnnotatedVideo(tmp_path / "report.avi", fps=10, size=(129, 97)) as video:
        video.write(grey(480, 640))
        video.write(grey(10, 10))

    assert [frame.shape for frame in _read(video.path)] == [(96, 128, 3)] * 2


@pytest.mark.parametrize(("given", "expected"), [("report", "report.webm"), ("run-1.5", "run-1.5.webm"), ("report.WEBM", "report.webm")])
def test_an_unknown_suffix_gets_one_that_plays(tmp_path: Path, given: str, expected: str) -> None:
    with AnnotatedVideo(tmp_path / given, fps=10, size=(64, 64)) as video:
        video.write(grey(64, 64))

    assert video.path == tmp_path / expected
    assert video.path.is_file()


def test_a_video_that_broke_off_leaves_nothing(tmp_path: Path) -> None:
    def interrupted() -> None:
        with AnnotatedVideo(tmp_path / "report.webm", fps=10, size=(64, 64)) as video:
            video.write(grey(64, 64))
            raise InterruptedError

    with pytest.raises(InterruptedError):
        interrupted()

    assert list(tmp_path.iterdir()) == []


def test_a_video_without_frames_leaves_nothing(tmp_path: Path) -> None:
    with AnnotatedVideo(tmp_path / "report.webm", fps=10, size=(64, 64)):
        pass

    assert list(tmp_path.iterdir()) == []


def test_a_place_that_can_not_be_written_is_said_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(UsageError, match="can't be written: ") as caught:
        AnnotatedVideo(tmp_path / "file" / "report.webm", fps=10, size=(64, 64))

    assert "\n" not in str(caught.value)


def test_opening_a_video_prints_nothing(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with AnnotatedVideo(tmp_path / "report.webm", fps=10, size=(64, 64)) as video:
        video.write(grey(64, 64))

    assert capfd.readouterr() == ("", "")


def _read(path: Path) -> list[np.ndarray]:
    capture = cv2.VideoCapture(str(path))
    frames = []
    while True:
        there, frame = capture.read()
        if not there:
            return frames
        frames.append(frame)
