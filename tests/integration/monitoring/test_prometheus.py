"""The real Prometheus with our configuration, on a live system: all are asked, every panel and rule gets data, and an alert fires."""

from __future__ import annotations

import itertools
import json
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import cv2
import numpy as np
import pytest
import yaml

from genesis.bus.programs import programs
from genesis.capture.sample import sample_clip
from genesis.connections import connect
from genesis.embedded.redis import RedisServer
from genesis.errors import SourceError
from genesis.events import Keys
from genesis.settings import Storage
from tests.catalogue import builtin_subscriptions
from tests.integration.words_of_handlers import DIMENSION, MODEL
from tests.postgres_fixtures import postgres_server, postgres_template, tell, url_of
from tests.processes import ROOT, bridge_argv, end_at_once, program, python, wait_until, worker_argv
from tests.prometheus import CONFIGS, Prometheus, adapted, parts_of, program_or_skip, prometheus

__all__ = ["postgres_server", "postgres_template"]

pytest.importorskip("flower", reason="flower is not installed")

VARIABLES = {"$__rate_interval": "15s", "$stream": ".*", "$camera": ".*"}
"""What Grafana puts in."""
SENT, TAKEN = 10, 5  # frames a second
ROLES = {"bridge": 1, "capture": 1, "worker": 2}
JOBS = ["prometheus", "genesis", "flower", *["genesis-programs"] * sum(ROLES.values())]
HALL = {"name": "hall", "polygon": [[0, 0], [1, 0], [1, 1], [0, 1]], "inertia": 1, "inertia_of": 1, "exit_grace_seconds": 0.4}


@dataclass
class Site:
    """A live system, and Prometheus, which has asked everybody."""

    prometheus: Prometheus
    detector: subprocess.Popen[bytes]
    exporter: subprocess.Popen[bytes]


Question = tuple[str, frozenset[str]]
"""An expression, and the labels that its answer must have."""


def panels() -> dict[str, Question]:
    """Return every question of every panel, with the labels that its lines are named by."""
    found = {}
    for file in sorted((ROOT / "configs" / "grafana" / "dashboards").glob("*.json")):
        for panel in json.loads(file.read_text(encoding="utf-8"))["panels"]:
            for target in panel.get("targets", ()):
                named_by = frozenset(re.findall(r"{{(\w+)}}", target["legendFormat"]))
                found[f"{file.stem}: {panel['title']} {target['refId']}"] = (filled_in(target["expr"]), named_by)
    return found


def filled_in(expr: str) -> str:
    """Return an expression as Grafana asks it."""
    for variable, value in VARIABLES.items():
        expr = expr.replace(variable, value)
    return expr


def rules() -> dict[str, str]:
    """Return every expression of every rule, by its name."""
    groups = yaml.safe_load((CONFIGS / "rules" / "genesis.yml").read_text(encoding="utf-8"))["groups"]
    return {rule.get("alert") or rule["record"]: rule["expr"] for group in groups for rule in group["rules"]}


def test_promtool_has_nothing_against_the_configuration_and_the_rules() -> None:
    promtool = program_or_skip("promtool")

    checks = [["config", CONFIGS / "prometheus.yml"], ["rules", *CONFIGS.glob("rules/*.yml")]]
    done = [subprocess.run([promtool, "check", *map(str, check)], capture_output=True, text=True, check=False) for check in checks]

    assert [(check.returncode, check.stderr) for check in done] == [(0, "")] * 2, done


