"""What the doctor says of each kind of camera, from servers on loopback that answer as cameras do."""

from __future__ import annotations

from pathlib import Path

import pytest

from genesis.monitoring.doctor.bounded import begin
from genesis.monitoring.doctor.cameras import camera_checks, check_camera
from genesis.monitoring.doctor.probe import authorization
from genesis.settings import Camera, Settings
from tests.cameras_of_doctor import Answers, basic, camera, digest, nobody_home, open_to_all, silent
from tests.looks import camera as seen
from tests.looks import look, program

RIGHT, WRONG = "viewer:s3cret%3Aword@", "viewer:oth3r@"


@pytest.mark.parametrize("closes", [False, True], ids=["keeps the connection", "closes it"])
@pytest.mark.parametrize(
    ("answers", "source", "level", "found"),
    [
        (open_to_all, "rtsp://{}/1", "ok", "answers, and would give its stream"),
        (digest, f"rtsp://{RIGHT}{{}}/1?channel=2", "ok", "answers, and would give its stream"),
        (digest, f"rtsp://{WRONG}{{}}/1", "error", "refuses the user or password"),
        (digest, "rtsp://{}/1", "error", "wants a user and a password"),
        (basic, f"rtsp://{RIGHT}{{}}/1", "ok", "answers, and would give its stream"),
        (basic, f"rtsp://{WRONG}{{}}/1", "error", "refuses the user or password"),
        (basic, f"http://{RIGHT}{{}}/video.mjpg", "ok", "answers, and would give its stream"),
        (digest, f"http://{RIGHT}{{}}/video?x=1", "ok", "answers, and would give its stream"),
        (digest, f"http://{WRONG}{{}}/video", "error", "refuses the user or password"),
        (nobody_home, "rtsp://{}/9", "error", "has no stream at this path (404)"),
        (nobody_home, "http://{}/9", "error", "has no stream at this path (404)"),
        (silent, "rtsp://{}/1", "unknown", "says nothing that we understand"),
    ],
)
def test_a_network_camera_is_asked_and_its_answer_told(answers: Answers, source: str, level: str, found: str, closes: bool) -> None:
    with camera(answers, closes=closes) as place:
        row = check_camera(Camera(name="door", source=source.format(place)), {})

    assert (row.about, row.level) == ("camera door", level)
    assert found in row.found
    assert "s3cret" not in str(row)
    assert "oth3r" not in str(row)


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("rtsp://me:s3cret@127.0.0.1:1/x", "rtsp://***@127.0.0.1:1/x can't be reached (Connection refused)"),
        ("rtsp://me:s3cret@no.such.host.invalid/x", "its host's name is not known"),
        ("ftp://me:s3cret@127.0.0.1/x", "ftp:// is not known"),
        ("rtsp://me:s3/cret@127.0.0.1:p/x", "names no host, or a port that is no number"),
        ("7", "there is no /dev/video7"),
        ("/dev/video7", "there is no /dev/video7"),
        ("{}/nothing.mp4", "no such file or folder"),
        ("{}/empty.mp4", "empty.mp4 is empty"),
        ("{}/folder", "folder is empty"),
    ],
)
def test_a_camera_that_is_not_there_is_an_error(source: str, found: str, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "empty.mp4").touch()

    row = check_camera(Camera(name="door", source=source.format(tmp_path)), {})

    assert row.level == "error"
    assert found in row.found
    assert row.advice
    assert "s3" not in row.found


def test_recordings_that_are_there_are_fine(tmp_path: Path) -> None:
    (tmp_path / "clip.mp4").write_bytes(b"x")

    rows = [check_camera(Camera(name="door", source=source), {}) for source in (str(tmp_path / "clip.mp4"), str(tmp_path), "sample")]

    assert [row.level for row in rows] == ["ok"] * 3


def test_a_camera_that_gives_frames_is_left_alone() -> None:
    settings = Settings(cameras=(Camera(name="door", source="rtsp://127.0.0.1:1/x"), Camera(name="yard", source="rtsp://127.0.0.1:1/y")))
    status = look(cameras=(seen("door"), seen("yard", age=60.0)), programs=(program("capture", host="north", cameras=("door",)),))

    rows = begin(camera_checks(settings, status))()

    assert [(row.about, row.level) for row in rows] == [("camera door", "ok"), ("camera yard", "error")]
    assert rows[0].found == "it gives frames, read on north"


def test_the_digest_is_that_of_the_book() -> None:
    """RFC 2617, 3.5; without `qop`, as cameras do: RFC 2069, 2.4, with its corrected response."""
    head = 'HTTP/1.1 401\r\nWWW-Authenticate: Digest realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", opaque="5ccc"'

    value = authorization(head, "Mufasa", "CircleOfLife", "GET", "/dir/index.html")

    assert 'response="1949323746fe6a43ef61f9606e7febea"' in value
    assert 'opaque="5ccc"' in value


@pytest.mark.parametrize(
    ("challenges", "scheme"),
    [
        (('Digest realm="r", nonce="n", qop="auth,auth-int", algorithm=SHA-256',), "Digest"),
        (('Basic realm="r"', 'Digest realm="r", nonce="n"'), "Digest"),
        (('Digest realm="r", nonce="n", algorithm=SHA-512-256', 'Basic realm="r"'), "Basic"),
        (("Negotiate",), ""),
    ],
)
def test_the_best_scheme_that_is_known_is_used(challenges: tuple[str, ...], scheme: str) -> None:
    head = "\r\n".join(["RTSP/1.0 401 Unauthorized", *(f"WWW-Authenticate: {challenge}" for challenge in challenges)])

    value = authorization(head, "me", "s3cret", "DESCRIBE", "rtsp://host/1")

    assert value.partition(" ")[0] == scheme
    assert "s3cret" not in value
