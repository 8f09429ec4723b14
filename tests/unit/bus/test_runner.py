"""A handler's outputs are events with ids of their own, the same on every run."""

from __future__ import annotations

from datetime import timedelta
from math import inf
from typing import Any

import pytest

from genesis.bus.runner import is_stale, run_handler
from genesis.context import Context
from genesis.errors import PermanentError
from genesis.events import AlertEvent, Event, completed
from genesis.settings import Settings
from genesis.subscriptions import Subscription
from tests.events_of_tests import NOON, frame, zone


def row(handler: Any, event: type[Event] = Event, **changes: Any) -> Subscription:
    return Subscription(event, "testers", "alerts", handler, **changes)


def context() -> Context:
    return Context(Settings(), None, None)  # type: ignore[arg-type]


def two_alerts(event: Event, _: Context) -> list[AlertEvent]:
    return [AlertEvent.about(event, rule="a"), AlertEvent.about(event, rule="b")]


def test_outputs_have_the_same_ids_on_every_run_and_different_ones_for_other_causes() -> None:
    cause, other = completed(zone()), completed(zone())

    first, again = (run_handler(row(two_alerts), cause, context()) for _ in range(2))
    different = run_handler(row(two_alerts), other, context())

    assert first == again
    assert len({event.id for event in [*first, *different]}) == 4


def test_outputs_belong_to_the_trace_of_their_cause() -> None:
    cause = completed(zone())

    outputs = run_handler(row(two_alerts), cause, context())

    traces = {output.traceparent.split("-")[1] for output in outputs}
    spans = {output.traceparent.split("-")[2] for output in outputs}
    assert traces == {cause.traceparent.split("-")[1]}
    assert len(spans) == 2


@pytest.mark.parametrize("wrong", [zone(), "text", 5, [1], [zone(), None], {"a": 1}])
def test_anything_else_than_events_is_a_permanent_failure(wrong: Any) -> None:
    with pytest.raises(PermanentError, match="expected"):
        run_handler(row(lambda _event, _context: wrong), completed(zone()), context())


def test_a_handler_may_return_nothing_or_a_generator() -> None:
    def generator(event: Event, _: Context) -> Any:
        yield AlertEvent.about(event, rule="a")

    assert run_handler(row(lambda _event, _context: None), completed(zone()), context()) == []
    assert len(run_handler(row(generator), completed(zone()), context())) == 1


@pytest.mark.parametrize(
    ("live", "age", "max_age", "stale"),
    [(True, 10.1, None, True), (True, 9.9, None, False), (False, 1000.0, None, False), (True, 1000.0, inf, False), (True, 2.0, 1.0, True)],
)
def test_only_a_live_cameras_old_frames_are_stale(live: bool, age: float, max_age: float | None, stale: bool) -> None:
    now = (NOON + timedelta(seconds=age)).timestamp()

    assert is_stale(row(two_alerts, max_age=max_age), frame(live=live), Settings(), lambda: now) is stale


def test_other_events_are_never_stale() -> None:
    assert is_stale(row(two_alerts), zone(), Settings(), lambda: NOON.timestamp() + 1e9) is False
