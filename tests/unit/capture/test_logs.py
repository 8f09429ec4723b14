"""One tidy line, no passwords, configured as often as one likes."""

from __future__ import annotations

import logging
import re

import pytest

from genesis.logs import StderrHandler, configure


@pytest.fixture(autouse=True)
def _as_before():
    """Give the loggers back as they were."""
    root = logging.getLogger()
    loggers = [root, logging.getLogger("genesis"), logging.getLogger("tasks")]
    levels = [logger.level for logger in loggers]
    yield
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)
    for handler in [handler for handler in root.handlers if isinstance(handler, StderrHandler)]:
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


def test_an_unknown_level_is_refused():
    with pytest.raises(ValueError, match="expected DEBUG, INFO"):
        configure("LOUD")
