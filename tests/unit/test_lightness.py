"""What is imported decides how soon a program is there and what it weighs: each loads what it works with, and nothing else."""

from __future__ import annotations

import subprocess
import sys

import pytest

from genesis.cli.main import COMMANDS

ENGINES = {"torch", "tensorflow", "ultralytics", "cv2", "deepface", "openvino", "onnxruntime", "dlib"}
SERVERS = {"celery", "kombu", "redis", "psycopg2", "sqlalchemy", "alembic"}
HEAVY = ENGINES | SERVERS | {"numpy", "pydantic", "rich", "yaml", "lz4", "prometheus_client", "opentelemetry", "genesis.subscriptions"}
PICTURES = ENGINES | {"numpy", "scipy"}

HELP = """
from genesis.cli import main
for command in {commands!r}:
    try:
        main([*command, "--help"])
    except SystemExit as end:
        assert end.code == 0, command
"""
BRIDGE = """
from genesis.settings import current
from genesis.bus.bridge import Bridge
from genesis.bridge import chores_of
from genesis.celery import app
from genesis.telemetry.vitals import Vitals
import genesis.telemetry.collectors, genesis.telemetry.serving
assert chores_of(current())
"""
EXPORTER = """
from genesis.monitoring.__main__ import main
from genesis.bus.signs import shown
from genesis.monitoring.exporter import collector_of
from genesis.settings import current
import genesis.telemetry.collectors, genesis.telemetry.serving
collector_of(current())
"""
HEALTH = """
from genesis.cli import main
try:
    main(["health"])
except SystemExit as end:
    assert end.code == 1  # nothing runs here
"""


def loaded(code: str) -> set[str]:
    """Return the modules that a fresh interpreter has after this code."""
    done = subprocess.run([sys.executable, "-c", f"{code}\nimport sys\nprint(*sys.modules)"], capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split())


def test_the_help_loads_no_library_but_click() -> None:
    modules = loaded(HELP.format(commands=[[]]))

    assert not (HEAVY | {"msgspec", "genesis.logs", "genesis.settings"}) & modules
    assert "click" in modules


def test_the_help_of_no_command_loads_what_the_command_works_with() -> None:
    assert not HEAVY & loaded(HELP.format(commands=[[name] for name in COMMANDS]))


@pytest.mark.parametrize(
    ("program", "without"),
    [
        # It deletes and renews frames, and looks at none; the pool is a worker's.
        (BRIDGE, PICTURES | {"psycopg2", "sqlalchemy", "alembic", "rich", "billiard.pool", "flower", "genesis.vision"}),
        (EXPORTER, PICTURES | {"celery", "sqlalchemy", "alembic", "rich", "genesis.vision"}),
        ("import genesis.capture.__main__, genesis.capture.runner", ENGINES | {"celery", "kombu", "sqlalchemy", "rich"}),
        (HEALTH, PICTURES | {"celery", "kombu", "redis", "psycopg2", "sqlalchemy", "rich", "genesis.vision"}),
    ],
    ids=["bridge", "exporter", "capture", "health"],
)
def test_a_program_does_not_load_what_it_does_not_work_with(
    program: str, without: set[str], tmp_path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GENESIS_DATA_DIR", str(tmp_path))

    assert not without & loaded(program)
