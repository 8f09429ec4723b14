"""What a worker does with an entry, whatever its handler returns."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from genesis.bus.delivery import deliver
from genesis.bus.ledger import Delivery, Ledger
from genesis.bus.process import Process
from genesis.bus.runs import Run
from genesis.events import AlertEvent, Event, MetricsEvent, ZoneEvent, completed, encode
from genesis.subscriptions import Subscription
from tests.events_of_tests import NOON, zone

Take = Callable[[type, str], Delivery]


def measured(**values: Any) -> list[Event]:
    return [AlertEvent.about(zone(), rule="fine"), MetricsEvent(camera="door", time=NOON, window=1.0, **values)]


@pytest.mark.parametrize(
    ("outputs", "message"),
    [
        (lambda: measured(persons=np.int64(3)), "numpy.int64"),
        (lambda: measured(dropped={"late": np.float32(1.5)}), "numpy.float32"),
        (lambda: [AlertEvent.about(zone(), rule="half a character \ud800")], "surrogates"),
        (lambda: [AlertEvent.about(zone(), rule="r", message=object())], "object"),  # type: ignore[arg-type]
        (lambda: [AlertEvent.about(zone(), rule="too many") for _ in range(1001)], "unsettled entries"),
    ],
    ids=["a NumPy number", "a NumPy number inside", "no text", "an object", "more than any stream holds"],
)
def test_outputs_that_can_never_be_published_bury_the_entry_at_once(
    bus: Ledger, take: Take, process: Process, outputs: Callable[[], list[Event]], message: str
) -> None:
    event = completed(zone())
    bus.publish([event])
    row = Subscription(ZoneEvent, "zone-workers", "alerts", lambda _event, _context: outputs())

    again = deliver(Run(process, row, take(ZoneEvent, "zone-workers"), "t", "w"), encode(event))

    assert again is None
    ((_, letter),) = bus.client.xrange("genesis:zones:dlq")
    assert letter[b"dlq-reason"] == b"permanent"
    assert message in letter[b"dlq-message"].decode()
    assert bus.client.xpending("genesis:zones", "zone-workers")["pending"] == 0
    assert (bus.client.xlen("genesis:alerts"), bus.client.xlen("genesis:metrics")) == (0, 0)
