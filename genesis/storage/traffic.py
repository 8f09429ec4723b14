"""What went on in zones, over lines and in cameras, in numbers: summed up by the database, over a span of time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from genesis.storage.span import LOCAL, Bucket, Span

Cursor = Any  # psycopg2's, which carries no types

_WHERE = """
    time >= %(since)s AND time < %(until)s AND (%(cameras)s::text[] IS NULL OR camera = ANY(%(cameras)s::text[]))
"""
_ANYTHING = f"""
    SELECT EXISTS (SELECT FROM zone_events WHERE {_WHERE}) OR EXISTS (SELECT FROM alerts WHERE {_WHERE})
        OR EXISTS (SELECT FROM metrics WHERE {_WHERE})
        OR EXISTS (SELECT FROM presences WHERE {_WHERE.replace("time", "started")})
"""  # noqa: S608 - constants
_ZONES = f"""
    SELECT camera, zone, count(*) FILTER (WHERE kind = 'entered'), count(*) FILTER (WHERE kind = 'exited'),
        count(*) FILTER (WHERE kind = 'loitering'), coalesce(sum(dwell) FILTER (WHERE kind = 'exited'), 0),
        percentile_cont(0.5) WITHIN GROUP (ORDER BY dwell) FILTER (WHERE kind = 'exited'),
        percentile_cont(0.9) WITHIN GROUP (ORDER BY dwell) FILTER (WHERE kind = 'exited'), max(occupancy)
    FROM zone_events WHERE kind IN ('entered', 'exited', 'loitering') AND {_WHERE} GROUP BY 1, 2 ORDER BY 1, 2
"""  # noqa: S608 - constants
_BY_HOUR = f"""
    WITH {LOCAL} SELECT camera, zone, coalesce(direction, ''), extract(hour FROM (time AT TIME ZONE 'UTC') + l.shift)::int, count(*)
    FROM zone_events JOIN local l ON time >= l.begins AND time < l.ends WHERE kind = %(kind)s AND {_WHERE} GROUP BY 1, 2, 3, 4
"""  # noqa: S608 - constants
_RULES = f"""
    SELECT rule, severity, count(*), max(time), count(DISTINCT camera) FROM alerts WHERE kind = 'raised' AND {_WHERE}
    GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2
"""  # noqa: S608 - constants
_CAMERAS = f"""
    SELECT camera, min(time), max(time + window_seconds * interval '1 second'), sum(seconds), sum(frames_captured)::bigint,
        sum(frames_processed)::bigint, sum(late)::bigint, max(most_persons), percentile_cont(0.5) WITHIN GROUP (ORDER BY latency_p50),
        max(latency_p95), EXISTS (SELECT FROM metrics b WHERE b.camera = metrics.camera AND b.time < %(since)s)
    FROM metrics WHERE {_WHERE} GROUP BY camera ORDER BY camera
"""  # noqa: S608 - constants
_DROPPED = f"""
    SELECT camera, d.key, sum(d.value::bigint)::bigint FROM metrics, jsonb_each_text(dropped) d WHERE {_WHERE} GROUP BY 1, 2 ORDER BY 1, 2
"""  # noqa: S608 - constants
_LOST = f"SELECT camera, count(*) FROM sessions WHERE scope = 'camera' AND kind = 'lost' AND {_WHERE} GROUP BY 1"  # noqa: S608 - constants
_RATES = f"""
    WITH {LOCAL} SELECT camera, date_trunc(%(bucket)s, (time AT TIME ZONE 'UTC') + l.shift), sum(frames_processed) / sum(seconds)
    FROM metrics JOIN local l ON time >= l.begins AND time < l.ends WHERE {_WHERE} GROUP BY 1, 2 HAVING sum(seconds) > 0 ORDER BY 1, 2
