"""The log of a real bridge and a real worker, as machines read it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest
import yaml

from genesis.bus.producer import Producer
from genesis.connections import connect
from genesis.embedded.redis import RedisServer
from genesis.events import ZoneEvent
from genesis.settings import load
from genesis.subscriptions import Subscription
from tests.catalogue import builtin_subscriptions
from tests.events_of_tests import zone
from tests.integration.words_of_handlers import QUEUE, SECRET
from tests.processes import bridge_argv, program, wait_until, worker_argv


@dataclass
class Told:
    """What an installation has logged, and what it was given."""

    bridge: str
    worker: str
    events: dict[str, ZoneEvent]
    entries: dict[str, str]

    def about(self, name: str) -> list[dict[str, Any]]:
        """Return the worker's lines about the event of a zone."""
        return [line for line in objects(self.worker) if line.get("entry") == self.entries[name]]


def objects(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.split("\n")[:-1]]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory, ledger_server: RedisServer, volatile_server: RedisServer) -> Told:
    """Run a bridge and a worker until some events are done, and let both end."""
    for server in (ledger_server, volatile_server):
        connect(server.url()).flushall()
    folder = tmp_path_factory.mktemp("logs")
    values = {
        "redis": {"url": ledger_server.url()},
        "frame_cache": {"url": volatile_server.url()},
        "celery": {"broker_url": volatile_server.broker_url(1)},
        "delivery": {"retry_delays": [0.1], "lease_seconds": 60, "sweep_seconds": 60},
        "bridge": {"block_seconds": 0.2},
        "handlers": ["tests.integration.handlers_of_logs"],
        "storage": {"dsn": "none"},
        "recognition": {"engine": "none"},
        "log": {"format": "json", "repeat_seconds": 3600},
        "data_dir": str(folder),
    }
    file = folder / "settings.yaml"
    file.write_text(yaml.safe_dump(values))
    settings, registry = load(file), builtin_subscriptions()
    registry.add(Subscription(ZoneEvent, "talkers", QUEUE, lambda _event, _context: None))
    env = {"GENESIS_CONFIG": str(file)}
    producer = Producer(settings, registry)
    producer.start()
    bridge, worker = folder / "bridge.log", folder / "worker.log"
    events, entries = {}, {}

    def publish(name: str, done: str) -> None:
        (events[name],) = producer.publish(zone(name))
        entries[name] = producer.ledger.client.xrevrange("genesis:zones", count=1)[0][0].decode()
        wait_until(lambda: done in worker.read_text(), f"{done!r} after the event of zone {name!r}; see {folder}")

    with program(bridge_argv(), bridge, env), program(worker_argv(QUEUE), worker, env):
        # The first is not done: its entry waits for its lease to run out.
        publish("segfault", "WorkerLostError")
        publish("fine", "printed in fine")
        publish("fails", "buried entry")
        producer.ledger.client.xadd("genesis:zones", {"nonsense": "x\n20:15:07 ERROR forged"})
        wait_until(lambda: "for talkers (malformed)" in bridge.read_text(), f"the entry that is no event is buried; see {folder}")
    producer.close()
    return Told(bridge.read_text(), worker.read_text(), events, entries)


def test_every_line_of_every_program_is_an_object(told):
    lines = objects(told.bridge) + objects(told.worker)

    assert {line["program"] for line in lines} == {"bridge", "worker"}
    assert all({"time", "level", "logger", "message", "pid"} <= line.keys() for line in lines)


@pytest.mark.parametrize("name", ["fine", "fails"])
def test_every_line_within_a_task_says_what_it_is_about(told, name):
    entry, event = told.entries[name], told.events[name]

    lines = told.about(name)

    assert {line["logger"] for line in lines} >= {"genesis.printed", "py.warnings"}
    about = {
        "camera": event.camera,
        "stream": "zones",
        "group": "talkers",
        "entry": entry,
        "event": event.id,
        "task": f"genesis:zones:talkers:{entry}",
    }
    assert [line for line in lines if line | about != line] == []


def test_a_failure_and_its_burial_are_told_with_all_that_is_known(told):
    texts = {line["logger"]: line["message"] for line in told.about("fails")}

    assert "failed on event" in texts["genesis.bus.runs"]
    assert "buried entry" in texts["genesis.bus.burials"]


def test_celery_says_whose_child_was_lost_in_one_line(told):
    (line,) = [line for line in told.about("segfault") if line["logger"] == "celery.worker.request"]

    assert "WorkerLostError" in line["message"]
    assert line["task"] == f"genesis:zones:talkers:{told.entries['segfault']}"
    assert "exception" not in line


def test_the_bridge_says_what_it_buries(told):
    (line,) = [line for line in objects(told.bridge) if "for talkers (malformed)" in line["message"]]

    assert (line["stream"], line["group"]) == ("zones", "talkers")
    assert line["entry"] in line["message"]


def test_what_is_printed_is_whole_lines(told):
    printed = [line["message"] for line in told.about("fine") if line["logger"] == "genesis.printed"]

    assert printed == ["printed in fine", "and to stderr: fine"]


def test_a_child_tells_what_it_has_counted_when_it_ends(told):
    counted = [line for line in objects(told.worker) if line["logger"] == "some.library" and line.get("repeats")]

    assert all(line["message"].startswith("can't open rtsp://***@10.0.0.7/1 (try 3) (and 10 more like it in the last") for line in counted)
    assert [line["repeats"] for line in counted] == [10]  # of twelve, the first was written, the last is this


def test_no_program_tells_a_secret(told):
    assert SECRET not in told.bridge + told.worker
