"""A bridge whose part fails in a way nobody thought of ends as a whole, so that it is seen."""

from __future__ import annotations

import threading

import pytest

from genesis.bus import bridge as bridge_module
from genesis.bus.bridge import Bridge
from genesis.settings import Settings
from genesis.subscriptions import Registry
from tests.processes import wait_until


@pytest.mark.parametrize("part", ["Pump", "Keeper", "Janitor"])
def test_a_part_that_fails_ends_the_bridge(settings: Settings, registry: Registry, monkeypatch: pytest.MonkeyPatch, part: str) -> None:
    from genesis.celery import app

    def failing(_self: object) -> None:
        raise ZeroDivisionError("nobody thought of this")

    monkeypatch.setattr(getattr(bridge_module, part), "run", failing)
    stopped = threading.Event()
    bridge = Bridge(settings, registry, app, stopped)
    thread = threading.Thread(target=bridge.run)

    thread.start()
    try:
        wait_until(stopped.is_set, "the bridge ends")
    finally:
        stopped.set()
        thread.join()

    assert bridge.failed
