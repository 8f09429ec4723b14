"""The window keeps workers busy and lets no task wait long."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genesis.bus.window import WAIT_SHARE, Window

LEASE = 30.0


def settled_in(window: Window, children: int, service: float, seconds: float) -> float:
    """Let `children` workers that need `service` seconds each work for a while; return the longest wait in the queue."""
    now, done, group_ms, credit, longest = 0.0, 0, 0, 0.0, 0.0
    step = 0.5
    window.measured(now, done, done, group_ms)
    while now < seconds:
        now += step
        busy = min(children, window.size)
        credit += busy / service * step
        finished = int(credit)
        credit -= finished
        done += finished
        group_ms += int(finished * service * 1000)
        window.measured(now, done, done, group_ms)
        if now > seconds / 2:
            longest = max(longest, max(0.0, window.size - children) * service / children)
    return longest


@pytest.mark.parametrize(("children", "service"), [(1, 0.001), (1, 0.03), (2, 0.1), (8, 0.05), (8, 2.0), (32, 20.0), (1, 10.0)], ids=str)
def test_every_child_has_work_and_nobody_waits_a_third_of_the_lease(children: int, service: float) -> None:
    window = Window.of(1, 1000, LEASE)

    longest = settled_in(window, children, service, 600.0)

    assert window.size >= min(children, 1000)
    assert longest <= LEASE / 3


@given(
    st.lists(st.tuples(st.floats(0, 10), st.integers(0, 500), st.integers(0, 100_000)), max_size=50),
    st.integers(1, 100),
    st.integers(100, 1000),
)
def test_the_size_stays_within_its_limits(steps: list[tuple[float, int, int]], least: int, most: int) -> None:
    window, now, done, busy = Window.of(least, most, LEASE), 0.0, 0, 0

    for wait, finished, ms in steps:
        now, done, busy = now + wait, done + finished, busy + ms
        window.measured(now, done, done, busy)

        assert least <= window.size <= most


def test_the_wait_that_is_allowed_is_a_share_of_the_lease() -> None:
    assert Window.of(1, 10, 30.0).wait == pytest.approx(5.0)
    assert WAIT_SHARE < 1 / 3
