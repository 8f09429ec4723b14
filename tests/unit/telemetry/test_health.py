"""A part ails when it has not told for too long that it goes on, and is well again when it does."""

from __future__ import annotations

import pytest

from genesis.telemetry.health import Health, Heart


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def heart(clock: Clock) -> Heart:
    return Heart("pump", 10.0, clock)


@pytest.mark.parametrize(
    ("passed", "pause", "ails"),
    [(0.0, 0.0, False), (10.0, 0.0, False), (10.1, 0.0, True), (10.1, 5.0, False), (15.0, 5.0, False), (15.1, 5.0, True)],
)
def test_a_heart_ails_when_its_limit_and_its_pause_have_passed(clock: Clock, heart: Heart, passed: float, pause: float, ails: bool) -> None:
    heart.beat(pause)
    clock.now += passed

    assert heart.ails is ails


def test_a_heart_that_never_beats_ails_too(clock: Clock, heart: Heart) -> None:
    clock.now += 11

    assert heart.ails


def test_a_pause_holds_for_one_beat_only(clock: Clock, heart: Heart) -> None:
    heart.beat(100.0)
    heart.beat()
    clock.now += 11

    assert heart.ails


def test_what_rests_is_well_until_its_next_beat(clock: Clock, heart: Heart) -> None:
    heart.rest()
    clock.now += 1000
    assert not heart.ails

    heart.beat()
    clock.now += 11

    assert heart.ails


def test_the_ailing_parts_are_named_and_what_is_well_again_is_not(clock: Clock) -> None:
    health = Health(clock)
    quick, slow = health.heart("quick", 1.0), health.heart("slow", 60.0)
    health.check(lambda: ["child 1"])
    clock.now += 2

    assert health.ailing() == ("quick", "child 1")
    quick.beat()
    assert health.ailing() == ("child 1",)
    clock.now += 61
    slow.beat()
    assert health.ailing() == ("quick", "child 1")
