"""From what a person writes after --source to frames."""

from __future__ import annotations

import os
import subprocess
import sys

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genesis.capture.sources import LiveSource, Recording, SourceLostError, UnreadableFrameError, open_source
from genesis.capture.sources.images import natural_key
from genesis.capture.sources.opencv import as_bgr
from genesis.errors import SourceError
from genesis.settings import Settings

SETTINGS = Settings()


def read_all(source: Recording) -> tuple[list[tuple[int, ...]], int]:
    shapes, corrupt = [], 0
    while True:
        try:
            image = source.read()
        except UnreadableFrameError:
            corrupt += 1
            continue
        if image is None:
            return shapes, corrupt
        shapes.append(image.shape)


def test_a_video_is_read_to_its_end_and_again(video):
    source = open_source(str(video(frames=12, fps=8.0)), SETTINGS)

    first = read_all(source)
    source.rewind()
    second = read_all(source)
    source.close()

    assert isinstance(source, Recording)
    assert source.fps == 8
    assert first == second == ([(48, 64, 3)] * 12, 0)


def test_frames_passed_over_are_not_read(video):
    source = open_source(str(video(frames=5)), SETTINGS)

    skipped = [source.skip(), source.skip()]
    rest = read_all(source)

    assert skipped == [True, True]
    assert len(rest[0]) == 3
    assert not source.skip()


def test_a_video_that_is_cut_off_plays_what_is_there_and_says_so_once(video, caplog):
    path = video(frames=40, size=(320, 240))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    source = open_source(str(path), SETTINGS)

    frames = len(read_all(source)[0])
    source.rewind()
    read_all(source)

    assert 10 < frames < 30
    assert caplog.messages == [f"{path} ends early: 40 frames announced, {frames} read"]


def test_a_whole_video_is_not_called_short(video, caplog):
    read_all(open_source(str(video(frames=40)), SETTINGS))

    assert caplog.messages == []


def test_a_video_that_disappears_cannot_be_played_again(video):
    path = video()
    source = open_source(str(path), SETTINGS)
    path.unlink()

    with pytest.raises(SourceLostError, match="no picture can be read"):
        source.rewind()


def test_a_folder_is_read_in_the_order_of_its_numbers(images):
    folder = images(a10_dot_png=(30, 8), a9_dot_jpg=(20, 8), A1_dot_JPG=(10, 8), notes_dot_txt=None, _dot_hidden_dot_jpg=None)

    shapes, corrupt = read_all(open_source(str(folder), SETTINGS))

    assert shapes == [(8, 10, 3), (8, 20, 3), (8, 30, 3)]
    assert corrupt == 0


