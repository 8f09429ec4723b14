"""The whole way of an entry through a real bridge and a real worker, to its settlement or its dead letter."""

from __future__ import annotations

import itertools
import json
import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import redis
import yaml

from genesis.bus.producer import Producer
from genesis.cache import FrameCache
from genesis.connections import connect
from genesis.embedded.redis import RedisServer
from genesis.events import ZoneEvent
from genesis.monitoring.status import Status, status
from genesis.settings import Settings, load
from genesis.subscriptions import Registry, Subscription
from tests.catalogue import builtin_subscriptions
from tests.events_of_tests import frame, zone
from tests.processes import bridge_argv, end_at_once, program, wait_until, worker_argv

LIGHT = "ingestion,analytics,recognition,storage,alerts,notifications,metrics,sessions"
HANDLERS = "tests.integration.handlers_of_tests"
DELAYS = [0.2, 0.6, 1.0]


@dataclass
class Line:
    """A running installation without detection."""

    producer: Producer
    client: redis.Redis
    settings: Settings
    notes: Path
    logs: Path

    def status(self) -> Status:
        return status(self.client, FrameCache.of(self.settings), self.settings, self.producer.ledger.registry)

    def runs(self, group: str, event_id: str) -> list[float]:
        """Return the times at which runs of an event began."""
        lines = [line.rsplit(" ", 2) for line in self.notes.read_text().splitlines()]
        return [float(at) for head, found, at in lines if found == event_id and head.startswith(group)]

    def settled(self, group: str) -> int:
        return next(g.totals["settled"] for s in self.status().streams for g in s.groups if g.group == group)

    def letters(self, group: str, stream: str = "zones") -> list[dict[str, str]]:
        entries = self.client.xrange(f"genesis:{stream}:dlq")
        texts = [{k.decode("latin-1"): v.decode("latin-1") for k, v in fields.items()} for _, fields in entries]
        return [text for text in texts if text["dlq-group"] == group]

    def done(self) -> bool:
        return self.status().backlog == 0


def _registry() -> Registry:
    """Return what the processes will find, without declaring the test's subscriptions in this process."""
    rows = builtin_subscriptions()
    for group in ("testers", "impatient", "choosy"):
        rows.add(Subscription(ZoneEvent, group, "alerts", lambda _event, _context: None))
    return rows


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory, ledger_server: RedisServer, volatile_server: RedisServer) -> Iterator[Line]:
    """Run one bridge and one worker for the tests of this module."""
    for server in (ledger_server, volatile_server):
        connect(server.url()).flushall()
    folder = tmp_path_factory.mktemp("line")
    values = {
        "redis": {"url": ledger_server.url()},
        "frame_cache": {"url": volatile_server.url()},
        "celery": {"broker_url": volatile_server.broker_url(1)},
        "delivery": {"retry_delays": DELAYS, "backpressure_delay": 0.3, "max_event_bytes": 100_000},
        "bridge": {"block_seconds": 0.2},  # so that it ends soon
        "handlers": [HANDLERS],
        "storage": {"dsn": "none"},
        "recognition": {"engine": "none"},
        "data_dir": str(folder),
    }
    file, notes = folder / "settings.yaml", folder / "notes.txt"
    file.write_text(yaml.safe_dump(values))
    notes.touch()
    settings = load(file)
    env = {"GENESIS_CONFIG": str(file), "NOTES_OF_TESTS": str(notes), "BATCH_OF_TESTS": "8"}
    producer = Producer(settings, _registry())
    producer.start()
    with (
        program(bridge_argv(), folder / "bridge.log", env),
        program(worker_argv(LIGHT), folder / "worker.log", env),
    ):
        yield Line(producer, producer.ledger.client, settings, notes, folder)
        end_at_once()
    producer.close()


def publish(line: Line, name: str) -> str:
    (event,) = line.producer.publish(zone(name))
    wait_until(line.done, f"the event of zone {name!r} is done; see {line.logs}")
    return event.id


def test_a_handler_that_fails_twice_is_run_three_times_and_settles_once(line: Line) -> None:
    alerts = line.client.xlen("genesis:alerts")

    event = publish(line, "fails twice")

    runs = line.runs("testers", event)
    assert len(runs) == 3
    waits = [after - before for before, after in itertools.pairwise(runs)]
    assert all(wait >= delay for wait, delay in zip(waits, DELAYS, strict=False))
    assert line.client.xlen("genesis:alerts") == alerts + 1
    assert not [text for text in line.letters("testers") if text["id"] == event]


def test_those_of_several_in_one_task_that_fail_are_retried_alone_and_the_others_settle_once(line: Line) -> None:
    alerts, names = line.client.xlen("genesis:alerts"), ["fine", "fails twice", "always fails", "no room once", "permanent", "fine"]

    events = line.producer.publish(*(zone(name) for name in names))
    wait_until(line.done, f"all are done; see {line.logs}")

    assert [len(line.runs("testers", event.id)) for event in events] == [1, 3, 4, 2, 1, 1]
    letters = {text["id"]: text for text in line.letters("testers")}
    assert [event.id in letters for event in events] == [False, False, True, False, True, False]
    assert letters[events[2].id]["dlq-task"].endswith(f":testers:{letters[events[2].id]['dlq-entry']}")  # one of its own by then
    assert letters[events[4].id]["dlq-task"].count(",") == 5  # still the one of all
    assert line.client.xlen("genesis:alerts") == alerts + 4


