"""One tidy line, no passwords, configured as often as one likes."""

from __future__ import annotations

import json
import logging
import os
import re
import subprocess
import sys
import threading
import warnings

import pytest

from genesis.errors import UsageError
from genesis.logs import complain, configure, configure_from, tell_rest
from genesis.logs.handler import LogFile, LogHandler
from genesis.settings import Settings


@pytest.fixture(autouse=True)
def _as_before():
    """Give the loggers back as they were."""
    root = logging.getLogger()
    loggers = [root, logging.getLogger("genesis"), logging.getLogger("tasks")]
    levels = [logger.level for logger in loggers]
    hooks, shown = (sys.excepthook, threading.excepthook), warnings.showwarning
    yield
    (sys.excepthook, threading.excepthook), warnings.showwarning = hooks, shown
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)
    for handler in [handler for handler in root.handlers if isinstance(handler, LogHandler)]:
        root.removeHandler(handler)


def test_a_line_has_time_level_place_and_message(capsys):
    configure("INFO")

    logging.getLogger("genesis.capture.camera").warning("lost %s", "it")

    assert re.fullmatch(r"\d\d:\d\d:\d\d WARNING camera: lost it\n", capsys.readouterr().err)


def test_configuring_twice_says_everything_once(capsys):
    configure("INFO")
    configure("DEBUG")

    logging.getLogger("genesis.x").debug("hello")

    assert capsys.readouterr().err.count("hello") == 1


@pytest.mark.parametrize(
    ("level", "quiet", "name", "said"),
    [
        ("INFO", False, "genesis.x", ["info", "warning"]),
        ("INFO", True, "genesis.x", ["warning"]),
        ("ERROR", True, "genesis.x", []),
        ("DEBUG", False, "genesis.x", ["debug", "info", "warning"]),
        ("DEBUG", False, "library", ["info", "warning"]),
        ("INFO", False, "my_handlers", ["info", "warning"]),
        (logging.WARNING, False, "tasks.x", ["warning"]),
    ],
)
def test_the_level_decides_what_is_said(capsys, level, quiet, name, said):
    configure(level, quiet=quiet)
    logger = logging.getLogger(name)

    for each in ("debug", "info", "warning"):
        getattr(logger, each)(each)

    assert [line.split()[-1] for line in capsys.readouterr().err.splitlines()] == said


def test_passwords_are_masked_in_messages_and_tracebacks(capsys):
    configure("INFO")

    try:
        int("rtsp://admin:s3cret@10.0.0.7/1")
    except ValueError:
        logging.getLogger("genesis.x").exception("failed: rtsp://admin:s3cret@10.0.0.7/1")

    text = capsys.readouterr().err
    assert "s3cret" not in text
    assert text.count("rtsp://***@10.0.0.7/1") >= 2


def test_a_second_configuration_changes_what_is_given_and_nothing_else(capsys):
    configure("INFO", form="json", role="bridge")
    configure("DEBUG")

    logging.getLogger("genesis.x").debug("hello")

    told = json.loads(capsys.readouterr().err)
    assert (told["program"], told["level"]) == ("bridge", "DEBUG")


def test_the_settings_decide_form_and_repeats(capsys):
    settings = Settings.model_validate({"log": {"format": "json", "repeat_seconds": 5, "level": "WARNING"}})

    configure_from(settings, role="capture")
    for _ in range(3):
        logging.getLogger("genesis.x").warning("again")
    logging.getLogger("genesis.x").info("too quiet")
    tell_rest()

    first, rest = map(json.loads, capsys.readouterr().err.splitlines())
    assert (first["message"], first["program"]) == ("again", "capture")
    assert rest["message"] == "again (and 1 more like it in the last 1 s)"


@pytest.mark.parametrize("form", ["line", "json"])
def test_a_reader_that_is_gone_is_no_failure(form, monkeypatch, tmp_path):
    closed = (tmp_path / "log").open("w")
    closed.close()
    monkeypatch.setattr(sys, "stderr", closed)
    configure("INFO", form=form)

    logging.getLogger("genesis.x").info("nobody reads this")


def test_a_file_that_is_moved_away_is_begun_anew(tmp_path):
    path = tmp_path / "worker.log"
    handler = configure("INFO", handler=LogHandler(LogFile(str(path))))

    logging.getLogger("genesis.x").info("one")
    path.rename(tmp_path / "worker.log.1")
    logging.getLogger("genesis.x").info("two")

    handler.close()
    logging.getLogger().removeHandler(handler)
    assert [line.split()[-1] for line in path.read_text().splitlines()] == ["two"]


def test_a_child_does_not_tell_what_its_parent_has_counted(capfd):
    configure("INFO", form="json", repeat_seconds=60)
    for _ in range(3):
        logging.getLogger("genesis.x").warning("again")

    child = os.fork()
    if not child:
        tell_rest()
        os._exit(0)
    os.waitpid(child, 0)
    tell_rest()

    assert [json.loads(line)["pid"] for line in capfd.readouterr().err.splitlines()] == [os.getpid()] * 2


@pytest.mark.parametrize("form", ["line", "json"])
def test_a_program_tells_what_it_has_counted_when_it_ends(form):
    code = f"""
import logging
from genesis.logs import configure
configure(form={form!r}, role="x", repeat_seconds=3600)
for number in range(43):
    logging.getLogger("genesis.x").warning("try %d", number)
"""

    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    first, last = ended.stderr.splitlines()
    assert "try 0" in first
    assert "try 42 (and 41 more like it in the last 1 s)" in last


def test_errors_that_nobody_caught_are_entries_without_secrets():
    code = """
import threading, warnings
from genesis.logs import configure_from
from genesis.settings import Settings
configure_from(Settings.model_validate({"log": {"format": "json"}}), role="x")
warnings.warn("take care")
def fail():
    raise ValueError("rtsp://admin:s3cret@10.0.0.7/1")
thread = threading.Thread(target=fail, name="reader")
thread.start()
thread.join()
fail()
"""

    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    warned, thread, main = map(json.loads, ended.stderr.splitlines())
    assert "take care" in warned["message"]
    assert thread["message"].startswith("thread reader ended")
    assert main["level"] == "CRITICAL"
    assert {thread["exception"]["message"], main["exception"]["message"]} == {"rtsp://***@10.0.0.7/1"}
    assert "s3cret" not in ended.stderr
    assert ended.returncode == 1


@pytest.mark.parametrize(("form", "said"), [("line", "genesis: no rtsp://***@h\n"), ("json", '"message":"no rtsp://***@h"')])
def test_the_last_words_of_a_program_have_the_form_of_its_log(capsys, form, said):
    configure(form=form)

    complain(UsageError("no rtsp://a:b@h"))

    assert said in capsys.readouterr().err


def test_an_unknown_level_is_refused():
    with pytest.raises(ValueError, match="expected DEBUG, INFO"):
        configure("LOUD")
