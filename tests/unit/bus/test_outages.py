"""However many threads wait for a server, it is told once that it is away, and once that it is back."""

from __future__ import annotations

import pytest

from genesis.bus.outages import Outages


@pytest.fixture
def said(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level("INFO", "genesis")
    return caplog


def test_the_first_that_waits_and_the_last_that_goes_on_are_told_of(said: pytest.LogCaptureFixture) -> None:
    outages = Outages()

    for thread in "abab":
        outages.met("redis.url", thread, f"{thread} can't")
    outages.over("a")
    outages.over("a")
    outages.over("b")

    assert said.messages == ["waiting: a can't", "redis.url answers again"]


def test_two_servers_are_told_apart(said: pytest.LogCaptureFixture) -> None:
    outages = Outages()

    outages.met("redis.url", "a", "no ledger")
    outages.met("celery.broker_url", "b", "no broker")
    outages.over("b")

    assert said.messages == ["waiting: no ledger", "waiting: no broker", "celery.broker_url answers again"]


def test_what_goes_away_again_is_told_again(said: pytest.LogCaptureFixture) -> None:
    outages = Outages()

    for _ in range(2):
        outages.met("redis.url", "a", "gone")
        outages.over("a")

    assert said.messages == ["waiting: gone", "redis.url answers again"] * 2
