"""The window keeps workers busy and lets no task wait long."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genesis.bus.window import WAIT_SHARE, Window

LEASE = 30.0


def queued_for(window: Window, children: int, service: float, seconds: float) -> float:
    """Let `children` workers that need `service` seconds each take from a full queue; return the longest wait in it at the end."""
    now, taken, credit, longest = 0.0, 0, 0.0, 0.0
    step = 0.5
    window.measured(now, taken)
    while now < seconds:
        now += step
        credit += min(children / service * step, window.size)
        taken, credit = taken + int(credit), credit - int(credit)
        window.measured(now, taken)
        if now > seconds / 2:
            longest = max(longest, window.size * service / children)
    return longest


@pytest.mark.parametrize(("children", "service"), [(1, 0.01), (1, 0.03), (2, 0.1), (8, 0.05), (8, 2.0), (32, 20.0)], ids=str)
def test_every_child_finds_work_and_nobody_waits_a_third_of_the_lease(children: int, service: float) -> None:
    window = Window.of(1, 1000, LEASE)

    longest = queued_for(window, children, service, 600.0)

    assert window.size >= min(children / service, 1)
    assert longest <= LEASE / 3


@given(st.lists(st.tuples(st.floats(0, 10), st.integers(0, 500)), max_size=50), st.integers(1, 100), st.integers(100, 1000))
def test_the_size_stays_within_its_limits(steps: list[tuple[float, int]], least: int, most: int) -> None:
    window, now, taken = Window.of(least, most, LEASE), 0.0, 0

    for wait, more in steps:
        now, taken = now + wait, taken + more
        window.measured(now, taken)

        assert least <= window.size <= most


def test_the_wait_that_is_allowed_is_a_share_of_the_lease() -> None:
    assert Window.of(1, 10, 30.0).wait == pytest.approx(5.0)
    assert WAIT_SHARE < 1 / 3


def test_a_window_that_is_drained_between_two_looks_is_doubled_until_the_rate_is_known() -> None:
    window = Window.of(16, 1000, LEASE)

    assert [window.drained(4), window.size] == [True, 32.0]
    assert [window.drained(0), window.size] == [True, 64.0]
    assert [window.drained(60), window.size] == [False, 64.0]

    window.measured(0.0, 0)
    window.measured(1.0, 8)

    assert window.size == 40.0  # 8 a second for 5 s


def test_a_drained_window_does_not_grow_beyond_the_most() -> None:
    window = Window.of(16, 100, LEASE)

    assert all(window.drained(0) for _ in range(10))

    assert window.size == 100.0
