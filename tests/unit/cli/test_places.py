"""`genesis up` says where what it has started is to be seen."""

from __future__ import annotations

import sys

import pytest

from genesis.cli.up import places
from genesis.embedded.stack import Stack
from genesis.settings import Flower, Monitoring, Settings
from genesis.subscriptions import Registry

OPEN = Flower(address="0.0.0.0", basic_auth="a:secret")


@pytest.mark.parametrize(
    ("settings", "exporter", "flower", "said", "unsaid"),
    [
        (Settings(), 9108, 0, ["metrics: http://127.0.0.1:9108/metrics; those", "docs/monitoring.md"], ["Flower", "is taken"]),
        (Settings(), 9109, 0, ["http://127.0.0.1:9109/metrics (monitoring.port 9108 is taken"], []),
        (Settings(monitoring=Monitoring(address="203.0.113.1")), 0, 0, ["nothing can listen on monitoring.address '203.0.113.1'"], []),
        (Settings(), 9108, 5556, ["Flower: http://127.0.0.1:5556"], ["basic_auth"]),
        (Settings(flower=OPEN), 9108, 5555, ["127.0.0.1:5555, which asks for flower.basic_auth"], ["secret"]),
    ],
)  # fmt: skip
def test_where_it_is_to_be_seen(settings: Settings, exporter: int, flower: int, said: list[str], unsaid: list[str]) -> None:
    stack = Stack(settings, Registry(), {}, sys.stdout, detectors=1, flower_port=flower, exporter_port=exporter)

    text = "\n".join(places(stack))

    assert [part for part in ("data folder: /", "genesis health", *said) if part not in text] == []
    assert [part for part in unsaid if part in text] == []
