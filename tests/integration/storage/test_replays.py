"""Whatever comes in whatever order, however often: the tables are the same."""

from __future__ import annotations

import contextlib
import uuid
from datetime import timedelta

import pytest

pytest.importorskip("psycopg2", reason="no PostgreSQL in this environment: make setup")

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from genesis.events import AlertEvent, Box, MetricsEvent, SessionEvent, ZoneEvent
from genesis.storage.records import store
from tests.events_of_tests import NOON

TABLES = {"sessions": "event_id", "presences": "session", "zone_events": "event_id", "alerts": "event_id", "metrics": "event_id"}
IDS = [str(uuid.UUID(int=number)) for number in (1, 2, 3)]
PEOPLE = f"""
    INSERT INTO identities (id, kind, name, name_key, unknown_number) VALUES
        ('{IDS[0]}', 'known', 'Ada', 'ada', NULL), ('{IDS[1]}', 'known', 'Bob', 'bob', NULL), ('{IDS[2]}', 'unknown', NULL, NULL, 7)
"""  # noqa: S608 - constants

seconds = st.integers(0, 9)
moments = seconds.map(lambda n: NOON + timedelta(seconds=n))
boxes = st.none() | st.integers(0, 5).map(lambda n: Box(n, 0, n + 1, 2))
namings = st.fixed_dictionaries({}) | st.fixed_dictionaries(
    {
        "identity_id": st.sampled_from(IDS),
        "identity": st.sampled_from(["Ada", "Bob", "unknown-7"]),
        "known": st.booleans(),
        "score": st.none() | st.sampled_from([0.5, 0.9]),
        "face": st.sampled_from(["", "a" * 64]),
    }
)
sessions = st.builds(
    lambda naming, **values: SessionEvent(camera="door", **values, **naming),
    namings,
    time=moments,
    scope=st.just("person"),
    kind=st.sampled_from(["started", "updated", "ended"]),
    session=st.sampled_from(["s-1", "s-2"]),
    reason=st.sampled_from(["", "gone"]),
    frames=seconds,
    duration=seconds.map(float),
    zones=st.dictionaries(st.sampled_from(["yard", "gate"]), seconds.map(float)),
    box=boxes,
)
zones = st.builds(
    ZoneEvent,
    camera=st.just("door"),
    time=moments,
    kind=st.sampled_from(["entered", "exited", "crossed", "identified"]),
    track=st.just("s-1"),
    zone=st.just("yard"),
    number=st.none() | seconds,
    box=boxes,
    occupancy=seconds,
)
alerts = st.builds(
    lambda naming, **values: AlertEvent(camera="door", **{**values, **{k: v for k, v in naming.items() if k not in {"score", "face"}}}),
    namings,
    time=moments,
    rule=st.just("night"),
    kind=st.sampled_from(["raised", "updated"]),
    alert=st.sampled_from(["", "e0", "e1"]),
    message=st.sampled_from(["", "Ada\x00 came"]),
    snapshot=st.sampled_from(["", "b" * 64]),
)
metrics = st.builds(
    MetricsEvent,
    camera=st.just("door"),
    time=moments,
    window=st.just(10.0),
    dropped=st.dictionaries(st.just("full"), seconds),
    dwell=st.dictionaries(st.just("yard"), seconds.map(float)),
    latency_p50=st.none() | seconds.map(float),
)


@st.composite
def histories(draw):
    """Return events, each with its own id, and the same ones in another order, some of them again."""
    events = draw(st.lists(sessions | sessions | zones | alerts | metrics, min_size=1, max_size=12))
    told = [
        type(event)(**{**{name: getattr(event, name) for name in event.__struct_fields__}, "id": f"e{n}"}) for n, event in enumerate(events)
    ]
    again = draw(st.lists(st.sampled_from(told), max_size=6))
    return told, draw(st.permutations([*told, *again]))


@pytest.fixture(scope="module")
def connection(reused_database):
    import psycopg2

    from tests.postgres_fixtures import _EMPTY, tell

    tell(reused_database, _EMPTY)
    with contextlib.closing(psycopg2.connect(reused_database)) as opened:
        yield opened


def after(connection, events):
    """Return all that the tables hold after some events; nothing stays."""
    with connection.cursor() as cursor:
        cursor.execute(PEOPLE)
        new = [store(cursor, event) for event in events]
        found = {}
        for table, key in TABLES.items():
            cursor.execute(f"SELECT * FROM {table} ORDER BY {key}")  # noqa: S608 - of the table above
            found[table] = cursor.fetchall()
    connection.rollback()
    return found, new


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(history=histories())
def test_order_and_repetition_change_nothing(connection, history):
    told, shuffled = history

    first, new = after(connection, told)
    again, _ = after(connection, shuffled)

    assert again == first
    assert sum(new) == sum(not (isinstance(event, ZoneEvent) and event.kind == "identified") for event in told)
