"""What the database sums up is what happened, by the clock on the wall, and of those who are not being erased."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

pytest.importorskip("psycopg2", reason="no PostgreSQL in this environment: make setup")

from genesis.events import AlertEvent, MetricsEvent, SessionEvent, ZoneEvent
from genesis.storage import traffic, visits
from genesis.storage.erasure import begin
from genesis.storage.gallery import enroll, rename
from genesis.storage.records import store
from genesis.storage.span import Span
from genesis.storage.visits import EDGES
from tests.integration.storage.people import MODEL, photo

UTC = timezone.utc
# On the last Sunday of March the clock goes from 2 to 3 in Berlin.
SINCE, UNTIL = datetime(2026, 3, 28, tzinfo=UTC), datetime(2026, 3, 31, tzinfo=UTC)
SPAN = Span(SINCE, UNTIL, zone=ZoneInfo("Europe/Berlin"))


def at(day, hour, minute=0):
    return datetime(2026, 3, day, hour, minute, tzinfo=UTC)


def keep(database, *events):
    database.run(lambda c: [store(c, event) for event in events])


def presence(name, begins, seconds, *, camera="door", ended=True, **naming):
    common = {"camera": camera, "scope": "person", "session": name, "track": name, **naming}
    end = begins + timedelta(seconds=seconds)
    if not ended:
        return [
            SessionEvent(id=f"{name}s", time=begins, kind="started", **common),
            SessionEvent(id=f"{name}u", time=end, kind="updated", **common),
        ]
    return [SessionEvent(id=f"{name}e", time=end, kind="ended", duration=float(seconds), zones={"yard": 2.0}, **common)]


@pytest.fixture
def filled(database):
    """Return the database: Ada was there twice, a stranger once, somebody twice, and Ada once too early and too late."""
    ada = database.run(lambda c: enroll(c, "Ada", MODEL, [photo(0)])).identity.id
    stranger = database.run(
        lambda c: (c.execute("INSERT INTO identities (kind, unknown_number) VALUES ('unknown', 7) RETURNING id::text"), c.fetchone())[1]
    )[0]
    is_ada = {"identity": "Ada", "identity_id": ada, "known": True}
    keep(
        database,
        *presence("early", SINCE - timedelta(hours=1), 7200, **is_ada),
        *presence("a", at(28, 22, 30), 10, **is_ada, score=0.5, face="a" * 64),
        *presence("b", at(29, 22, 30), 100, camera="yard", **is_ada, score=0.9, face="b" * 64),
        *presence("c", at(29, 0, 30), 30, identity="unknown-7", identity_id=stranger),
        *presence("d", at(29, 1, 30), 4000),
        *presence("e", at(30, 12), 50, ended=False),
        *presence("late", UNTIL, 10, **is_ada),
    )
    return database


def test_presences_are_counted_by_people_and_length(filled):
    found = filled.run(lambda c: visits.totals(c, SPAN))
    lengths = filled.run(lambda c: visits.lengths(c, SPAN))

    assert (found.visits, found.open, found.known, found.unknown, found.nobody) == (5, 1, 1, 1, 2)
    assert (found.seconds, found.median, found.longest) == (4190.0, 65.0, 4000.0)
    assert found.p90 == pytest.approx(2830.0)
    assert {EDGES[number]: count for number, count in enumerate(lengths) if count} == {10.0: 1, 30.0: 1, 60.0: 1, 3600.0: 1}


def test_hours_and_days_are_those_of_the_clock_on_the_wall(filled):
    week = filled.run(lambda c: visits.by_weekday(c, SPAN))
    by_day = filled.run(lambda c: visits.course(c, SPAN, "day"))

    found = {(day, hour): count for day, hours in enumerate(week) for hour, count in enumerate(hours) if count}
    # Saturday 23:30, Monday 0:30 in summer time, Sunday 1:30, Sunday 3:30 (an hour later by the sun), Monday 14:00.
    assert found == {(5, 23): 1, (0, 0): 1, (6, 1): 1, (6, 3): 1, (0, 14): 1}
    assert {day.day: counts for day, counts in by_day.items()} == {
        28: {"known": 1},
        29: {"unknown": 1, "nobody": 1},
        30: {"known": 1, "nobody": 1},
    }


def test_people_are_told_by_the_name_of_today_with_their_best_face(filled):
    filled.run(lambda c: rename(c, "Ada", "Ada L."))

    (ada,) = filled.run(lambda c: visits.people(c, SPAN, "known", 10))
    (stranger,) = filled.run(lambda c: visits.people(c, SPAN, "unknown", 10))

    assert (ada.identity, ada.visits, ada.seconds, list(ada.cameras), ada.face) == ("Ada L.", 2, 110.0, ["door", "yard"], "b" * 64)
    assert (ada.first_seen, ada.last_seen) == (at(28, 22, 30), at(29, 22, 30) + timedelta(seconds=100))
    assert (stranger.identity, stranger.kind, stranger.visits) == ("unknown-7", "unknown", 1)


def test_who_is_being_erased_is_left_out(filled):
    filled.run(lambda c: begin(c, "Ada"))

    assert filled.run(lambda c: visits.totals(c, SPAN)).visits == 3
    assert filled.run(lambda c: visits.people(c, SPAN, "known", 10)) == []


def test_visits_are_listed_the_newest_first_and_open_ones_with_the_last_that_was_told(filled):
    newest = filled.run(lambda c: visits.latest(c, SPAN, 3))
    (still_open,) = filled.run(lambda c: visits.latest(c, SPAN, 3, still_open=True))
    of_yard = filled.run(lambda c: visits.latest(c, Span(SINCE, UNTIL, ("yard", "roof"), SPAN.zone), 3))

    assert [visit.session for visit in newest] == ["e", "b", "d"]
    assert (still_open.session, still_open.ended, still_open.last_event, still_open.seconds) == (
        "e",
        None,
        at(30, 12) + timedelta(seconds=50),
        50.0,
    )
    assert [(visit.session, visit.zones) for visit in of_yard] == [("b", {"yard": 2.0})]


def test_zones_and_lines_are_counted_by_hour(database):
    common = {"camera": "door", "track": "t"}
    keep(
        database,
        *[ZoneEvent(id=f"i{n}", time=at(29, n), kind="entered", zone="yard", occupancy=n, **common) for n in (0, 1, 1, 2)],
        *[ZoneEvent(id=f"o{n}", time=at(29, 3), kind="exited", zone="yard", dwell=float(n), **common) for n in (10, 20, 90)],
        ZoneEvent(id="l", time=at(29, 3), kind="loitering", zone="yard", dwell=60.0, **common),
        *[
            ZoneEvent(id=f"c{n}", time=at(29, 8), kind="crossed", zone="gate", direction=way, **common)
            for n, way in enumerate(["in", "in", "out"])
        ],
    )

    (zone,) = database.run(lambda c: traffic.zones(c, SPAN))
    (line,) = database.run(lambda c: traffic.lines(c, SPAN))

    assert (zone.camera, zone.zone, zone.entered, zone.exited, zone.loitered, zone.most) == ("door", "yard", 3, 3, 1, 2)
    assert (zone.seconds, zone.median) == (120.0, 20.0)
    assert {hour: count for hour, count in enumerate(zone.by_hour) if count} == {1: 1, 3: 1, 4: 1}
    assert (line.line, line.entered[10], line.left[10], sum(line.entered), sum(line.left)) == ("gate", 2, 1, 2, 1)


def test_alerts_are_counted_by_rule_and_not_again_for_an_update(database):
    alert = {"camera": "door", "time": at(29, 3), "rule": "night", "severity": "high"}
    keep(
        database,
        AlertEvent(id="a1", **alert),
        AlertEvent(id="a2", **{**alert, "camera": "yard", "time": at(30, 3)}),
        AlertEvent(id="a3", **alert, kind="updated", alert="a1"),
        AlertEvent(id="a4", **{**alert, "rule": "day"}),
    )

    night, day = database.run(lambda c: traffic.rules(c, SPAN))

    assert (night.rule, night.severity, night.alerts, night.newest, night.cameras) == ("night", "high", 2, at(30, 3), 2)
    assert (day.rule, day.alerts) == ("day", 1)


def test_cameras_are_told_by_their_figures(database):
    def window(number, time, **changes):
        values = {"window": 3600.0, "seconds": 3600.0, "frames_captured": 36_000, "frames_processed": 18_000, "dropped": {"stale": 2}}
        return MetricsEvent(**{"id": f"m{number}", "camera": "door", "time": time, **values, **changes})

    keep(
        database,
        window(1, at(30, 12), latency_p50=0.1, latency_p95=0.3),
        window(2, at(30, 13), seconds=1800.0, dropped={"stale": 1, "full": 4}, late=3, latency_p50=0.3, latency_p95=0.9, most_persons=5),
        window(3, at(30, 12), camera="old"),
        window(4, SINCE - timedelta(days=1), camera="old"),
        SessionEvent(id="l", camera="door", time=at(30, 12), scope="camera", kind="lost", session="s"),
    )

    door, old = database.run(lambda c: traffic.cameras(c, SPAN))
    rates = database.run(lambda c: traffic.rates(c, SPAN, "hour"))

    assert (door.camera, door.first, door.last, door.seconds) == ("door", at(30, 12), at(30, 14), 5400.0)
    assert (door.captured, door.processed, door.late, door.dropped, door.lost, door.most) == (
        72_000,
        36_000,
        3,
        {"stale": 3, "full": 4},
        1,
        5,
    )
    assert (door.uptime, old.uptime) == (pytest.approx(1.5 / 12), pytest.approx(1 / 72))  # the one came today, the other was there before
    assert (door.latency_p50, door.latency_p95, door.fps) == (pytest.approx(0.2), 0.9, pytest.approx(36_000 / 5400))
    assert {at.hour: rate for at, rate in rates["door"].items()} == {14: 5.0, 15: 10.0}


@pytest.mark.parametrize(("cameras", "there"), [((), True), (("door",), True), (("yard",), False)])
def test_nothing_is_said_to_be_nothing(database, cameras, *, there):
    span = Span(SINCE, UNTIL, cameras)
    before = database.run(lambda c: traffic.anything(c, span))
    keep(database, *presence("a", SINCE, 1))

    assert (before, database.run(lambda c: traffic.anything(c, span))) == (False, there)
    assert database.run(lambda c: visits.totals(c, Span(UNTIL, UNTIL + timedelta(1)))).median is None
