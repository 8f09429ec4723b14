"""Sessions, zone events, alerts and figures are kept, each event once."""

from __future__ import annotations

import pytest

pytest.importorskip("psycopg2", reason="no PostgreSQL in this environment: make setup")

from genesis.errors import PermanentError
from genesis.events import AlertEvent, Box, MetricsEvent, SessionEvent, ZoneEvent
from genesis.storage.records import store
from tests.events_of_tests import NOON, frame

COMMON = {"id": "e1", "camera": "door", "time": NOON}
SESSION = SessionEvent(**COMMON, scope="person", kind="ended", session="s", track="7", reason="left\x00", frames=3, dropped={"late": 2})
ZONE = ZoneEvent(**COMMON, kind="entered", zone="yard", track="7", box=Box(1, 2, 3, 4), dwell=1.5)
ALERT = AlertEvent(**COMMON, rule="night", severity="high", message="somebody", cause="e0")
METRICS = MetricsEvent(**COMMON, window=60.0, frames_captured=9, frames_processed=8, persons=2, dropped={"full": 1})


@pytest.mark.parametrize(
    ("event", "table", "columns", "row"),
    [
        (SESSION, "sessions", "scope, kind, session, track, reason, frames, dropped, duration",
         ("person", "ended", "s", "7", "left\ufffd", 3, {"late": 2}, 0.0)),
        (ZONE, "zone_events", "kind, zone, track, session, box, dwell", ("entered", "yard", "7", "", [1, 2, 3, 4], 1.5)),
        (ALERT, "alerts", "rule, severity, message, cause", ("night", "high", "somebody", "e0")),
        (METRICS, "metrics", "window_seconds, frames_captured, frames_processed, persons, dropped", (60.0, 9, 8, 2, {"full": 1})),
    ],
    ids=["session", "zone", "alert", "metrics"],
)  # fmt: skip
def test_an_event_is_kept_once(database, event, table, columns, row):
    new = [database.run(lambda c: store(c, event)) for _ in range(2)]

    query = f"SELECT event_id, camera, time, {columns} FROM {table}"  # noqa: S608 - of the table above
    assert new == [True, False]
    assert database.run(lambda c: (c.execute(query), c.fetchall())[1]) == [("e1", "door", NOON, *row)]


def test_other_events_are_not_kept(database):
    with pytest.raises(PermanentError, match="FrameCaptured events are not kept"):
        database.run(lambda c: store(c, frame(id="e1")))
