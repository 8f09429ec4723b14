"""From zone events to a webhook, through real workers: each alert that the rules allow arrives once, or is a dead letter."""

from __future__ import annotations

import base64
import os
import signal
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from random import Random
from typing import Any

import cv2
import msgspec
import numpy as np
import pytest
import yaml

from genesis.bus.ledger import Ledger
from genesis.cache import FrameCache
from genesis.connections import connect
from genesis.embedded.redis import RedisServer
from genesis.events import AlertEvent, Box, ZoneEvent, completed
from genesis.settings import Settings, load
from genesis.subscriptions import Registry
from tests.catalogue import builtin_subscriptions
from tests.events_of_tests import NOON
from tests.processes import bridge_argv, end_at_once, program, wait_until, worker_argv

ZONES = ("hall", "yard", "roof")
COOLDOWN = 20.0
EVENTS = 600
KILLS = 2
PICTURED = "alert-pictured-entry"
"""Id of the alert that has a picture, which is to arrive."""
ANSWERS = ("ok", "error then ok", "hangs then ok", "hangs up then ok", "done but 502 then ok", "never", "refused")


class Guard(ThreadingHTTPServer):
    """An endpoint with troubles: how it answers a call depends on the alert, and on how often that was sent before."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Call)
        self.calls: Counter[str] = Counter()
        self.done: Counter[str] = Counter()
        self.payloads: dict[str, dict[str, Any]] = {}
        self.kinds: dict[str, str] = {PICTURED: "ok"}
        self.lock = threading.Lock()
        self.over = threading.Event()

    def kind(self, key: str) -> str:
        """Deal out the troubles evenly, in the order in which the alerts first come."""
        return self.kinds.setdefault(key, ANSWERS[len(self.kinds) % len(ANSWERS)])


class Call(BaseHTTPRequestHandler):
    """One call."""

    server: Guard

    def do_POST(self) -> None:
        key, body = self.headers["Idempotency-Key"], self.rfile.read(int(self.headers["Content-Length"]))
        with self.server.lock:
            kind, self.server.calls[key] = self.server.kind(key), self.server.calls[key] + 1
            first = self.server.calls[key] == 1
        if kind.startswith("hangs up") and first:
            self.close_connection = True
            return
        if kind.startswith("hangs then") and first:
            self.server.over.wait(20)
            return
        status = {"error then ok": 500, "done but 502 then ok": 502}.get(kind, 200) if first else 200
        status = {"never": 503, "refused": 404}.get(kind, status)
        if status in {200, 502}:
            with self.server.lock:
                self.server.done[key] += 1
                self.server.payloads[key] = msgspec.json.decode(body)
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def guard(monkeypatch: pytest.MonkeyPatch) -> Iterator[Guard]:
    monkeypatch.setenv("no_proxy", "*")
    server = Guard()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.over.set()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def installed(tmp_path: Path, guard: Guard, ledger_server: RedisServer, volatile_server: RedisServer) -> Settings:
    for server in (ledger_server, volatile_server):
        server.start()
        connect(server.url()).flushall()
    values = {
        "redis": {"url": ledger_server.url()},
        "frame_cache": {"url": volatile_server.url()},
        "celery": {"broker_url": volatile_server.broker_url(1)},
        "delivery": {"lease_seconds": 3.0, "sweep_seconds": 0.3},
        "bridge": {"block_seconds": 0.2},
        "storage": {"dsn": "none"},
        "recognition": {"engine": "none"},
        "alerts": {
            "rules": [{"name": "entry", "when": "entered", "cooldown_seconds": COOLDOWN, "cooldown_per": "zone"}],
            "notifiers": [
                {
                    "name": "guard", "kind": "webhook", "url": f"http://127.0.0.1:{guard.server_port}/hook",
                    "allow_private": True, "timeout_seconds": 1,
                }
            ],
            "retry_delays": [0.1, 0.2],
        },
        "data_dir": str(tmp_path / "data"),
    }  # fmt: skip
    (tmp_path / "settings.yaml").write_text(yaml.safe_dump(values))
    return load(tmp_path / "settings.yaml")


def storm() -> list[ZoneEvent]:
    """Return entries and exits in their order, one every half second, of which the rule is about the entries."""
    random = Random(5)
    return [
        ZoneEvent(
            camera="door", time=NOON + timedelta(seconds=number / 2), id=f"z{number}", kind=random.choice(["entered", "exited"]),
            zone=random.choice(ZONES), track=f"s1-{number}", session="s1", number=number,
        )
        for number in range(EVENTS)
    ]  # fmt: skip


def allowed(events: list[ZoneEvent]) -> list[str]:
    """Return the events that may raise an alert."""
    last: dict[str, float] = {}
    raised = []
    for event in events:
        at = event.time.timestamp()
        if event.kind == "entered" and at - last.get(event.zone, -1e9) >= COOLDOWN:
            last[event.zone] = at
            raised.append(event.id)
    return raised


def alerts_on(bus: Ledger) -> list[dict[str, Any]]:
    return [msgspec.json.decode(fields[b"data"]) | {"id": fields[b"id"].decode()} for _, fields in bus.client.xrange("genesis:alerts")]


def backlog(bus: Ledger) -> int:
    groups = [row for stream in ("zones", "alerts") for row in bus.client.xinfo_groups(f"genesis:{stream}")]
    return sum(row["pending"] + (row.get("lag") or 0) for row in groups)


def test_a_storm_gives_what_the_cooldown_allows_and_each_alert_arrives_once_or_is_a_dead_letter(
    installed: Settings, guard: Guard, tmp_path: Path
) -> None:
    env = {"GENESIS_CONFIG": str(tmp_path / "settings.yaml"), "TMPDIR": str(tmp_path)}
    bus = Ledger(installed, Registry(list(builtin_subscriptions())))
    bus.create_groups()
    events, log = storm(), tmp_path / "worker.log"
    shuffled = [event for begin in range(0, EVENTS, 30) for event in Random(begin).sample(events[begin : begin + 30], 30)]
    frame = np.full((120, 160, 3), 90, np.uint8)
    FrameCache.of(installed).put("picture", frame)
    last = ZoneEvent(
        camera="yard", time=NOON, id="pictured", kind="entered", zone="hall", track="s2-1", session="s2", number=0,
        box=Box(40, 20, 80, 100),
        frame_key="picture",
    )  # fmt: skip
    named = ZoneEvent(
        camera="yard", time=NOON + timedelta(seconds=1), kind="identified", track="s2-1", identity="Ada", identity_id="7", known=True
    )

    with (
        program(bridge_argv(), tmp_path / "bridge.log", env),
        program(worker_argv("alerts,notifications,analytics", 4), log, env) as worker,
    ):
        wait_until(lambda: " ready." in log.read_text(), "the worker is ready")
        bus.publish([completed(last)])
        for number, event in enumerate(shuffled):
            bus.publish([completed(event)])
            if number and number % (EVENTS // (KILLS + 1)) == 0:
                killed(worker.pid)
        wait_until(lambda: len(alerts_on(bus)) > len(allowed(events)), "all alerts are raised")
        bus.publish([completed(named)])
        wait_until(lambda: not backlog(bus), "all is settled")
        end_at_once()

    raised = [alert for alert in alerts_on(bus) if alert["camera"] == "door"]
    assert [alert["cause"] for alert in raised] == allowed(events)
    assert bus.client.hlen("genesis:references") == 0
    letters = {fields[b"id"].decode(): fields for _, fields in bus.client.xrange("genesis:alerts:dlq")}
    expected = {key for key, kind in guard.kinds.items() if kind in {"never", "refused"}}
    assert set(letters) == expected
    assert {fields[b"dlq-group"] for fields in letters.values()} == {b"notification-workers"}
    assert set(guard.done) == {alert["id"] for alert in alerts_on(bus)} - expected
    # Once by its key: what makes a second call of what was done is an answer lost on the way back, or one of the two kills.
    assert sum(count - 1 for key, count in guard.done.items() if not guard.kinds[key].startswith("done but")) <= KILLS
    assert set(guard.kinds.values()) == set(ANSWERS)
    update, picture = the_update(bus), snapshot_of(bus, guard)
    assert (update["identity"], update["alert"]) == ("Ada", PICTURED)
    assert picture.shape == frame.shape
    assert int(np.abs(picture.astype(int) - 90).max()) > 60  # box and zone are drawn into it
    bus.close()


def killed(worker: int) -> None:
    """Kill a child of the worker."""
    children = Path(f"/proc/{worker}/task/{worker}/children").read_text().split()
    with suppress(ProcessLookupError):
        os.kill(int(children[0]), signal.SIGKILL)


def the_update(bus: Ledger) -> dict[str, Any]:
    (update,) = [alert for alert in alerts_on(bus) if alert["kind"] == "updated"]
    return update


def snapshot_of(bus: Ledger, guard: Guard) -> Any:
    """Return the picture that was sent with the alert that has one."""
    (alert,) = [alert for alert in alerts_on(bus) if alert.get("snapshot")]
    assert alert["cause"] == "pictured"
    payload = guard.payloads[alert["id"]]
    return cv2.imdecode(np.frombuffer(base64.b64decode(payload["snapshot"]["data"]), np.uint8), cv2.IMREAD_COLOR)


def test_alert_events_of_handlers_of_one_s_own_are_told_too(guard: Guard, installed: Settings) -> None:
    from genesis.context import Context
    from tasks.notifications import send_alert

    event = completed(AlertEvent(camera="door", time=NOON, rule="mine", message="look"))
    guard.kinds[event.id] = "ok"

    send_alert(event, Context(installed, None, None))  # type: ignore[arg-type]

    assert guard.payloads[event.id]["message"] == "look"
