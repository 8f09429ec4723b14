"""The exporter as Prometheus meets it: over HTTP, with a real ledger, and with none."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from genesis.bus.cameras import LedgerCameras
from genesis.bus.ledger import Ledger
from genesis.cli.status import render
from genesis.events import MetricsEvent, SessionEvent, completed
from genesis.monitoring.status import looker
from genesis.settings import Settings
from tests.catalogue import builtin_subscriptions
from tests.events_of_tests import NOON, frame
from tests.processes import program, python, wait_until

FIGURES = MetricsEvent(
    camera="door", time=NOON, window=10.0, session="s1", seconds=8.0, frames_captured=80, frames_processed=72, persons=90, most_persons=3,
    occupancy={"yard": 2}, latency_p50=0.1, latency_p95=0.25,
)  # fmt: skip


@pytest.fixture
def site(settings: Settings) -> Iterator[Settings]:
    """Return settings of an installation with a camera that is looked at."""
    with closing(Ledger(settings, builtin_subscriptions())) as ledger:
        ledger.create_groups()
        ledger.publish([completed(frame(number)) for number in range(5)])
        board = LedgerCameras(ledger, lambda _frames: None)
        board.at("5-0").seen(frame(0))
        board.at("6-0").measured(FIGURES)
        ledger.count("dropped|door|superseded", 4)
        yield settings


@contextmanager
def exporter(tmp_path: Path) -> Iterator[str]:
    """Run the exporter; give its address."""
    log = tmp_path / "exporter.log"
    with program([sys.executable, "-m", "genesis.monitoring", "--port", "0"], log) as process:
        said = wait_until(lambda: [part for part in log.read_text().split() if part.startswith("http://")], "the exporter listens")
        yield said[0]
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0, log.read_text()


def scraped(url: str) -> dict[str, float]:
    with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 - of the exporter that the test has started
        lines = answer.read().decode().splitlines()
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines if not line.startswith("#"))}


def test_a_scrape_reads_the_ledger_and_outlives_it(site: Settings, ledger_server, tmp_path: Path) -> None:
    with exporter(tmp_path) as url:
        told = scraped(url)
        ledger_server.stop()
        begun = time.monotonic()
        away, took = scraped(url), time.monotonic() - begun
        ledger_server.start()
        back = scraped(url)

    assert told["genesis_up"] == 1
    assert told['genesis_stream_length{stream="frames"}'] == 5
    assert told['genesis_group_lag{group="detection-workers",stream="frames"}'] == 5
    assert told['genesis_camera_live{camera="door"}'] == 1
    assert told['genesis_camera_processed_frames_per_second{camera="door"}'] == 9
    assert told['genesis_camera_persons{camera="door"}'] == 1.25
    assert told['genesis_zone_occupancy{camera="door",zone="yard"}'] == 2
    assert told['genesis_camera_dropped_frames_total{camera="door",reason="superseded"}'] == 4
    assert away == {"genesis_up": 0}
    assert took < 5
    assert back["genesis_up"] == 1


def test_the_status_shows_the_newest_figures(site: Settings) -> None:
    told = looker(site)()
    console = Console(width=160, record=True, file=StringIO())
    console.print(render(told))

    figures = told.cameras[0].figures
    assert figures is not None
    assert (figures.fps_captured, figures.fps_processed, figures.persons, figures.time) == (10.0, 9.0, 1.25, NOON.isoformat())
    assert figures.age < 60
    (line,) = [line for line in console.export_text().splitlines() if line.strip().startswith("door")]
    assert line.split() == ["door", "live", "1", "-", "9.0", "1.2", "(most", "3)", "0.25", "s", *line.split()[10:]]


def test_figures_of_a_camera_that_has_ended_are_not_shown_and_those_that_cannot_be_read_are_none(site: Settings) -> None:
    with closing(Ledger(site, builtin_subscriptions())) as ledger:
        board = LedgerCameras(ledger, lambda _frames: None)
        board.at("7-0").changed(SessionEvent(camera="door", time=NOON, scope="camera", kind="ended", session="s1"))
        ended = looker(site)()
        ledger.client.hset(ledger.keys.figures("door"), "figures", "[1, 2]")
        broken = looker(site)()
    console = Console(width=160, record=True, file=StringIO())
    console.print(render(ended))

    assert ended.cameras[0].figures is not None
    assert "most 3" not in console.export_text()
    assert broken.cameras[0].figures is None


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--port", "{port}"], "127.0.0.1:{port} can't be listened on"),
        (["--host", "192.0.2.1"], "192.0.2.1:9108 can't be listened on"),
        (["--config", "no/such.yaml"], "no/such.yaml"),
    ],
)
def test_what_cannot_work_is_said_in_one_line(settings: Settings, arguments: list[str], words: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])

        done: subprocess.CompletedProcess[str] = python("-m", "genesis.monitoring", *(part.format(port=port) for part in arguments))

    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("genesis: ")
    assert words.format(port=port) in done.stderr
