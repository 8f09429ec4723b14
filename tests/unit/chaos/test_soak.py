"""When memory counts as flat."""

from __future__ import annotations

import pytest

from genesis.chaos.soak import Series


def series(values: list[float], unit: str = "MB") -> Series:
    return Series("bridge", unit, [5.0 * index for index in range(len(values))], values)


@pytest.mark.parametrize(
    ("values", "flat"),
    [
        ([50.0] * 120, True),
        ([30.0 + min(index, 20) for index in range(120)], True),
        ([50.0 + (index % 3) for index in range(120)], True),
        ([50.0 + index * 0.1 for index in range(120)], False),
    ],
    ids=["still", "grows while it warms up", "breathes", "grows a megabyte every 50 s"],
)
def test_memory_is_flat_when_its_end_is_not_above_its_beginning(values: list[float], flat: bool) -> None:
    assert series(values).flat is flat


def test_growth_is_told_per_hour() -> None:
    assert series([50.0 + index * 0.1 for index in range(120)]).slope == pytest.approx(72.0)


def test_keys_may_come_and_go() -> None:
    assert series([100.0 + (index % 2) * 30 for index in range(120)], "keys").flat
    assert not series([100.0 + index for index in range(120)], "keys").flat
