"""What a program tells the ledger of itself, through any absence of the ledger; and a bridge of which one part hangs."""

from __future__ import annotations

import json
import logging
import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest

from genesis import __version__
from genesis.bus.bridge import Bridge
from genesis.bus.ledger import Ledger
from genesis.bus.programs import Program, programs
from genesis.bus.signs import Signs
from genesis.embedded.redis import RedisServer
from genesis.events import ZoneEvent, completed
from genesis.settings import Settings
from genesis.subscriptions import Registry, Subscription
from genesis.telemetry.vitals import Vitals
from tests.events_of_tests import zone
from tests.processes import wait_until


@pytest.fixture
def vitals(settings: Settings) -> Iterator[Vitals]:
    with Vitals(settings, "capture", "here-1", ports=[0]) as made:
        yield made


@pytest.fixture
def signs(settings: Settings, vitals: Vitals) -> Iterator[Signs]:
    made = Signs(settings, vitals, cameras=["door"], every=0.02)
    made.start()
    yield made
    made.stop()


def known(bus: Ledger) -> list[Program]:
    return programs(bus.client, bus.keys)


def test_a_program_tells_of_itself_until_it_ends(bus: Ledger, vitals: Vitals, signs: Signs) -> None:
    (first,) = wait_until(lambda: known(bus), "the first sign")
    (later,) = wait_until(lambda: [program for program in known(bus) if program.seen > first.seen], "another one")
    signs.stop()

    assert (first.role, first.name, first.cameras, first.port) == ("capture", "here-1", ("door",), vitals.port)
    assert (first.host, first.version, first.ailing) == (socket.gethostname(), __version__, ())
    assert later.alive(later.seen + 10)
    assert known(bus) == []


def test_a_part_that_ails_is_told(bus: Ledger, vitals: Vitals, signs: Signs) -> None:
    vitals.health.heart("camera door", 0.05)

    (program,) = wait_until(lambda: [program for program in known(bus) if program.ailing], "it is told")

    assert program.ailing == ("camera door",)


def test_an_absence_of_the_ledger_is_said_once_and_outlived(
    bus: Ledger, signs: Signs, ledger_server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    (before,) = wait_until(lambda: known(bus), "the first sign")
    ledger_server.stop()
    wait_until(lambda: caplog.messages, "it is said")
    ledger_server.start()

    (after,) = wait_until(lambda: [program for program in known(bus) if program.seen > before.seen], "signs are given again")

    assert after.name == before.name
    assert [message for message in caplog.messages if "no signs of life" in message] == caplog.messages[:1]
    assert caplog.records[0].levelno == logging.INFO


def test_a_program_that_ends_while_the_ledger_is_away_waits_for_nothing(
    bus: Ledger, signs: Signs, ledger_server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    wait_until(lambda: known(bus), "the first sign")
    ledger_server.stop()
    wait_until(lambda: caplog.messages, "the ledger is away")

    signs.stop()

    assert not [message for message in caplog.messages if "Traceback" in message]


def test_a_bridge_of_which_one_pump_hangs_is_not_healthy(settings: Settings, registry: Registry, bus: Ledger) -> None:
    from genesis.celery import app

    goes_on = threading.Event()

    def hangs(_event: ZoneEvent) -> bool:
        goes_on.wait()
        return False

    # Any task serves: nothing is sent to it.
    task = next(row.handler for row in registry if row.event is ZoneEvent)
    rows = Registry()
    for row in registry:
        if row.handler is not task:
            rows.add(row)
    rows.add(Subscription(ZoneEvent, next(row.group for row in registry if row.handler is task), "alerts", task, when=hangs))
    quick = {"redis": {"give_up_seconds": 0.1, "timeout_seconds": 0.3}, "bridge": {"block_seconds": 0.05}}
    site = settings.model_copy(update={name: getattr(settings, name).model_copy(update=values) for name, values in quick.items()})
    stopped = threading.Event()
    bridge = Bridge(site, rows, app, stopped)

    with Vitals(site, "bridge", bridge.consumer, ports=[0]) as vitals:
        thread = threading.Thread(target=bridge.run, args=(vitals,))
        thread.start()
        try:
            wait_until(lambda: known(bus), "it works")
            at_first = asked(vitals.port)
            bus.publish([completed(zone("yard"))])
            hung = wait_until(lambda: (answer := asked(vitals.port)) and not answer["healthy"] and answer, "it is seen")
            goes_on.set()
            wait_until(lambda: asked(vitals.port)["healthy"], "it is well again")
        finally:
            goes_on.set()
            stopped.set()
            thread.join()
        at_last = asked(vitals.port)

    assert (at_first["healthy"], at_last["healthy"]) == (True, True)
    assert [part.partition("/")[0] for part in hung["ailing"]] == ["pump zones"]
    assert known(bus) == []


def asked(port: int) -> dict[str, object]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=10) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        return json.load(error)
