"""Redis goes away and comes back, and a bridge is killed, while a camera runs: all goes on by itself, with nothing lost or doubled."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import pytest
import redis
import yaml

from genesis.bus.backpressure import group_backlogs
from genesis.cli.journal import events
from genesis.connections import connect
from genesis.embedded.redis import RedisServer
from genesis.events import STREAMS, FrameCaptured, Keys, PersonDetected
from tests.processes import bridge_argv, end_at_once, program, wait_until, worker_argv

QUEUES = "detection,ingestion,analytics,recognition,storage,alerts,notifications,metrics,sessions"
AWAY_SECONDS = 3.0
LEASE_SECONDS = 4.0
FPS = 20
WINDOW = 16  # the least that the settings allow to be the most


@dataclass
class Site:
    """An installation with servers of its own, so that they can be taken away."""

    ledger: RedisServer
    volatile: RedisServer
    folder: Path
    env: dict[str, str]
    stack: ExitStack
    logs: list[Path] = field(default_factory=list)

    def start(self, name: str, argv: list[str]) -> subprocess.Popen[bytes]:
        log = self.folder / f"{name}.log"
        self.logs.append(log)
        return self.stack.enter_context(program(argv, log, self.env))

    def bridge(self, name: str = "bridge") -> subprocess.Popen[bytes]:
        return self.start(name, bridge_argv())

    def worker(self, name: str = "worker") -> subprocess.Popen[bytes]:
        return self.start(name, worker_argv(QUEUES))

    def capture(self) -> subprocess.Popen[bytes]:
        argv = ["--mode", "event", "--source", str(self.folder / "clip.avi"), "--camera", "hall", "--fps", str(FPS), "--loop"]
        return self.start("capture", [sys.executable, "-m", "genesis.capture", *argv])

    def client(self) -> redis.Redis:
        return connect(self.ledger.url())

    def frames(self) -> int:
        return int(self.client().xlen("genesis:frames"))

    def settled(self, group: str = "detection-workers") -> int:
        return int(self.client().hget("genesis:counts", f"genesis:frames|{group}|settled") or 0)

    def idle(self) -> bool:
        client = self.client()
        return all(group.total == 0 for stream in STREAMS for group in group_backlogs(client, f"genesis:{stream}"))

    def said(self, name: str, text: str) -> int:
        return (self.folder / f"{name}.log").read_text().count(text)

    def tracebacks(self) -> list[str]:
        return [log.name for log in self.logs if "Traceback" in log.read_text()]


@pytest.fixture
def site(tmp_path: Path, redis_program: Path) -> Iterator[Site]:
    """Make an installation; its frames are so small that the detector that is always there is quick."""
    del redis_program
    writer = cv2.VideoWriter(str(tmp_path / "clip.avi"), cv2.VideoWriter.fourcc(*"MJPG"), FPS, (96, 160))
    for number in range(40):
        writer.write(np.full((160, 96, 3), 5 * number, np.uint8))
    writer.release()
    with ExitStack() as stack:
        ledger = stack.enter_context(RedisServer("ledger", tmp_path / "ledger", appendfsync="everysec"))
        volatile = stack.enter_context(RedisServer("cache", tmp_path / "volatile"))
        values = {
            "redis": {"url": ledger.url()},
            "frame_cache": {"url": volatile.url()},
            "celery": {"broker_url": volatile.broker_url(1)},
            "detection": {"detector": "hog"},
            "bridge": {"block_seconds": 0.2},  # so that it ends soon
            "delivery": {"lease_seconds": LEASE_SECONDS, "sweep_seconds": 0.5},
            "storage": {"dsn": "none"},
            "recognition": {"engine": "none"},
            "data_dir": str(tmp_path / "data"),
        }
        (tmp_path / "settings.yaml").write_text(yaml.safe_dump(values))
        # kombu writes what it could not give back to the broker into a file there.
        # Frames that are lost with the volatile server are not waited for any longer than a test needs.
        env = {"GENESIS_CONFIG": str(tmp_path / "settings.yaml"), "TMPDIR": str(tmp_path), "GENESIS_TRACKING__GAP_SECONDS": "5"}
        yield Site(ledger, volatile, tmp_path, env, stack)
        end_at_once()


def numbers(site: Site, kind: type[FrameCaptured | PersonDetected]) -> list[tuple[str, int]]:
    return [(event.session, event.number) for _, event in events(site.client(), Keys("genesis"), kind)]


def test_the_ledger_may_be_away_for_a_while(site: Site) -> None:
    running = [site.bridge(), site.worker(), site.capture()]
    wait_until(lambda: site.settled() >= 20, f"frames are settled; see {site.folder}")

    site.ledger.stop()
    time.sleep(AWAY_SECONDS)  # what is tested is an absence of that length
    site.ledger.start()
    before = site.frames()
    wait_until(lambda: site.settled() >= before + 40, f"it goes on; see {site.folder}")
    alive = [process.poll() for process in running]
    running[-1].send_signal(signal.SIGTERM)
    capture_code = running[-1].wait(30)
    wait_until(site.idle, f"all is settled; see {site.folder}")

    published = numbers(site, FrameCaptured)
    assert alive == [None, None, None]
    assert capture_code == 0
    assert site.settled("frame-workers") == site.settled("detection-workers") == len(published) == len(set(published))
    assert sorted(numbers(site, PersonDetected)) == sorted(published)
    assert sorted(number for _, number in published) == list(range(len(published)))
    assert site.client().xlen("genesis:frames:dlq") == 0
    # Not one line for each try, nor for each of the bridge's threads; a worker may have had nothing in hand.
    away = "(redis.url) can't be reached"
    assert site.said("capture", away) == 1
    assert site.said("worker", away) <= 1
    assert 1 <= site.said("bridge", away) <= 3
    assert site.tracebacks() == []


def test_the_volatile_server_may_die_and_what_it_held_comes_back_by_itself(site: Site) -> None:
    running = [site.bridge(), site.worker(), site.capture()]
    wait_until(lambda: site.settled() >= 20, f"frames are settled; see {site.folder}")

    os.kill(site.volatile.pid, signal.SIGKILL)
    time.sleep(AWAY_SECONDS)  # what is tested is an absence of that length
    site.volatile.start()
    before = site.settled()
    wait_until(lambda: site.settled() >= before + 40, f"it goes on; see {site.folder}")
    alive = [process.poll() for process in running]
    running[2].send_signal(signal.SIGTERM)
    capture_code = running[2].wait(30)
    wait_until(site.idle, f"all is settled; see {site.folder}")

    published = numbers(site, FrameCaptured)
    found = numbers(site, PersonDetected)
    counts = site.client().hgetall("genesis:counts")
    assert alive == [None, None, None]
    assert capture_code == 0
    assert len(found) == len(set(found)) == site.settled()
    assert site.settled("frame-workers") == len(published)
    # The pixels of the frames that were under way are gone.
    buried = int(counts.get(b"genesis:frames|detection-workers|buried", 0))
    assert site.settled() + buried == len(published)
    assert {letter[b"dlq-reason"] for _, letter in site.client().xrange("genesis:frames:dlq")} <= {b"stale_frame"}
    # It may be killed in the midst of an answer.
    assert sum(site.said("capture", f"(frame_cache.url) {what}") for what in ("can't be reached", "has hung up")) == 1
    assert site.said("worker", "consumer: C") == 1
    assert site.said("bridge", "(celery.broker_url) can't be reached") <= 1
    assert site.tracebacks() == []


def in_bridges_hands(site: Site) -> int:
    held = site.client().xpending("genesis:frames", "detection-workers")["consumers"]
    return sum(row["pending"] for row in held if row["name"].startswith(b"bridge-"))


def test_a_subscription_whose_window_is_full_of_lost_entries_goes_on(site: Site) -> None:
    site.env["GENESIS_BRIDGE__WINDOW_MAX"] = str(WINDOW)
    bridge, worker = site.bridge(), site.worker()
    capture = site.capture()
    wait_until(lambda: site.settled() >= 20, f"frames are settled; see {site.folder}")
    os.killpg(worker.pid, signal.SIGSTOP)
    # What the stopped worker was running is in its own hands, and does not count.
    wait_until(lambda: in_bridges_hands(site) == WINDOW, "the window is full")

    os.kill(site.volatile.pid, signal.SIGKILL)
    wait_until(lambda: not site.volatile.running, "it is dead")
    site.volatile.start()
    os.killpg(worker.pid, signal.SIGCONT)
    newest = site.frames()
    wait_until(lambda: site.frames() > newest + 2 * WINDOW, f"capture goes on; see {site.folder}")
    capture.send_signal(signal.SIGTERM)
    capture.wait(30)
    wait_until(site.idle, f"all is settled; see {site.folder}")

    assert (bridge.poll(), worker.poll()) == (None, None)
    assert site.said("bridge", "dispatched again") > 0
    assert site.tracebacks() == []


def test_another_bridge_goes_on_when_one_is_killed(site: Site) -> None:
    first, second, worker, capture = site.bridge(), site.bridge("second"), site.worker(), site.capture()
    group = lambda: {  # noqa: E731
        consumer["name"].decode()
        for consumer in site.client().xinfo_consumers("genesis:frames", "detection-workers")
        if consumer["name"].startswith(b"bridge-")
    }
    wait_until(lambda: site.settled() >= 20 and len(group()) == 2, f"both bridges serve; see {site.folder}")

    first.kill()
    first.wait()
    newest = numbers(site, FrameCaptured)[-1]
    wait_until(lambda: site.frames() > newest[1] + 40, f"capture goes on; see {site.folder}")
    later = set(range(newest[1] + 1, newest[1] + 40))
    wait_until(lambda: later <= {number for _, number in numbers(site, PersonDetected)}, "so does the other")
    alive = [process.poll() for process in (second, worker, capture)]
    capture.send_signal(signal.SIGTERM)
    capture.wait(30)
    # What the first had taken and not dispatched has no lease after a while.
    wait_until(site.idle, f"all is settled; see {site.folder}")

    assert alive == [None, None, None]
    assert sorted(numbers(site, PersonDetected)) == sorted(numbers(site, FrameCaptured))
    assert site.settled("frame-workers") == site.settled() == site.frames()
    assert site.tracebacks() == []