@pytest.fixture(scope="module")
def site(
    tmp_path_factory: pytest.TempPathFactory,
    ledger_server: RedisServer,
    volatile_server: RedisServer,
    postgres_server: str,
    postgres_template: str,
    street: str,
) -> Iterator[Site]:
    program_or_skip("prometheus")
    for server in (ledger_server, volatile_server):
        server.start()
        connect(server.url()).flushall()
    folder = tmp_path_factory.mktemp("site")
    ports = free_ports(3)
    database = url_of(postgres_server, "genesis_monitored")
    tell(postgres_server, f"CREATE DATABASE genesis_monitored TEMPLATE {postgres_template}")
    enrolled(database)
    values = {
        "redis": {"url": ledger_server.url()},
        "frame_cache": {"url": volatile_server.url()},
        "celery": {"broker_url": volatile_server.broker_url(1)},
        "bridge": {"block_seconds": 0.2},
        "detection": {"detector": "hog"},
        "tracking": {"confirm_hits": 2, "confirm_score": 0.35, "lost_seconds": 0.4},
        "recognition": {"engine": "none"},
        "metrics": {"window_seconds": 1},
        "cameras": [{"name": "door", "source": street, "fps": TAKEN, "zones": [HALL]}],
        "alerts": {"rules": [{"name": "entry", "when": "entered", "cooldown_seconds": 0}]},
        "handlers": ["tests.integration.handlers_of_monitoring"],
        "storage": {"dsn": database},
        "monitoring": {"port": ports[1], "program_ports": f"{ports[3]}-{ports[3] + 20}"},
        "flower": {"port": ports[2]},
        "data_dir": str(folder / "data"),
    }
    (folder / "settings.yaml").write_text(yaml.safe_dump(values), encoding="utf-8")
    env = {"GENESIS_CONFIG": str(folder / "settings.yaml"), "OMP_NUM_THREADS": "1"}
    others = ",".join(sorted({row.queue for row in builtin_subscriptions()} - {"detection"}))
    celery = [sys.executable, "-m", "celery", "-A", "genesis"]
    client, keys = connect(ledger_server.url()), Keys("genesis")
    with (
        program(bridge_argv(), folder / "bridge.log", env),
        program([*worker_argv("detection"), "-E"], folder / "detection.log", env) as detector,
        program([*worker_argv(others), "-E"], folder / "others.log", env),
        program([sys.executable, "-m", "genesis.capture", "--mode", "event"], folder / "capture.log", env),
        program([sys.executable, "-m", "genesis.monitoring"], folder / "exporter.log", env) as exporter,
        program([*celery, "flower"], folder / "flower.log", env),
    ):
        # A camera whose session is over must not be missed by anybody.
        (folder / "walk").mkdir()
        (folder / "walk" / "1.jpg").write_bytes(Street.pictures[0])
        done = python("-m", "genesis.capture", "--mode", "event", "--source", str(folder / "walk"), "--camera", "walk", env=env)
        assert done.returncode == 0, done.stderr
        wait_until(lambda: {p.role for p in programs(client, keys)} >= set(ROLES), f"all have given signs of life; see {folder}")
        wait_until(lambda: client.xlen("genesis:alerts"), f"somebody was seen, and an alert raised; see {folder}")
        config = adapted(folder, *ports[:3])
        with prometheus(config, ports[0], folder / "prometheus.log") as running:
            wait_until(lambda: len(running.targets()) >= len(JOBS) and all_up(running), f"all answer; see {folder}")
            yield Site(running, detector, exporter)
        end_at_once()
    client.close()
    tell(postgres_server, "DROP DATABASE genesis_monitored WITH (FORCE)")


def all_up(running: Prometheus) -> bool:
    return all(target["health"] == "up" for target in running.targets())


def test_everybody_is_asked_and_answers(site: Site) -> None:
    wait_until(lambda: all_up(site.prometheus), "all answer", 10)

    targets = site.prometheus.targets()
    known = site.prometheus.query("up{job='genesis-programs'} and on (role, program) genesis_program_seen_seconds")

    assert sorted(target["scrapePool"] for target in targets) == sorted(JOBS)
    # They have the names there that they have on the ledger.
    assert sorted(labels["role"] for labels, _ in known) == ["bridge", "capture", "worker", "worker"]


def test_every_panel_gets_data(site: Site) -> None:
    questions = panels()

    assert len(questions) > 70
    assert unanswered(site.prometheus, questions) == {}


def test_every_part_of_every_rule_gets_data(site: Site) -> None:
    questions = {f"{name}: {part}": (part, frozenset[str]()) for name, expr in rules().items() for part in parts_of(expr)}

    assert len(questions) > 50
    assert unanswered(site.prometheus, questions) == {}


