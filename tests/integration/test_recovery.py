"""Workers are killed, hang, crash and are restarted: what they had is done all the same, once, and soon."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import pytest
import redis
import yaml

from genesis.bus.producer import Producer
from genesis.connections import connect
from genesis.embedded.redis import RedisServer
from genesis.events import ZoneEvent
from genesis.settings import Settings, load
from genesis.subscriptions import Registry, Subscription
from tests.catalogue import builtin_subscriptions
from tests.events_of_tests import zone
from tests.processes import bridge_argv, end_at_once, program, wait_until, worker_argv

LEASE, DELIVERIES, SHUTDOWN = 3.0, 2, 1.0
STREAM = "genesis:zones"


@dataclass
class Site:
    """A bridge and workers that can be killed."""

    producer: Producer
    client: redis.Redis
    settings: Settings
    folder: Path
    env: dict[str, str]
    stack: ExitStack
    workers: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def worker(self, name: str, queues: str, children: int = 1, pool: str = "prefork") -> subprocess.Popen[bytes]:
        argv = [*worker_argv(queues, children), "-n", f"{name}@%h", "-P", pool]
        started = self.stack.enter_context(program(argv, self.folder / f"{name}.log", self.env))
        self.workers[name] = started
        ready = sum(text.count(" ready.") for text in self.texts(name))
        wait_until(lambda: sum(text.count(" ready.") for text in self.texts(name)) > ready, f"{name} is ready; see {self.folder}")
        return started

    def texts(self, name: str) -> list[str]:
        log = self.folder / f"{name}.log"
        return [log.read_text()] if log.exists() else []

    def notes(self) -> list[list[str]]:
        """Return zone, what happened, process and time of every note."""
        return [line.rsplit(" ", 3) for line in (self.folder / "notes.txt").read_text().splitlines()]

    def runs(self, name: str, what: str = "begun") -> list[int]:
        return [int(pid) for found, told, pid, _ in self.notes() if (found, told) == (name, what)]

    def alerts(self) -> Counter[str]:
        return Counter(msgspec.json.decode(fields[b"data"])["rule"] for _, fields in self.client.xrange("genesis:alerts"))

    def count(self, name: str) -> int:
        return int(self.client.hget("genesis:counts", name) or 0)

    def letters(self, name: str) -> list[dict[str, str]]:
        rows = self.client.xrange(f"{STREAM}:dlq")
        texts = [{key.decode(): value.decode() for key, value in fields.items()} for _, fields in rows]
        return [text for text in texts if f'"{name}"' in text["data"]]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, ledger_server: RedisServer, volatile_server: RedisServer) -> Iterator[Site]:
    for server in (ledger_server, volatile_server):
        server.start()
        connect(server.url()).flushall()
    folder = tmp_path_factory.mktemp("site")
    values = {
        "redis": {"url": ledger_server.url()},
        "frame_cache": {"url": volatile_server.url()},
        "celery": {"broker_url": volatile_server.broker_url(1), "shutdown_seconds": SHUTDOWN},
        "delivery": {"lease_seconds": LEASE, "sweep_seconds": 0.3, "max_deliveries": DELIVERIES},
        "bridge": {"block_seconds": 0.2},  # so that it ends soon
        "handlers": ["tests.integration.handlers_of_recovery"],
        "storage": {"dsn": "none"},
        "recognition": {"engine": "none"},
        "data_dir": str(folder),
    }
    (folder / "settings.yaml").write_text(yaml.safe_dump(values))
    (folder / "notes.txt").touch()
    settings = load(folder / "settings.yaml")
    rows = builtin_subscriptions()
    for group in ("fragile", "patient"):
        rows.add(Subscription(ZoneEvent, group, "alerts", lambda _event, _context: None))
    producer = Producer(settings, Registry(list(rows)))
    producer.start()
    env = {"GENESIS_CONFIG": str(folder / "settings.yaml"), "NOTES_OF_TESTS": str(folder / "notes.txt"), "TMPDIR": str(folder)}
    with ExitStack() as stack:
        stack.enter_context(program(bridge_argv(), folder / "bridge.log", env))
        made = Site(producer, producer.ledger.client, settings, folder, env, stack)
        made.worker("fragile", "alerts", 3)
        yield made
        end_at_once()
    producer.close()


def test_events_that_take_their_workers_along_are_buried_and_the_others_go_on(site: Site) -> None:
    fine = [f"fine {number}" for number in range(20)]

    site.producer.publish(zone("segfault"), zone("hang"), zone("memory"), *[zone(name) for name in fine])
    wait_until(lambda: site.alerts().keys() >= set(fine), f"the others are done; see {site.folder}")
    early = len(site.letters("segfault")) + len(site.letters("hang"))
    wait_until(lambda: all(site.letters(name) for name in ("segfault", "hang", "memory")), f"they are buried; see {site.folder}")

    assert early == 0
    (segfault,), (hang,), (memory,) = (site.letters(name) for name in ("segfault", "hang", "memory"))
    assert (segfault["dlq-reason"], hang["dlq-reason"], memory["dlq-reason"]) == ("poison", "time_limit", "retries_exhausted")
    assert "SIGSEGV" in segfault["dlq-message"]
    assert memory["dlq-error"] == "MemoryError"
    assert len(site.runs("segfault")) == len(site.runs("hang")) == DELIVERIES
    assert {segfault["dlq-group"], hang["dlq-group"], memory["dlq-group"]} == {"fragile"}
    assert site.alerts() == Counter(fine)
    assert site.workers["fragile"].poll() is None


def test_a_child_that_is_killed_loses_nothing(site: Site) -> None:
    site.worker("patient", "analytics")
    site.producer.publish(zone("killed:0.6"))
    wait_until(lambda: site.runs("killed:0.6"), "it runs")

    os.kill(site.runs("killed:0.6")[0], signal.SIGKILL)
    began = time.monotonic()
    wait_until(lambda: site.alerts()["killed:0.6"], f"it is done; see {site.folder}")

    assert time.monotonic() - began < LEASE  # its death was told: nobody waited for the lease
    assert len(site.runs("killed:0.6")) == 2
    assert site.alerts()["killed:0.6"] == 1


def test_a_worker_that_is_killed_loses_nothing(site: Site) -> None:
    names = [f"{number}:0.3" for number in range(6)]
    site.producer.publish(*[zone(name) for name in names])
    wait_until(lambda: site.alerts()["0:0.3"], "some are done")

    os.kill(site.workers["patient"].pid, signal.SIGKILL)
    began = time.monotonic()
    site.worker("second", "analytics")
    wait_until(lambda: all(site.alerts()[name] for name in names), f"all are done; see {site.folder}")

    assert time.monotonic() - began < LEASE + 10
    assert {name: site.alerts()[name] for name in names} == dict.fromkeys(names, 1)
    assert sum(len(site.runs(name)) for name in names) <= len(names) + 1


def test_a_worker_that_is_asked_to_end_finishes_what_it_can_and_gives_back_the_rest(site: Site) -> None:
    short, long = "short:0.5", "long:4"
    before = site.count(f"{STREAM}|patient|retried")
    site.worker("third", "analytics", 2)
    site.workers["second"].send_signal(signal.SIGTERM)
    site.workers["second"].wait(20)
    site.producer.publish(zone(short), zone(long), *[zone(f"after {number}:0.1") for number in range(4)])
    wait_until(lambda: site.runs(short) and site.runs(long), "both run")

    began = time.monotonic()
    site.workers["third"].send_signal(signal.SIGTERM)
    site.workers["third"].wait(20)
    took = time.monotonic() - began
    finished = site.runs(short, "ended"), site.runs(long, "ended")
    site.worker("fourth", "analytics", 2)
    wait_until(lambda: site.alerts()[long], f"the long one is done too; see {site.folder}")
    again = time.monotonic() - began

    assert took < SHUTDOWN + 3
    assert [len(pids) for pids in finished] == [1, 0]
    assert len(site.runs(short)) == 1
    assert again < SHUTDOWN + 4 + 2 * LEASE  # it did not wait for its lease
    assert site.alerts()[long] == site.alerts()[short] == 1
    assert site.count(f"{STREAM}|patient|retried") == before
    assert not site.letters(long)


def test_a_rolling_restart_under_load_shows_no_retry_no_repeat_and_no_dead_letter(site: Site) -> None:
    dead = site.client.xlen(f"{STREAM}:dlq")
    before = site.count(f"{STREAM}|patient|retried")
    site.worker("fifth", "analytics", 2)
    names: list[str] = []
    enough = threading.Event()

    def load() -> None:
        while not enough.wait(0.1):
            more = [f"{len(names) + number} load:0.02" for number in range(5)]
            names.extend(more)
            site.producer.publish(*[zone(name) for name in more])

    publisher = threading.Thread(target=load)
    publisher.start()
    try:
        for name, following in (("fourth", "sixth"), ("fifth", "seventh")):
            begun = len(site.notes())
            wait_until(lambda begun=begun: len(site.notes()) > begun + 40, "there is load")
            site.workers[name].send_signal(signal.SIGTERM)
            site.worker(following, "analytics", 2)
            site.workers[name].wait(20)
    finally:
        enough.set()
        publisher.join()
    wait_until(lambda: all(site.alerts()[name] for name in names), f"all are done; see {site.folder}")

    runs = Counter(found for found, what, _, _ in site.notes() if what == "begun" and found in set(names))
    assert {name: site.alerts()[name] for name in names} == dict.fromkeys(names, 1)
    assert set(runs.values()) == {1}
    assert site.count(f"{STREAM}|patient|retried") == before
    assert site.client.xlen(f"{STREAM}:dlq") == dead
    assert not [name for name in ("fourth", "fifth") if "is given back" in "".join(site.texts(name))]


def test_a_solo_worker_that_is_asked_to_end_has_settled_all_that_it_ran(site: Site) -> None:
    for name in ("sixth", "seventh"):
        site.workers[name].send_signal(signal.SIGTERM)
        site.workers[name].wait(20)
    site.worker("eighth", "analytics", pool="solo")
    names = [f"solo {number}:0.001" for number in range(600)]

    def ended() -> Counter[str]:
        return Counter(found for found, what, _, _ in site.notes() if what == "ended" and found.startswith("solo "))

    def settled() -> Counter[str]:
        return Counter({name: count for name, count in site.alerts().items() if name.startswith("solo ")})

    site.producer.publish(*[zone(name) for name in names])
    wait_until(lambda: len(ended()) > 100, "some have run")
    site.workers["eighth"].send_signal(signal.SIGTERM)
    site.workers["eighth"].wait(20)
    ran, done = ended(), settled()
    site.worker("ninth", "analytics", pool="solo")
    wait_until(lambda: len(settled()) == len(names), f"all are done; see {site.folder}")

    assert done == ran
    assert len(ran) < len(names)
    assert ended() == settled() == Counter(names)
