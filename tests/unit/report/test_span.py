"""The clock on the wall over a span of time: every moment has one difference from UTC, that of its zone."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genesis.storage.span import Span

UTC = timezone.utc
BERLIN = ZoneInfo("Europe/Berlin")


def test_a_year_has_the_differences_of_winter_and_summer():
    span = Span(datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC), zone=BERLIN)

    shifts = [(shift.begins, shift.ends, shift.ahead) for shift in span.shifts()]

    spring, autumn = datetime(2026, 3, 29, 1, tzinfo=UTC), datetime(2026, 10, 25, 1, tzinfo=UTC)
    hour = timedelta(hours=1)
    assert shifts == [(span.since, spring, hour), (spring, autumn, 2 * hour), (autumn, span.until, hour)]


def test_a_zone_without_summer_time_has_one_difference():
    span = Span(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 7, 1, tzinfo=UTC), zone=ZoneInfo("Asia/Kathmandu"))

    assert [shift.ahead for shift in span.shifts()] == [timedelta(hours=5, minutes=45)]


@settings(max_examples=60)
@given(
    zone=st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Africa/Casablanca"]),
    begin=st.datetimes(datetime(2020, 1, 1), datetime(2026, 1, 1)),  # noqa: DTZ001 - made UTC below
    length=st.timedeltas(timedelta(seconds=1), timedelta(days=400)),
    share=st.floats(0, 0.999),
)
def test_a_moment_has_the_difference_of_its_zone(zone, begin, length, share):
    span = Span(begin.replace(tzinfo=UTC), begin.replace(tzinfo=UTC) + length, zone=ZoneInfo(zone))
    at = span.since + length * share

    shifts = list(span.shifts())

    assert [shift.ends for shift in shifts[:-1]] == [shift.begins for shift in shifts[1:]]
    assert (shifts[0].begins, shifts[-1].ends) == (span.since, span.until)
    (its,) = [shift for shift in shifts if shift.begins <= at < shift.ends]
    assert its.ahead == at.astimezone(ZoneInfo(zone)).utcoffset()


def test_without_a_zone_it_is_this_machines(monkeypatch: pytest.MonkeyPatch):
    import time

    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        span = Span(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC))

        assert [shift.ahead for shift in span.shifts()] == [timedelta(hours=9)]
        assert span.local(span.since).hour == 9
    finally:
        monkeypatch.undo()
        time.tzset()
