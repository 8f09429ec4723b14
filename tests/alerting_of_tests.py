"""Alert rules, and what happens before a camera, for the tests of alerting."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from genesis.analytics.alerting import Alerting, Rulebook, judge_zone
from genesis.events import AlertEvent, Box, ZoneEvent
from genesis.settings import Settings
from tests.events_of_tests import NOON

HALL = {"name": "hall", "polygon": [[0, 0], [1, 0], [1, 1]], "loitering_seconds": 20}
YARD = {"name": "yard", "polygon": [[0, 0], [1, 0], [1, 1]]}
DOORSTEP = {"name": "doorstep", "start": [0, 0.5], "end": [1, 0.5]}
DOOR = {"name": "door", "source": "0", "zones": [HALL, YARD], "lines": [DOORSTEP]}
BOX = Box(10, 20, 30, 60)


def book(*rules: dict[str, Any], time_zone: str = "UTC", cameras: Iterable[Any] = (DOOR,)) -> Rulebook:
    """Return rules for camera `door`, which has a hall (loitering after 20 s), a yard and a doorstep; each is called `r` by default."""
    named = [{"name": "r", **rule} for rule in rules]
    return Rulebook.of(Settings.model_validate({"cameras": list(cameras), "alerts": {"rules": named, "time_zone": time_zone}}))


def happened(seconds: float, kind: str = "entered", zone: str = "hall", track: str = "s1-1", **changes: Any) -> ZoneEvent:
    """Return what somebody does some seconds after noon."""
    values = {
        "id": f"{kind}.{track}.{zone}.{seconds:g}", "camera": "door", "time": NOON + timedelta(seconds=seconds), "kind": kind,
        "zone": zone, "track": track, "session": "s1", "box": BOX,
    }  # fmt: skip
    return ZoneEvent(**{**values, **changes})


def named(seconds: float, identity: str = "Ada", track: str = "s1-1", *, known: bool | None = None, **changes: Any) -> ZoneEvent:
    """Return that a track is known by name; an `unknown-N` is not enrolled."""
    known = not identity.startswith("unknown") if known is None else known
    values = {
        "identity": identity,
        "identity_id": f"id-{identity}",
        "known": known,
        "box": None,
        "id": f"named.{track}.{identity}.{seconds:g}",
    }
    return happened(seconds, "identified", "", track, **{**values, **changes})


def judged(rules: Rulebook, events: Iterable[ZoneEvent], state: Alerting | None = None) -> tuple[Alerting, list[AlertEvent]]:
    """Judge events one by one; the state goes through JSON in between."""
    after, alerts = state or Alerting(), []
    for event in events:
        after, told = judge_zone(rules, Alerting.parse(json.loads(json.dumps(after.plain))), event)
        alerts += told
    return after, alerts


def alerts_of(rules: Rulebook, *events: ZoneEvent) -> list[AlertEvent]:
    """Return the alerts that events give, from the start."""
    return judged(rules, events)[1]


def told(rules: Rulebook, *events: ZoneEvent) -> list[tuple[str, str]]:
    """Return kind and message of these alerts."""
    return [(alert.kind, alert.message) for alert in alerts_of(rules, *events)]
