"""When a rule holds."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genesis.analytics.alerting.hours import Hours, zone_of

BERLIN = ZoneInfo("Europe/Berlin")
NIGHT = ("22:00-06:00",)
# 2026-07-06 is a Monday.
LOCAL = [
    pytest.param(("08:00-18:00",), (), "2026-07-06 08:00:00", True, id="the begin belongs to it"),
    pytest.param(("08:00-18:00",), (), "2026-07-06 07:59:59", False, id="just before"),
    pytest.param(("08:00-18:00",), (), "2026-07-06 17:59:59", True, id="just before its end"),
    pytest.param(("08:00-18:00",), (), "2026-07-06 18:00:00", False, id="the end does not"),
    pytest.param(NIGHT, (), "2026-07-06 23:59:59", True, id="before midnight"),
    pytest.param(NIGHT, (), "2026-07-07 00:00:00", True, id="midnight"),
    pytest.param(NIGHT, (), "2026-07-07 05:59:59", True, id="after midnight"),
    pytest.param(NIGHT, (), "2026-07-07 06:00:00", False, id="morning"),
    pytest.param(("18:00-24:00",), (), "2026-07-06 23:59:59", True, id="until midnight"),
    pytest.param(("18:00-24:00",), (), "2026-07-07 00:00:00", False, id="not a minute longer"),
    pytest.param(("18:00-00:00",), (), "2026-07-06 23:59:00", True, id="until midnight said otherwise"),
    pytest.param(("18:00-00:00",), (), "2026-07-07 00:00:00", False, id="which is the same"),
    pytest.param(("00:00-24:00",), ("mon",), "2026-07-06 00:00:00", True, id="a whole day"),
    pytest.param(("08:00-09:00", "12:00-13:00"), (), "2026-07-06 12:30:00", True, id="the second of two"),
    pytest.param(("08:00-09:00", "12:00-13:00"), (), "2026-07-06 10:00:00", False, id="between two"),
    pytest.param((), ("mon", "sun"), "2026-07-05 00:00:00", True, id="a day"),
    pytest.param((), ("mon", "sun"), "2026-07-07 00:00:00", False, id="another day"),
    pytest.param((), (), "2026-07-07 00:00:00", True, id="always"),
    pytest.param(NIGHT, ("fri",), "2026-07-10 23:00:00", True, id="friday night on friday"),
    pytest.param(NIGHT, ("fri",), "2026-07-11 05:00:00", True, id="friday night on saturday"),
    pytest.param(NIGHT, ("fri",), "2026-07-10 05:00:00", False, id="thursday night on friday"),
    pytest.param(NIGHT, ("fri",), "2026-07-11 23:00:00", False, id="saturday night"),
    pytest.param(NIGHT, ("sun",), "2026-07-13 05:00:00", True, id="sunday night on monday"),
    pytest.param(("08:00-18:00",), ("sat",), "2026-07-11 12:00:00", True, id="hours on a day"),
    pytest.param(("08:00-18:00",), ("sat",), "2026-07-12 12:00:00", False, id="hours on another day"),
]


@pytest.mark.parametrize(("hours", "days", "time", "hold"), LOCAL)
def test_hours_and_days_are_those_on_the_wall(hours: tuple[str, ...], days: tuple[str, ...], time: str, hold: bool) -> None:
    local = datetime.fromisoformat(time).replace(tzinfo=BERLIN)

    answer = Hours.of(hours, days, BERLIN).hold(local.astimezone(timezone.utc))

    assert answer is hold


# 02:00 becomes 03:00 on 2026-03-29, 03:00 becomes 02:00 on 2026-10-25, both at 01:00 UTC.
CHANGES = [
    pytest.param("2026-03-29 00:59:59", ("01:00-02:00",), True, id="spring: before"),
    pytest.param("2026-03-29 01:00:00", ("01:00-02:00",), False, id="spring: at once an hour later"),
    pytest.param("2026-03-29 01:00:00", ("03:00-04:00",), True, id="spring: which it is"),
    pytest.param("2026-03-29 01:00:00", ("02:00-03:00",), False, id="spring: the hour that is skipped"),
    pytest.param("2026-03-29 01:30:00", ("22:00-06:00",), True, id="spring: in the middle of a night"),
    pytest.param("2026-03-29 04:00:00", ("22:00-06:00",), False, id="spring: which ends by the wall"),
    pytest.param("2026-10-25 00:30:00", ("02:00-03:00",), True, id="autumn: the first time"),
    pytest.param("2026-10-25 01:30:00", ("02:00-03:00",), True, id="autumn: the second time"),
    pytest.param("2026-10-25 02:00:00", ("02:00-03:00",), False, id="autumn: after it"),
    pytest.param("2026-10-25 04:30:00", ("22:00-06:00",), True, id="autumn: a longer night"),
    pytest.param("2026-10-25 05:00:00", ("22:00-06:00",), False, id="autumn: which ends by the wall"),
]


@pytest.mark.parametrize(("utc", "hours", "hold"), CHANGES)
def test_the_days_on_which_summer_time_begins_and_ends_go_by_the_wall(utc: str, hours: tuple[str, ...], hold: bool) -> None:
    time = datetime.fromisoformat(utc).replace(tzinfo=timezone.utc)

    answer = Hours.of(hours, (), BERLIN).hold(time)

    assert answer is hold


def test_no_time_zone_is_this_machines() -> None:
    time = datetime(2026, 7, 6, 12, 0, tzinfo=timezone.utc)
    local = time.astimezone()
    span = f"{local:%H:%M}-{local + timedelta(minutes=1):%H:%M}"

    here = Hours.of((span,), (), zone_of(""))

    assert here.hold(time)
    assert not here.hold(time + timedelta(minutes=1))


@given(st.integers(0, 1439), st.integers(0, 1439), st.sets(st.integers(0, 6), min_size=1), st.integers(0, 7 * 1440 - 1))
@settings(max_examples=100)
def test_a_span_holds_exactly_the_minutes_from_each_begin_to_the_end_after_it(begin: int, end: int, days: set[int], now: int) -> None:
    if begin == end:
        return
    names = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
    span = f"{begin // 60:02}:{begin % 60:02}-{end // 60:02}:{end % 60:02}"
    length = (end - begin) % 1440
    counted = {(day * 1440 + begin + minute) % (7 * 1440) for day in days for minute in range(length)}

    answer = Hours.of((span,), [names[day] for day in days], timezone.utc).hold(
        datetime(2026, 7, 6, tzinfo=timezone.utc) + timedelta(minutes=now)
    )

    assert answer is (now in counted)
