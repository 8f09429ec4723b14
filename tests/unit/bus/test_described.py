"""What Celery's tools show as the arguments of a task."""

from __future__ import annotations

import pytest

from genesis.bus.dispatch import MOST_SHOWN, Try, described


@pytest.mark.parametrize(
    ("fields", "tried", "shown"),
    [
        ({"id": "5c1e", "subject": "door"}, Try(), "door, run 1: 5c1e"),
        ({"id": "5c1e", "subject": "door"}, Try(run=3), "door, run 3: 5c1e"),
        ({"id": "5c1e", "subject": "door"}, Try(run=2, delivery=4), "door, run 2, delivery 4: 5c1e"),
        ({"id": "5c1e"}, Try(), ", run 1: 5c1e"),
        ({"id": "5c1e", "subject": "x" * 1000}, Try(), f"{'x' * MOST_SHOWN}, run 1: 5c1e"),
    ],
)
def test_camera_run_and_event_are_shown(fields: dict[str, str], tried: Try, shown: str) -> None:
    assert described(fields, tried) == shown
