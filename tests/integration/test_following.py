"""Zone and session events are the same with one worker and with eight, in order and shuffled, with gaps, and with crashes in between."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from genesis.bus.delivery import deliver
from genesis.bus.ledger import Delivery, Ledger
from genesis.bus.process import Process
from genesis.bus.runs import Run
from genesis.capture.inprocess import InProcess
from genesis.connections import connect
from genesis.embedded.redis import RedisServer
from genesis.events import PersonDetected, SessionEvent, ZoneEvent, encode
from genesis.settings import Settings, load
from genesis.subscriptions import Registry, load_subscriptions
from tests.catalogue import builtin_subscriptions
from tests.processes import bridge_argv, end_at_once, program, wait_until, worker_argv
from tests.walkers import CAMERA, clip

GROUP, STREAM = "person-workers", "genesis:persons"
Fields = dict[str, str]


def directly(events: Sequence[PersonDetected], settings: Settings) -> list[list[Fields]]:
    """Return the zone events and the session events of sync mode."""
    told: dict[str, list[Fields]] = {"zones": [], "sessions": []}
    pipeline = InProcess(settings, builtin_subscriptions(), lambda event, _: told.get(event.STREAM, []).append(encode(event)))
    for event in events:
        pipeline.handle(event)
    assert not pipeline.failed
    return list(told.values())


def on(ledger: Any) -> list[list[Fields]]:
    """Return the zone events and the session events that are in the streams."""
    return [
        [{name.decode(): value.decode() for name, value in fields.items()} for _, fields in ledger.xrange(f"genesis:{stream}")]
        for stream in ("zones", "sessions")
    ]


class Killed(BaseException):
    """The worker's child is gone."""


class Hasty(Process):
    """Waits for nobody: there is one thread."""

    @staticmethod
    def pause(seconds: float) -> None:
        """Go on at once."""
        del seconds


@pytest.fixture
def watched(settings: Settings) -> Settings:
    """Return settings of a camera with zones."""
    return settings.model_copy(update={"cameras": load_camera()})


def load_camera() -> Any:
    return Settings(cameras=[CAMERA]).cameras  # type: ignore[list-item]


@pytest.fixture
def process(watched: Settings) -> Iterator[Process]:
    made = Hasty.open(watched)
    yield made
    made.ledger.close()
    made.cache.close()


def published(bus: Ledger, events: Sequence[PersonDetected]) -> list[str]:
    """Publish events, and take them as a bridge does; return their entries."""
    bus.client.flushall()
    bus.create_groups()
    for event in events:
        bus.publish([event])
    ((_, entries),) = bus.client.xreadgroup(GROUP, "bridge-a-1", {STREAM: ">"}, count=1000)
    return [entry.decode() for entry, _ in entries]


@given(st.randoms(use_true_random=False), st.integers(1, 8), st.integers(0, 4), st.integers(0, 3))
@hypothesis_settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_order_any_number_of_workers_any_gap_and_any_crash_give_the_events_of_sync_mode(  # noqa: C901 - a small world of its own
    process: Process, random: Random, workers: int, crashes: int, gaps: int
) -> None:
    bus, row = process.ledger, next(row for row in load_subscriptions() if row.group == GROUP)
    events = clip(45, seed=random.randrange(1000))
    for number in random.sample(range(1, 40), gaps):
        events = [event for event in events if event.number != number]
    left = published(bus, events)
    random.shuffle(left)
    crash_at = {random.randrange(60): random.choice(["before", "after"]) for _ in range(crashes)}
    calls = iter(range(100_000))

    def crashing(verb: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            when = crash_at.get(next(calls))
            if when == "before":
                raise Killed
            answer = verb(*args, **kwargs)
            if when == "after":
                raise Killed
            return answer

        return wrapped

    def attempt(entry: str, max_gap: float) -> None:
        ((_, fields),) = bus.client.xrange(STREAM, entry, entry)
        texts = {name.decode(): value.decode() for name, value in fields.items()}
        with suppress(Killed):
            delivery = Delivery(STREAM, GROUP, entry)
            deliver(Run(process, replace(row, max_gap=max_gap), delivery, "t", f"w{random.randrange(workers)}@host"), texts)

    with pytest.MonkeyPatch.context() as patch:
        for verb in ("settle", "hold"):
            patch.setattr(bus, verb, crashing(getattr(bus, verb)))
        for turn in range(50):
            while left:
                attempt(left.pop(), max_gap=0.0 if turn > 1 else 3600.0)
            for pending in bus.leases.pending(STREAM, GROUP):
                bus.leases.reclaim(STREAM, GROUP, "bridge-a-1", [pending.entry], idle_ms=0)
            left = [pending.entry for pending in bus.leases.pending(STREAM, GROUP)]
            # Once what did not come is passed over, those that wait are all here: the first of them goes first.
            left.sort(key=lambda entry: [int(part) for part in entry.split("-")], reverse=True)
            if not left:
                break

    assert on(bus.client) == directly(events, process.settings)


def test_eight_children_of_which_some_are_killed_give_the_events_of_sync_mode(
    tmp_path: Path, ledger_server: RedisServer, volatile_server: RedisServer
) -> None:
    values = {
        "redis": {"url": ledger_server.url()},
        "frame_cache": {"url": volatile_server.url()},
        "celery": {"broker_url": volatile_server.broker_url(1)},
        "delivery": {"lease_seconds": 3.0, "sweep_seconds": 0.3},
        "bridge": {"block_seconds": 0.2},
        "storage": {"dsn": "none"},
        "recognition": {"engine": "none"},
        "cameras": [CAMERA],
        "data_dir": str(tmp_path),
    }
    (tmp_path / "settings.yaml").write_text(yaml.safe_dump(values))
    settings, env = load(tmp_path / "settings.yaml"), {"GENESIS_CONFIG": str(tmp_path / "settings.yaml"), "TMPDIR": str(tmp_path)}
    for server in (ledger_server, volatile_server):
        connect(server.url()).flushall()
    events, random = clip(200, people=8, seed=3), Random(3)
    queues = "analytics,alerts,sessions,metrics,storage,notifications,recognition"
    log = tmp_path / "worker.log"
    bus = Ledger(settings, Registry(list(builtin_subscriptions())))
    bus.create_groups()

    with program(bridge_argv(), tmp_path / "bridge.log", env), program(worker_argv(queues, 8), log, env) as worker:
        wait_until(lambda: " ready." in log.read_text(), "the worker is ready")
        for begin in range(0, len(events), 50):
            some = events[begin : begin + 50]
            random.shuffle(some)
            for event in some:
                bus.publish([event])
            for child in random.sample(children_of(worker.pid), 2):
                with suppress(ProcessLookupError):
                    os.kill(child, signal.SIGKILL)
        wait_until(lambda: not backlog(bus), "all is settled")
        end_at_once()

    assert on(bus.client) == directly(events, settings)
    assert not bus.client.exists(f"{STREAM}:dlq")
    bus.close()


def children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def backlog(bus: Ledger) -> int:
    pending = 0
    for event, group in ((PersonDetected, GROUP), (ZoneEvent, "zone-workers"), (SessionEvent, "session-workers")):
        info = {row["name"].decode(): row for row in bus.client.xinfo_groups(bus.keys.stream_of(event))}[group]
        pending += info["pending"] + (info.get("lag") or 0)
    return pending
