"""All figures of a report, read in one transaction."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from genesis.storage import traffic, visits
from genesis.storage.alerts import AlertFilters, StoredAlert, alerts
from genesis.storage.span import Bucket, Span
from genesis.storage.traffic import CameraFigures, LineTraffic, RuleAlerts, ZoneTraffic
from genesis.storage.visits import EDGES, PersonVisits, Totals, Visit

MOST_PEOPLE = 200
"""People of each kind that are listed, those who came most often."""
MOST_VISITS, MOST_OPEN, MOST_ALERTS = 25, 25, 12

# Longest spans that are told by the hour, and by the day: bars, and lines, of which there may be more.
_BARS: tuple[timedelta, timedelta] = (timedelta(days=3), timedelta(days=120))
_LINES: tuple[timedelta, timedelta] = (timedelta(days=14), timedelta(days=365))


@dataclass(frozen=True, slots=True)
class Figures:
    """What a report tells.

    Attributes:
        span: of what time and which cameras.
        bucket: how long the steps of `course` are.
        totals: of all presences.
        lengths: how many presences were how long, by `EDGES`.
        week: presences by day (Monday first) and hour in which they began.
        course: presences by time and kind of people.
        known: enrolled people.
        unknown: strangers.
        visits: the newest presences.
        still_open: presences whose end was never told, the newest.
        zones: what went on in each.
        lines: likewise.
        rules: how many alerts there were.
        alerts: the newest.
        cameras: how they worked.
        rates: frames per second of each camera, by time.
        rates_bucket: how long the steps of `rates` are.
    """

    span: Span
    bucket: Bucket
    totals: Totals
    lengths: list[int]
    week: list[list[int]]
    course: dict[datetime, dict[str, int]]
    known: list[PersonVisits]
    unknown: list[PersonVisits]
    visits: list[Visit]
    still_open: list[Visit]
    zones: list[ZoneTraffic]
    lines: list[LineTraffic]
    rules: list[RuleAlerts]
    alerts: list[StoredAlert]
    cameras: list[CameraFigures]
    rates: dict[str, dict[datetime, float]]
    rates_bucket: Bucket


def gather(cursor: Any, span: Span) -> Figures | None:
    """Return the figures of a span; None: nothing was stored in it."""
    if not traffic.anything(cursor, span):
        return None
    bucket, rates_bucket = _bucket(span, _BARS), _bucket(span, _LINES)
    return Figures(
        span,
        bucket,
        visits.totals(cursor, span),
        visits.lengths(cursor, span),
        visits.by_weekday(cursor, span),
        visits.course(cursor, span, bucket),
        visits.people(cursor, span, "known", MOST_PEOPLE),
        visits.people(cursor, span, "unknown", MOST_PEOPLE),
        visits.latest(cursor, span, MOST_VISITS),
        visits.latest(cursor, span, MOST_OPEN, still_open=True),
        traffic.zones(cursor, span),
        traffic.lines(cursor, span),
        traffic.rules(cursor, span),
        _alerts(cursor, span),
        traffic.cameras(cursor, span),
        traffic.rates(cursor, span, rates_bucket),
        rates_bucket,
    )


def plain(figures: Figures) -> dict[str, Any]:
    """Return the figures for programs: times in UTC, except those by the clock on the wall (`course`, `rates`: no zone)."""
    told = {name: _plain(value) for name, value in asdict(figures).items() if name != "span"}
    span = {"since": figures.span.since.isoformat(), "until": figures.span.until.isoformat(), "cameras": list(figures.span.cameras)}
    told["lengths"] = [{"from_seconds": edge, "visits": count} for edge, count in zip(EDGES, figures.lengths, strict=True)]
    told["cameras"] = [{**_plain(asdict(camera)), "fps": round(camera.fps, 3)} for camera in figures.cameras]
    return {"span": span, **told}


def _bucket(span: Span, limits: tuple[timedelta, timedelta]) -> Bucket:
    return "hour" if span.length <= limits[0] else "day" if span.length <= limits[1] else "week"


def _alerts(cursor: Any, span: Span) -> list[StoredAlert]:
    found = [
        alert
        for camera in span.cameras or (None,)
        for alert in alerts(cursor, AlertFilters(camera=camera, since=span.since, until=span.until, limit=MOST_ALERTS))
    ]
    return sorted(found, key=lambda alert: alert.time, reverse=True)[:MOST_ALERTS]


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {_plain(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(inner) for inner in value]
    return value.isoformat() if isinstance(value, datetime) else value