def test_a_handler_that_always_fails_is_in_the_dead_letters_after_three_retries(line: Line) -> None:
    event = publish(line, "always fails")

    assert len(line.runs("testers", event)) == 4
    (text,) = [text for text in line.letters("testers") if text["id"] == event]
    assert text["dlq-reason"] == "retries_exhausted"
    assert (text["dlq-error"], text["dlq-message"]) == ("KeyError", "'never'")
    assert "handlers_of_tests.py" in text["dlq-traceback"]
    assert text["dlq-attempts"] == "4"
    assert text["dlq-task"] == f"genesis:zones:testers:{text['dlq-entry']}"
    assert text["dlq-worker"].startswith("ingestion@")
    assert json.loads(text["data"])["zone"] == "always fails"
    assert int(text["dlq-last-failure"]) - int(text["dlq-first-failure"]) >= sum(DELAYS) * 1000


@pytest.mark.parametrize(
    ("name", "reason", "message"),
    [
        ("permanent", "permanent", "not this one"),
        ("no list", "permanent", "expected a list of events"),
        ("no time zone", "permanent", "AlertEvent"),
    ],
)
def test_a_permanent_failure_is_buried_at_once(line: Line, name: str, reason: str, message: str) -> None:
    event = publish(line, name)

    assert len(line.runs("testers", event)) == 1
    (text,) = [text for text in line.letters("testers") if text["id"] == event]
    assert text["dlq-reason"] == reason
    assert message in text["dlq-message"]


def test_backpressure_in_a_handler_uses_up_no_attempt(line: Line) -> None:
    event = publish(line, "no room once")

    assert len(line.runs("testers", event)) == 2
    assert not [text for text in line.letters("testers") if text["id"] == event]
    assert line.client.hlen("genesis:zones:attempts") == 0


def test_a_run_beyond_its_time_limit_is_a_failure_like_any_other(line: Line) -> None:
    event = publish(line, "hangs too long")

    (text,) = [text for text in line.letters("impatient") if text["id"] == event]
    assert text["dlq-reason"] == "time_limit"
    assert len(line.runs("impatient", event)) == 1


def test_a_filter_is_answered_in_the_bridge(line: Line) -> None:
    unwanted, wanted = publish(line, "unwanted"), publish(line, "wanted")

    assert line.runs("choosy", unwanted) == []
    assert len(line.runs("choosy", wanted)) == 1


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"a": "b"}, "malformed"),
        ({b"\xff\xfe": b"\x80"}, "malformed"),
        (
            {
                "specversion": "1.0",
                "id": "1",
                "source": "/x",
                "type": "no.such.type",
                "time": "now",
                "dataschema": "urn:x:1.0",
                "data": "{}",
            },
            "unknown_type",
        ),
        ({"a": "x" * 200_000}, "oversized"),
    ],
    ids=["no event", "not text", "unknown type", "oversized"],
)
def test_an_entry_that_is_no_event_is_buried_for_every_group_and_the_worker_lives(line: Line, fields: dict[str, str], reason: str) -> None:
    entry = line.client.xadd("genesis:zones", fields).decode()  # type: ignore[arg-type]

    wait_until(line.done, "the entry is buried")

    letters = {
        g: [t for t in line.letters(g) if t["dlq-entry"] == entry] for g in ("zone-workers", "analytics-workers", "testers", "choosy")
    }
    assert {group: [text["dlq-reason"] for text in found] for group, found in letters.items()} == {group: [reason] for group in letters}
    assert publish(line, "still alive")


def test_both_groups_of_a_stream_get_every_event(line: Line) -> None:
    before = {group: line.settled(group) for group in ("zone-workers", "testers", "frame-workers")}

    line.producer.publish(*[zone(f"crowd {n}") for n in range(100)])
    line.producer.publish(*[frame(n) for n in range(50)])

    wait_until(lambda: line.settled("testers") == before["testers"] + 100, "testers have all")
    wait_until(lambda: line.settled("zone-workers") == before["zone-workers"] + 100, "zone-workers have all")
    wait_until(lambda: line.settled("frame-workers") == before["frame-workers"] + 50, "frame-workers have all")
    camera = {key.decode(): value.decode() for key, value in line.client.hgetall("genesis:camera:door").items()}
    assert (camera["number"], camera["state"], camera["frame_key"]) == ("49", "live", "frame-49")
    line.client.delete("genesis:frames")


def test_a_bridge_goes_on_with_what_it_had_taken_when_the_queues_are_lost(line: Line, volatile_server: RedisServer) -> None:
    """Stop the worker, let the bridge dispatch, lose the queues, start both again."""
    folder = line.logs
    env = {"GENESIS_CONFIG": str(folder / "settings.yaml"), "NOTES_OF_TESTS": str(line.notes), "GENESIS_REDIS__PREFIX": "second"}
    settings = load(folder / "settings.yaml")
    settings = settings.model_copy(update={"redis": settings.redis.model_copy(update={"prefix": "second"})})
    producer = Producer(settings, _registry())
    producer.start()
    stream = "second:zones"
    with program(bridge_argv(), folder / "second-bridge.log", env) as first:
        producer.publish(*[zone(f"wanted {n}") for n in range(10)])
        wait_until(lambda: producer.ledger.client.xpending(stream, "testers")["pending"] == 10, "the bridge has taken all")
        os.kill(first.pid, signal.SIGKILL)
        first.wait()
    connect(volatile_server.url(1)).flushdb()

    with (
        program(bridge_argv(), folder / "second-bridge.log", env),
        program(worker_argv("alerts,analytics"), folder / "second-worker.log", env),
    ):
        wait_until(
            lambda: sum(g["pending"] + (g.get("lag") or 0) for g in producer.ledger.client.xinfo_groups(stream)) == 0, "all is settled"
        )

    assert producer.ledger.client.hget("second:counts", f"{stream}|testers|settled") == b"10"
    assert producer.ledger.client.xlen("second:alerts") == 10
    producer.close()
