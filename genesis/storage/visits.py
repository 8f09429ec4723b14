"""Who was there, in numbers: presences summed up by the database, over a span of time.

A presence belongs to the span that it began in. Who is being erased is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from genesis.storage.identities import WHO
from genesis.storage.presences import SECONDS
from genesis.storage.span import LOCAL, Bucket, Span

Cursor = Any  # psycopg2's, which carries no types
Who = Literal["known", "unknown", "nobody"]
"""Enrolled; a stranger who was told apart from others; or somebody whose face was not seen well enough for that."""

EDGES = (0.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1200.0, 1800.0, 3600.0)
"""Seconds at which the bars of the distribution of lengths begin; the last one has no end."""

_SEEN = f"""
    WITH {LOCAL}, seen AS (
        SELECT p.session, p.camera, p.started, p.ended, p.last_event, {SECONDS} AS seconds, p.zones, p.face, p.score,
            coalesce(i.id, p.identity_id)::text AS who, coalesce(i.label, p.identity) AS label,
            CASE WHEN p.identity_id IS NULL THEN 'nobody' WHEN coalesce(i.kind = 'known', p.known) THEN 'known' ELSE 'unknown' END AS kind,
            (p.started AT TIME ZONE 'UTC') + l.shift AS local
        FROM presences p {WHO.format("p")} JOIN local l ON p.started >= l.begins AND p.started < l.ends
        WHERE i.erasing IS NULL AND p.started >= %(since)s AND p.started < %(until)s
            AND (%(cameras)s::text[] IS NULL OR p.camera = ANY(%(cameras)s::text[]))
    )
"""  # noqa: S608 - constants
_TOTALS = f"""{_SEEN}
    SELECT count(*), count(*) FILTER (WHERE ended IS NULL), count(DISTINCT who) FILTER (WHERE kind = 'known'),
        count(DISTINCT who) FILTER (WHERE kind = 'unknown'), count(*) FILTER (WHERE kind = 'nobody'), coalesce(sum(seconds), 0),
        percentile_cont(0.5) WITHIN GROUP (ORDER BY seconds) FILTER (WHERE ended IS NOT NULL),
        percentile_cont(0.9) WITHIN GROUP (ORDER BY seconds) FILTER (WHERE ended IS NOT NULL), max(seconds)
    FROM seen
"""  # noqa: S608 - constants
_LENGTHS = f"""{_SEEN}
    SELECT width_bucket(seconds, %(edges)s::float8[]) - 1, count(*) FROM seen WHERE ended IS NOT NULL GROUP BY 1
"""  # noqa: S608 - constants
_WEEK = f"""{_SEEN}
    SELECT extract(isodow FROM local)::int - 1, extract(hour FROM local)::int, count(*) FROM seen GROUP BY 1, 2
"""  # noqa: S608 - constants
_COURSE = f"""{_SEEN}
    SELECT date_trunc(%(bucket)s, local), kind, count(*) FROM seen GROUP BY 1, 2 ORDER BY 1, 2
"""  # noqa: S608 - constants
_PEOPLE = f"""{_SEEN}
    SELECT who, max(label), max(kind), count(*), sum(seconds), min(started), max(coalesce(ended, last_event)),
        array_agg(DISTINCT camera ORDER BY camera),
        coalesce((array_agg(face ORDER BY score DESC NULLS LAST, started DESC) FILTER (WHERE face <> ''))[1], '')
    FROM seen WHERE kind = %(kind)s GROUP BY who ORDER BY count(*) DESC, sum(seconds) DESC, who LIMIT %(limit)s
"""  # noqa: S608 - constants
_LATEST = f"""{_SEEN}
    SELECT session, camera, started, ended, last_event, seconds, zones, label, kind, face FROM seen
    WHERE NOT %(open)s OR ended IS NULL ORDER BY started DESC, session LIMIT %(limit)s
"""  # noqa: S608 - constants


@dataclass(frozen=True, slots=True)
class Totals:
    """Presences in numbers.

    Attributes:
        visits: how many.
        open: of them, those whose end was never told.
        known: different enrolled people.
        unknown: different strangers.
        nobody: presences of people who could not be told apart.
        seconds: of all together.
        median: of those that have ended, in seconds; None: there are none.
        p90: nine of ten are no longer than this.
        longest: of all.
    """

    visits: int
    open: int
    known: int
    unknown: int
    nobody: int
    seconds: float
    median: float | None
    p90: float | None
    longest: float | None


@dataclass(frozen=True, slots=True)
class PersonVisits:
    """One person's presences.

    Attributes:
        identity_id: of the person.
        identity: name or `unknown-N`, as of now.
        kind: known or unknown, as of now.
        visits: how many.
        seconds: of all together.
        first_seen: begin of the first (UTC).
        last_seen: end of the last, or the last that was told of it.
        cameras: before which.
        face: SHA-256 of the picture of the best face; empty if there is none.
    """

    identity_id: str
    identity: str
    kind: Who
    visits: int
    seconds: float
    first_seen: datetime
    last_seen: datetime
    cameras: Sequence[str]
    face: str


@dataclass(frozen=True, slots=True)
class Visit:
    """One presence; `ended` is None where its end was never told, and `identity` where nobody could tell whose it was."""

    session: str
    camera: str
    started: datetime
    ended: datetime | None
    last_event: datetime
    seconds: float
    zones: dict[str, float]
    identity: str | None
    kind: Who
    face: str


def totals(cursor: Cursor, span: Span) -> Totals:
    """Return all presences in numbers."""
    cursor.execute(_TOTALS, span.values)
    return Totals(*cursor.fetchone())


def lengths(cursor: Cursor, span: Span) -> list[int]:
    """Return how many presences that have ended were how long: one number for each of `EDGES`."""
    cursor.execute(_LENGTHS, {**span.values, "edges": list(EDGES)})
    found = dict(cursor.fetchall())
    return [int(found.get(number, 0)) for number in range(len(EDGES))]


def by_weekday(cursor: Cursor, span: Span) -> list[list[int]]:
    """Return how many presences began in each hour of the week: 7 days (Monday first) of 24 hours, by the clock on the wall."""
    cursor.execute(_WEEK, span.values)
    week = [[0] * 24 for _ in range(7)]
    for day, hour, count in cursor.fetchall():
        week[day][hour] = count
    return week


def course(cursor: Cursor, span: Span, bucket: Bucket) -> dict[datetime, dict[str, int]]:
    """Return how many presences of each `Who` began when: by the begin of the hour, day or week, by the clock on the wall."""
    cursor.execute(_COURSE, {**span.values, "bucket": bucket})
    found: dict[datetime, dict[str, int]] = {}
    for at, kind, count in cursor.fetchall():
        found.setdefault(at, {})[kind] = count
    return found


def people(cursor: Cursor, span: Span, kind: Literal["known", "unknown"], limit: int) -> list[PersonVisits]:
    """Return people and their presences, those first who came most often."""
    cursor.execute(_PEOPLE, {**span.values, "kind": kind, "limit": limit})
    return [PersonVisits(*row) for row in cursor.fetchall()]


def latest(cursor: Cursor, span: Span, limit: int, *, still_open: bool = False) -> list[Visit]:
    """Return the newest presences, or those of them whose end was never told."""
    cursor.execute(_LATEST, {**span.values, "open": still_open, "limit": limit})
    return [Visit(*row) for row in cursor.fetchall()]
