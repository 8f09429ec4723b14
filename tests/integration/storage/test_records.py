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
ZONE = ZoneEvent(
    **COMMON, kind="crossed", zone="yard", track="7", box=Box(1, 2, 3, 4), dwell=1.5, number=3, occupancy=2, direction="in", session="s"
)
ALERT = AlertEvent(
    **COMMON, rule="night", severity="high", message="somebody", cause="e0", zone="yard", track="7", box=Box(1, 2, 3, 4), dwell=2.5,
    persons=3, direction="out", snapshot="c" * 64,
)  # fmt: skip
METRICS = MetricsEvent(
    **COMMON, window=60.0, frames_captured=9, frames_processed=8, persons=2, dropped={"full\x00": 1}, session="s", seconds=59.5, late=1,
    most_persons=2, tracks=4, occupancy={"yard": 2}, visits={"yard": 1}, dwell={"yard": 3.5}, latency_p50=0.1, latency_p95=0.4,
)  # fmt: skip


@pytest.mark.parametrize(
    ("event", "table", "columns", "row"),
    [
        (SESSION, "sessions", "scope, kind, session, track, reason, frames, dropped, duration",
         ("person", "ended", "s", "7", "left\ufffd", 3, {"late": 2}, 0.0)),
        (ZONE, "zone_events", "kind, zone, track, session, box, dwell, number, occupancy, direction",
         ("crossed", "yard", "7", "s", [1, 2, 3, 4], 1.5, 3, 2, "in")),
        (ALERT, "alerts", "rule, severity, message, cause, kind, alert, zone, track, box, dwell, persons, direction, snapshot",
         ("night", "high", "somebody", "e0", "raised", "e1", "yard", "7", [1, 2, 3, 4], 2.5, 3, "out", "c" * 64)),
        (METRICS, "metrics", ("window_seconds, frames_captured, frames_processed, persons, dropped, session, seconds, late, most_persons, "
         "tracks, occupancy, visits, dwell, latency_p50, latency_p95"),
         (60.0, 9, 8, 2, {"full\ufffd": 1}, "s", 59.5, 1, 2, 4, {"yard": 2}, {"yard": 1}, {"yard": 3.5}, 0.1, 0.4)),
    ],
    ids=["session", "zone", "alert", "metrics"],
)  # fmt: skip
def test_an_event_is_kept_once(database, event, table, columns, row):
    new = [database.run(lambda c: store(c, event)) for _ in range(2)]

    query = f"SELECT event_id, camera, time, {columns} FROM {table}"  # noqa: S608 - of the table above
    assert new == [True, False]
    assert database.run(lambda c: (c.execute(query), c.fetchall())[1]) == [("e1", "door", NOON, *row)]


def test_that_somebody_was_identified_is_no_row_of_its_own(database):
    identified = ZoneEvent(**COMMON, kind="identified", track="7", identity="Ada")

    assert database.run(lambda c: store(c, identified)) is False
    assert database.run(lambda c: (c.execute("SELECT count(*) FROM zone_events"), c.fetchall())[1]) == [(0,)]


def test_other_events_are_not_kept(database):
    with pytest.raises(PermanentError, match="FrameCaptured events are not kept"):
        database.run(lambda c: store(c, frame(id="e1")))