def test_an_unreadable_image_is_passed_over_and_said_once(images, caplog):
    folder = images(a1_dot_jpg=None, a2_dot_jpg=(9, 8), a3_dot_png=None, a4_dot_jpg=(9, 8))
    whole = (folder / "a4.jpg").read_bytes()
    (folder / "a5.jpg").write_bytes(whole[: len(whole) // 2])
    (folder / "a6.png").write_bytes(b"")
    (folder / "a7.png").write_bytes(b"\x89PNG\r\n\x1a\n cut off")

    shapes, corrupt = read_all(open_source(str(folder), SETTINGS))

    assert (len(shapes), corrupt) == (2, 5)
    assert len(caplog.messages) == 1
    assert "a1.jpg can't be read" in caplog.messages[0]


def test_a_single_image_is_a_recording_of_one_frame(images):
    folder = images(photo_dot_png=(7, 5))

    source = open_source(str(folder / "photo.png"), SETTINGS)

    assert read_all(source) == ([(5, 7, 3)], 0)


def test_a_folder_can_be_read_again_and_passed_over(images):
    source = open_source(str(images(a_dot_png=(7, 5), b_dot_png=(7, 5))), SETTINGS)

    skipped = [source.skip(), source.skip(), source.skip()]
    source.rewind()

    assert skipped == [True, True, False]
    assert len(read_all(source)[0]) == 2


@given(st.lists(st.text(max_size=12), max_size=6))
def test_any_names_can_be_sorted(names):
    assert sorted(sorted(names, key=natural_key, reverse=True), key=natural_key) == sorted(names, key=natural_key)


def broken_folder(tmp_path) -> str:
    (tmp_path / "x.jpg").write_bytes(b"no")
    (tmp_path / "y.jpg").write_bytes(b"no")
    return str(tmp_path)


def written(name: str, content: bytes):
    def write(tmp_path) -> str:
        (tmp_path / name).write_bytes(content)
        return str(tmp_path / name)

    return write


def pipe(tmp_path) -> str:
    os.mkfifo(tmp_path / "pipe")
    return str(tmp_path / "pipe")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda folder: str(folder / "nope.mp4"), "no such file or folder; expected a camera index"),
        (str, r"folder without images \(looked for .bmp, "),
        (broken_folder, "none of the 2 images can be read"),
        (written("x.txt", b"hello\nworld\n"), "a text file, not a video"),
        (written("x.mp4", b"hello\nworld\n"), "a text file, not a video"),
        (written("x.csv", "1,2,3;\u00e4\n".encode() * 2000), "a text file, not a video"),
        (written("x.mp4", b""), "the file is empty"),
        (written("x.jpg", b"\xff\xd8\xff no"), "the image can't be read"),
        (written("x.mp4", bytes(range(256)) * 20), "no picture can be read from it"),
        (pipe, "neither a file nor a folder"),
        (lambda _: "x\0y", "no such file or folder"),
        (lambda _: "x" * 5000, "File name too long|no such file or folder"),
        (lambda _: "sftp://user:secret@host/x.mp4", r"'sftp://\*\*\*@host/x.mp4': sftp:// is not known"),
        (lambda _: "rtsp:///stream", "the URL names no host"),
        (lambda _: "rtsp://host:port/stream", "not a URL"),
        (lambda _: "98", "'98': no camera with this index"),
        (lambda _: "/dev/video97", "'97': no camera with this index"),
        (lambda _: "http://user:secret@127.0.0.1:1/x.mp4", r"http://\*\*\*@127.0.0.1:1/x.mp4': no picture can be read"),
    ],
)
def test_a_source_that_cannot_be_used_is_answered_with_one_line(tmp_path, capfd, make, message):
    with pytest.raises(SourceError, match=message) as caught:
        open_source(make(tmp_path), SETTINGS)

    assert "\n" not in str(caught.value)
    assert "secret" not in str(caught.value)
    assert capfd.readouterr() == ("", "")


def test_dark_raw_video_is_not_mistaken_for_text(tmp_path):
    path = tmp_path / "dark.y4m"
    path.write_bytes(b"YUV4MPEG2 W64 H48 F25:1 Ip A1:1 C420\n" + (b"FRAME\n" + b"\x10" * (64 * 48 * 3 // 2)) * 3)

    frames, _ = read_all(open_source(str(path), SETTINGS))

    assert len(frames) == 3


@pytest.mark.parametrize(
    "url", ["rtsp://admin:s3cret@10.0.0.7/1", "RTSPS://admin:s3cret@10.0.0.7/1", "http://admin:s3cret@10.0.0.7:8080/video?token=abc"]
)
def test_a_network_camera_is_live_not_opened_yet_and_described_without_its_password(url):
    source = open_source(url, SETTINGS)

    assert isinstance(source, LiveSource)
    assert "10.0.0.7" in source.description
    assert "s3cret" not in source.description
    assert "admin" not in source.description
    assert "abc" not in source.description


def test_a_camera_that_refuses_the_connection_is_told_from_one_that_is_silent(capfd):
    source = open_source("rtsp://admin:s3cret@127.0.0.1:1/1", SETTINGS)

    with pytest.raises(SourceLostError, match=r"^rtsp://\*\*\*@127.0.0.1:1/1 can't be reached \(Connection refused\)$"):
        source.connect()

    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("image", "shape"),
    [
        (np.zeros((4, 6, 3), np.uint8), (4, 6, 3)),
        (np.zeros((4, 6), np.uint8), (4, 6, 3)),
        (np.zeros((4, 6, 3), np.uint16), None),
        (np.zeros((4, 6, 4), np.uint8), None),
        (np.zeros((0, 6, 3), np.uint8), None),
        (None, None),
    ],
)
def test_what_is_not_a_picture_of_three_bytes_a_pixel_is_made_one_or_refused(image, shape):
    result = as_bgr(image)

    assert (None if result is None else result.shape) == shape


def test_a_grey_image_becomes_a_coloured_one(tmp_path):
    cv2.imwrite(str(tmp_path / "grey.png"), np.full((5, 7), 90, np.uint8))

    shapes, _ = read_all(open_source(str(tmp_path), SETTINGS))

    assert shapes == [(5, 7, 3)]


def test_asking_for_a_source_is_what_loads_opencv():
    program = (
        "import sys, genesis.capture.sources, genesis.capture.runner\n"
        "print([name for name in ('cv2', 'torch', 'celery', 'redis') if name in sys.modules])"
    )

    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert answer.stdout.strip() == "[]"
