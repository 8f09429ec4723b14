"""`python -m genesis.capture`: options, messages, exit codes, the summary."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from click.testing import CliRunner

from genesis.capture import modes
from genesis.capture.__main__ import main
from genesis.errors import ServerUnavailableError


@pytest.fixture
def capture(sink, monkeypatch, tmp_path):
    """Return a function that runs the program with a sink that only remembers."""
    monkeypatch.chdir(tmp_path)
    asked = []

    def make(mode, settings, stopped=None, observe=None):
        asked.append(mode)
        return sink

    monkeypatch.setattr(modes, "make_sink", make)

    def run(*arguments: object):
        result = CliRunner().invoke(main, [str(argument) for argument in arguments])
        result.modes = asked
        return result

    return run


def test_a_recording_is_played_once_and_summed_up(capture, video, sink):
    result = capture("--source", video(frames=7), "--fps", 0)

    assert result.exit_code == 0
    assert result.stdout.startswith("clip: 7 frames in ")
    assert result.stdout.endswith("dropped: none; end of the recording\n")
    assert "started: " in result.stderr
    assert result.modes == ["sync"]
    assert sink.closed


def test_the_summary_comes_as_json_too(capture, video):
    result = capture("--source", video(frames=3), "--camera", "door", "--fps", 0, "--json", "--quiet", "--mode", "event")

    summary = json.loads(result.stdout)
    assert (summary["ok"], summary["frames"], summary["cameras"][0]["camera"]) == (True, 3, "door")
    assert result.stderr == ""
    assert result.modes == ["event"]


def test_quiet_says_nothing_when_nothing_is_wrong(capture, video):
    result = capture("--source", video(frames=3), "--fps", 0, "--quiet")

    assert (result.exit_code, result.output) == (0, "")


def test_a_loop_ends_after_enough_frames(capture, video, sink):
    result = capture("--source", video(frames=3), "--fps", 0, "--loop", "--max-frames", 8)

    assert result.exit_code == 0
    assert len(sink.frames) == 8


def test_sources_and_names_go_in_pairs(capture, video, sink):
    path = video(frames=2)

    capture("--source", path, "--source", path, "--camera", "door", "--fps", 0)

    assert {event.camera for event in sink.frames} == {"door", "clip"}


def test_without_a_source_the_cameras_of_the_settings_run(capture, video, sink, tmp_path):
    settings = tmp_path / "settings.yaml"
    settings.write_text(f"cameras: [{{name: a, source: '{video(frames=2)}', fps: 0}}, {{name: b, source: '{video(frames=2)}', fps: 0}}]\n")

    both = capture("--config", settings)
    one = capture("--config", settings, "--camera", "b")

    assert both.stdout.count("2 frames in") == 2
    assert one.stdout.startswith("b: 2 frames in")
    assert "a: " not in one.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "no camera: name one, as in `python -m genesis.capture --source rtsp://10.0.0.7/1`"),
        (("--source", "nope.mp4"), "source 'nope.mp4': no such file or folder"),
        (("--source", ""), "--source ''"),
        (("--source", "0", "--camera", "a", "--camera", "b"), "--camera 'b' has no --source"),
        (("--source", "0", "--camera", "a b"), "--camera 'a b': expected 1 to 64"),
        (("--camera", "door"), "--camera 'door': no such camera in the settings (there: none)"),
        (("--source", "ftp://u:secret@h/x"), "source 'ftp://***@h/x': ftp:// is not known"),
        (("--source", "0", "--config", "missing.yaml"), "missing.yaml"),
    ],
)
def test_wrong_use_is_answered_with_one_line_and_exit_code_2(capture, arguments, message):
    result = capture(*arguments)

    assert result.exit_code == 2
    assert result.stderr.startswith("genesis: ")
    assert message in result.stderr
    assert result.stderr.count("\n") == 1
    assert result.stdout == ""


@pytest.mark.parametrize("arguments", [("--fps", "-1"), ("--fps", "x"), ("--max-frames", "0"), ("--mode", "both"), ("--what",), ("stray",)])
def test_wrong_options_have_exit_code_2(capture, arguments):
    assert capture("--source", "0", *arguments).exit_code == 2


def test_a_missing_server_is_one_line_and_exit_code_1(capture, video, monkeypatch):
    def make(mode, settings, stopped=None, observe=None):
        message = "Redis at redis://:secret@h:6379/0 (redis.url) can't be reached: start it"
        raise ServerUnavailableError(message)

    monkeypatch.setattr(modes, "make_sink", make)

    result = capture("--source", video())

    assert result.exit_code == 1
    assert result.stderr == "genesis: Redis at redis://***@h:6379/0 (redis.url) can't be reached: start it\n"


def test_help_loads_nothing_that_takes_long():
    program = (
        "import sys, contextlib, io\n"
        "from genesis.capture.__main__ import main\n"
        "with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.suppress(SystemExit): main(['--help'])\n"
        "assert '--max-frames' in out.getvalue()\n"
        "print([m for m in ('cv2', 'numpy', 'pydantic', 'redis', 'celery', 'torch') if m in sys.modules])"
    )

    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert answer.stdout.strip() == "[]"
