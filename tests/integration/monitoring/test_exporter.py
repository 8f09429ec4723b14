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
from kombu import Connection
from rich.console import Console

from genesis.bus.broker import transport_options
from genesis.bus.cameras import LedgerCameras
from genesis.bus.ledger import Ledger
from genesis.bus.programs import Program, note
from genesis.cli.status import render
from genesis.connections import connect
from genesis.events import MetricsEvent, SessionEvent, completed
from genesis.monitoring.exporter import STATUS_SECONDS, collector_of
from genesis.monitoring.servers import Memory, RedisServerAt, memory_looker
from genesis.monitoring.status import looker
from genesis.settings import Settings
from tests.catalogue import builtin_subscriptions
from tests.events_of_tests import NOON, frame
from tests.integration.monitoring.conftest import configured
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
        now = time.time()
        note(ledger.client, ledger.keys, Program("worker", "w1@host", "host", 7, "0", now, now, queues=("detection", "alerts")))
        note(ledger.client, ledger.keys, Program("worker", "w2@host", "host", 8, "0", now, now, queues=("detection",), ailing=("child 0",)))
        note(ledger.client, ledger.keys, Program("worker", "w3@host", "host", 9, "0", now, now - 60, queues=("storage",)))
        with Connection(settings.celery.broker_url, transport_options=transport_options(settings)) as broker:
            for number in range(3):
                broker.Producer(serializer="json").publish({"number": number}, routing_key="detection")
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
    with closing(connect(site.frame_cache.url)) as cache, configured(cache, maxmemory="900mb"), exporter(tmp_path) as url:
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
    assert told['genesis_camera_dropped_frames_total{camera="door",reason="corrupt"}'] == 0
    assert told['genesis_deliveries_total{group="detection-workers",outcome="buried",stream="frames"}'] == 0
    assert told['genesis_deliveries_total{group="detection-workers",outcome="lost",stream="frames"}'] == 0
    assert {queue: told[f'genesis_queue_length{{queue="{queue}"}}'] for queue in ("detection", "alerts")} == {"detection": 3, "alerts": 0}
    assert [told[f'genesis_queue_workers{{queue="{queue}"}}'] for queue in ("detection", "alerts", "storage")] == [2, 1, 0]
    assert [told[f'genesis_programs{{role="{role}"}}'] for role in ("worker", "bridge", "capture")] == [2, 0, 0]
    assert [told[f'genesis_program_healthy{{program="w{number}@host",role="worker"}}'] for number in (1, 2, 3)] == [1, 0, 0]
    assert 60 <= told['genesis_program_seen_seconds{program="w3@host",role="worker"}'] < 90
    for server in ("ledger", "cache", "broker"):
        used, most = (told[f'genesis_redis_memory_{what}{{server="{server}"}}'] for what in ("bytes", "limit_bytes"))
        assert 500_000 < used < most
    assert [told[f'genesis_redis_memory_limit_bytes{{server="{server}"}}'] for server in ("cache", "broker")] == [900 * 1024 * 1024] * 2
    assert (away["genesis_up"], away['genesis_redis_up{server="ledger"}'], away['genesis_redis_up{server="cache"}']) == (0, 0, 1)
    assert away['genesis_queue_length{queue="detection"}'] == 3
    assert not [name for name in away if name.startswith(("genesis_group_", "genesis_queue_workers", "genesis_programs"))]
    assert not [name for name in told if name.startswith(("genesis_database", "genesis_gallery"))]
    assert took < 5
    assert back["genesis_up"] == 1


def test_servers_that_accept_and_say_nothing_leave_a_scrape_bounded_and_the_rest_told(site: Settings) -> None:
    pytest.importorskip("psycopg2", reason="no psycopg2 in this environment")
    with socket.create_server(("127.0.0.1", 0)) as silent, socket.create_server(("127.0.0.1", 0)) as database:
        here, there = (f"127.0.0.1:{server.getsockname()[1]}" for server in (silent, database))
        changed = {
            "frame_cache": site.frame_cache.model_copy(update={"url": f"redis://{here}/0"}),
            "celery": site.celery.model_copy(update={"broker_url": f"redis://{here}/1"}),
            "storage": site.storage.model_copy(update={"dsn": f"postgresql://joan:s3cret@{there}/people"}),
        }
        collector = collector_of(site.model_copy(update=changed))
        begun = time.monotonic()

        told = {(sample.name, *sample.labels.values()): sample.value for family in collector.collect() for sample in family.samples}

    assert time.monotonic() - begun < STATUS_SECONDS
    assert [told["genesis_redis_up", server] for server in ("ledger", "cache", "broker")] == [1, 0, 0]
    assert (told["genesis_up",], told["genesis_frame_cache_up",], told["genesis_database_up",]) == (1, 0, 0)
    assert told["genesis_group_lag", "frames", "detection-workers"] == 5
    assert not [name for name, *_ in told if name in {"genesis_queue_length", "genesis_database_size_bytes"}]


def test_a_scrape_asks_few_questions_however_many_queues_there_are(site: Settings) -> None:
    collector = collector_of(site)
    list(collector.collect())  # connects
    with closing(connect(site.frame_cache.url)) as client:
        before = client.info("stats")["total_reads_processed"]
        list(collector.collect())
        reads = client.info("stats")["total_reads_processed"] - before - 1

    # Size and number of frames, all queues together, memory.
    assert len(builtin_subscriptions().queues) > reads <= 4


def test_a_server_that_is_asked_by_somebody_without_rights_is_up(ledger: str) -> None:
    with closing(connect(ledger)) as client:
        client.acl_setuser("reader", enabled=True, nopass=True, keys=["*"], commands=["+ping", "+client"])
        address = ledger.replace("unix://", "unix://reader:any@")
        try:
            memory = memory_looker(RedisServerAt(address, "redis.url", ("ledger",)), 2.0)()
        finally:
            client.acl_deluser("reader")

    assert memory == Memory(None, None)


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
