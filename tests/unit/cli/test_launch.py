"""A command that starts programs settles first what they will use, hears every signal that asks it to end, and finishes stopping them.

Each case of a signal runs in a process of its own, since signals are a process's affair.
"""

from __future__ import annotations

import signal

import pytest

from genesis.cli.launch import choose_engine, open_storage
from genesis.embedded.servers import Servers
from genesis.embedded.watchdog import Watchdog
from genesis.errors import ModelError
from genesis.settings import Recognition, Settings, Storage
from tests.processes import python

INTERRUPTED = """
import os, sys
from genesis.cli.launch import interruptible
interruptible()
try:
    os.kill(os.getpid(), int(sys.argv[1]))
except KeyboardInterrupt:
    print("interrupted")
"""

UNDISTURBED = """
import os, sys
from genesis.cli.launch import interruptible, undisturbed
interruptible()
with undisturbed():
    os.kill(os.getpid(), int(sys.argv[1]))
    print("stopped")
try:
    os.kill(os.getpid(), int(sys.argv[1]))
except KeyboardInterrupt:
    print("interrupted")
"""

ENDING = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


@pytest.mark.parametrize("number", ENDING)
def test_ctrl_c_a_service_manager_and_a_closed_terminal_all_interrupt(number: signal.Signals) -> None:
    ended = python("-c", INTERRUPTED, str(int(number)))

    assert (ended.returncode, ended.stdout) == (0, "interrupted\n")


@pytest.mark.parametrize("number", ENDING)
def test_a_second_one_does_not_disturb_the_stopping(number: signal.Signals) -> None:
    ended = python("-c", UNDISTURBED, str(int(number)))

    assert (ended.returncode, ended.stdout) == (0, "stopped\ninterrupted\n")


def with_faces(engine: str, dsn: str, monkeypatch: pytest.MonkeyPatch, reason: str | None) -> Settings:
    monkeypatch.setattr("genesis.vision.faces.available", lambda recognition, data_dir: reason)
    return Settings(recognition=Recognition(engine=engine, detector="opencv"), storage=Storage(dsn=dsn))


@pytest.mark.parametrize(
    ("engine", "dsn", "reason", "chosen", "warned"),
    [
        ("auto", "", None, "deepface", False),
        ("auto", "", "deepface is not installed", "none", True),
        ("auto", "none", None, "none", False),
        ("none", "", "deepface is not installed", "none", False),
        ("deepface", "", None, "deepface", False),
        ("deepface", "none", "deepface is not installed", "none", False),
    ],
)
def test_the_face_engine_is_settled_once_and_its_absence_told_unless_meant(
    engine: str, dsn: str, reason: str | None, chosen: str, warned: bool, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    settings = with_faces(engine, dsn, monkeypatch, reason)

    env = choose_engine(settings)

    assert env == {"GENESIS_RECOGNITION__ENGINE": chosen, **({"GENESIS_RECOGNITION__DETECTOR": "opencv"} if chosen == "deepface" else {})}
    assert bool(caplog.records) is warned


def test_a_face_engine_that_is_asked_for_and_missing_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = with_faces("deepface", "", monkeypatch, "deepface is not installed")

    with pytest.raises(ModelError, match=r"recognition\.engine is deepface: deepface is not installed"):
        choose_engine(settings)


def test_without_the_databases_packages_nothing_is_stored_which_is_told(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("genesis.storage.cluster.missing_packages", lambda: "psycopg2 not installed (pip install 'genesis[storage]')")
    servers, watchdog = Servers(), Watchdog()

    open_storage(servers, Settings(), watchdog)
    watchdog.close()

    assert servers.env == {"GENESIS_STORAGE__DSN": "none"}
    assert servers.started == []
    (told,) = caplog.messages
    assert told.startswith("nothing is stored, and nobody is recognised: ")
    assert "pip install 'genesis[storage]'" in told
    assert told.endswith("storage.dsn none says that this is meant")