"""  # noqa: S608 - constants


@dataclass(frozen=True, slots=True)
class ZoneTraffic:
    """One zone.

    Attributes:
        camera: whose it is.
        zone: its name.
        entered: how many went in, as are the next two.
        exited: went out.
        loitered: stayed for too long.
        seconds: in it, all together.
        median: of those who went out, in seconds; None: nobody did.
        p90: nine of ten stayed no longer.
        most: persons at once.
        by_hour: how many went in, by the hour of the day (24).
    """

    camera: str
    zone: str
    entered: int
    exited: int
    loitered: int
    seconds: float
    median: float | None
    p90: float | None
    most: int
    by_hour: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class LineTraffic:
    """One line: how many crossed it each way, by the hour of the day (24)."""

    camera: str
    line: str
    entered: tuple[int, ...]
    left: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class RuleAlerts:
    """The alerts of one rule and severity: how many, the time of the newest, and on how many cameras."""

    rule: str
    severity: str
    alerts: int
    newest: datetime
    cameras: int


@dataclass(frozen=True, slots=True)
class CameraFigures:
    """One camera.

    Attributes:
        camera: its name.
        first: begin of its first window (UTC).
        last: end of its last one.
        seconds: that it was there.
        uptime: that as a share of the span, from its very first window on, 0 to 1.
        captured: frames that were published.
        processed: of them, those that reached the tracker.
        late: those that came after their window was told.
        dropped: frames that were not published, by reason.
        lost: how often it was lost.
        most: persons at once.
        latency_p50: median of the windows', seconds; None for recordings.
        latency_p95: worst of the windows'.
    """

    camera: str
    first: datetime
    last: datetime
    seconds: float
    uptime: float
    captured: int
    processed: int
    late: int
    dropped: dict[str, int]
    lost: int
    most: int
    latency_p50: float | None
    latency_p95: float | None

    @property
    def fps(self) -> float:
        """Frames per second that reached the tracker, while it was there."""
        return self.processed / self.seconds if self.seconds > 0 else 0.0


def anything(cursor: Cursor, span: Span) -> bool:
    """Tell whether anything at all was stored."""
    cursor.execute(_ANYTHING, span.values)
    return bool(cursor.fetchone()[0])


def zones(cursor: Cursor, span: Span) -> list[ZoneTraffic]:
    """Return what went on in each zone."""
    hours = _by_hour(cursor, span, "entered")
    cursor.execute(_ZONES, span.values)
    return [ZoneTraffic(*(*row, hours.get((row[0], row[1], ""), _NONE))) for row in cursor.fetchall()]


def lines(cursor: Cursor, span: Span) -> list[LineTraffic]:
    """Return who crossed each line."""
    hours = _by_hour(cursor, span, "crossed")
    places = sorted({(camera, line) for camera, line, _ in hours})
    return [LineTraffic(*place, hours.get((*place, "in"), _NONE), hours.get((*place, "out"), _NONE)) for place in places]


def rules(cursor: Cursor, span: Span) -> list[RuleAlerts]:
    """Return the alerts of each rule, those first that were most."""
    cursor.execute(_RULES, span.values)
    return [RuleAlerts(*row) for row in cursor.fetchall()]


def cameras(cursor: Cursor, span: Span) -> list[CameraFigures]:
    """Return each camera's figures."""
    cursor.execute(_DROPPED, span.values)
    dropped: dict[str, dict[str, int]] = {}
    for camera, reason, count in cursor.fetchall():
        dropped.setdefault(camera, {})[reason] = count
    cursor.execute(_LOST, span.values)
    lost = dict(cursor.fetchall())
    cursor.execute(_CAMERAS, span.values)
    found = []
    for camera, first, last, seconds, captured, processed, late, most, p50, p95, before in cursor.fetchall():
        length = (span.until - (span.since if before else first)).total_seconds()
        uptime = min(1.0, seconds / length) if length > 0 else 0.0
        counts = (captured, processed, late, dropped.get(camera, {}), lost.get(camera, 0), most)
        found.append(CameraFigures(camera, first, last, seconds, uptime, *counts, p50, p95))
    return found


def rates(cursor: Cursor, span: Span, bucket: Bucket) -> dict[str, dict[datetime, float]]:
    """Return each camera's frames per second by the begin of the hour, day or week, by the clock on the wall."""
    cursor.execute(_RATES, {**span.values, "bucket": bucket})
    found: dict[str, dict[datetime, float]] = {}
    for camera, at, rate in cursor.fetchall():
        found.setdefault(camera, {})[at] = rate
    return found


_NONE = (0,) * 24


def _by_hour(cursor: Cursor, span: Span, kind: str) -> dict[tuple[str, str, str], tuple[int, ...]]:
    """Return how often something happened, by camera, zone and direction, for each hour of the day."""
    cursor.execute(_BY_HOUR, {**span.values, "kind": kind})
    counts: dict[tuple[str, str, str], list[int]] = {}
    for camera, zone, direction, hour, count in cursor.fetchall():
        counts.setdefault((camera, zone, direction), [0] * 24)[hour] += count
    return {place: tuple(hours) for place, hours in counts.items()}