def unanswered(running: Prometheus, questions: dict[str, Question], seconds: float = 30) -> dict[str, Question]:
    """Return the questions that have had no data within a time: some figures are those of a moment."""
    left, until = dict(questions), time.monotonic() + seconds
    while left and time.monotonic() < until:
        for name, (expr, named_by) in list(left.items()):
            if any(named_by <= set(labels) for labels, _ in running.query(expr)):
                del left[name]
    return left


def test_an_alert_fires_for_a_queue_whose_worker_is_stopped_and_no_other_does(site: Site) -> None:
    with suppress(AssertionError):  # a hiccup passes
        wait_until(lambda: not site.prometheus.alerts(), "no rule sees anything", 60)
    assert site.prometheus.alerts() == {}

    site.detector.send_signal(signal.SIGTERM)
    fired = wait_until(lambda: site.prometheus.alerts("firing"), "an alert fires")

    assert list(fired) == ["QueueWithoutWorker"]
    alert = fired["QueueWithoutWorker"]
    assert alert["labels"] == {"alertname": "QueueWithoutWorker", "severity": "critical", "part": "workers", **labels_of(site)}
    assert alert["annotations"]["summary"] == "nobody works for queue detection"
    assert "celery -A genesis worker -Q detection" in alert["annotations"]["description"]
    assert alert["annotations"]["runbook_url"] == "docs/runbook.md#queue-without-worker"


def labels_of(site: Site) -> dict[str, str]:
    """Return what the exporter's figure of the queue is labelled with."""
    ((labels, _),) = site.prometheus.query("genesis_queue_workers == 0")
    return {name: value for name, value in labels.items() if name != "__name__"} | {"queue": "detection", "job": "genesis"}


def test_an_alert_fires_when_the_exporter_is_gone_and_those_of_its_figures_end(site: Site) -> None:
    site.exporter.kill()

    wait_until(lambda: set(site.prometheus.alerts("firing")) == {"GenesisDown"}, "Genesis is down, and nothing else is told")


class Street(BaseHTTPRequestHandler):
    """A live camera: people are there for three seconds, and then for two nobody is, again and again."""

    pictures: ClassVar[list[bytes]] = []

    def do_GET(self) -> None:
        """Send pictures until the other side has had enough."""
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=picture")
        self.end_headers()
        with suppress(OSError):
            for data in itertools.cycle(self.pictures):
                self.wfile.write(b"--picture\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%s\r\n" % (len(data), data))
                time.sleep(1 / SENT)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return the URL of a live camera."""
    try:
        sample = cv2.VideoCapture(str(sample_clip(tmp_path_factory.mktemp("street"))))
    except SourceError as error:
        pytest.skip(str(error))
    people = [sample.read()[1][:, :384] for _ in range(3 * SENT)]
    nobody = np.full_like(people[0], 90)
    Street.pictures = [cv2.imencode(".jpg", picture)[1].tobytes() for picture in [*people, *[nobody] * (2 * SENT)]]
    server = ThreadingHTTPServer(("127.0.0.1", 0), Street)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


def enrolled(database: str) -> None:
    """Put somebody into the gallery."""
    from genesis.storage.database import Database
    from genesis.storage.faces import NewFace
    from genesis.storage.gallery import enroll

    opened = Database(Storage(), database)
    opened.run(lambda cursor: enroll(cursor, "Ada", MODEL, [NewFace(np.ones(DIMENSION, np.float32), "photo", "0" * 64)]))
    opened.close()


def free_ports(number: int) -> list[int]:
    """Return ports that nobody has, and the first of a range that nobody has either."""
    probes = [socket.socket() for _ in range(number)]
    for probe in probes:
        probe.bind(("127.0.0.1", 0))
    found = [int(probe.getsockname()[1]) for probe in probes]
    for probe in probes:
        probe.close()
    return [*found, next(first for first in range(21_000, 30_000, 50) if _free(first))]


def _free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0
