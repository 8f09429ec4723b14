"""Which dead letters a person means."""

from __future__ import annotations

import time
from typing import Any

import pytest

from genesis.bus.deadletters import DeadLetter
from genesis.bus.selection import Selection, parse_since
from genesis.errors import UsageError
from genesis.events import STREAMS, Keys

KEYS = Keys("genesis")
NOW = 1_790_000_000_000
HOUR = 3_600_000
LETTER = DeadLetter(
    "zones",
    "7-0",
    (),
    {"group": "zone-workers", "reason": "poison", "error": "psycopg2.OperationalError", "message": "Connection [refused]"},
)


@pytest.mark.parametrize(
    ("chosen", "meant"),
    [
        ({}, True),
        ({"groups": ["zone-workers"]}, True),
        ({"groups": ["zone"]}, False),
        ({"groups": ["analytics-workers", "zone-workers"]}, True),
        ({"reasons": ["poison"]}, True),
        ({"reasons": ["permanent", "malformed"]}, False),
        ({"errors": ["OperationalError"]}, True),
        ({"errors": ["operationalerror"]}, True),
        ({"errors": ["psycopg2.OperationalError"]}, True),
        ({"errors": ["psycopg2.*"]}, True),
        ({"errors": ["Operational"]}, False),
        ({"errors": ["OperationalError: *refused*"]}, True),
        ({"errors": ["*timed out*"]}, False),
        ({"errors": ["KeyError", "Operational*"]}, True),
        ({"groups": ["zone-workers"], "reasons": ["permanent"]}, False),
    ],
)
def test_a_letter_must_pass_every_filter(chosen: dict[str, Any], meant: bool) -> None:
    assert Selection.of(KEYS, NOW, **chosen).matches(LETTER) is meant


@pytest.mark.parametrize(
    ("typed", "streams"),
    [
        ([], STREAMS),
        (["zones"], ("zones",)),
        (["genesis:zones", "zones", "genesis:frames:dlq"], ("zones", "frames")),
    ],
)
def test_a_stream_goes_by_its_short_name_or_its_key(typed: list[str], streams: tuple[str, ...]) -> None:
    assert Selection.of(KEYS, NOW, streams=typed).streams == streams


@pytest.mark.parametrize(
    ("chosen", "says"),
    [
        ({"streams": ["zonez"]}, r"no stream 'zonez' \(streams: frames, persons, faces, zones, alerts, metrics, sessions\)"),
        ({"reasons": ["poisson"]}, r"no reason 'poisson' \(reasons: .*poison.*\)"),
        ({"since": "yesterday"}, r"--since 'yesterday': expected a time ago \(90s, 10m"),
        ({"since": ""}, "--since ''"),
        ({"since": "-5m"}, "--since '-5m'"),
        ({"since": "2026-02-31"}, "--since '2026-02-31'"),
    ],
)
def test_a_mistake_is_answered_with_what_is_allowed(chosen: dict[str, Any], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        Selection.of(KEYS, NOW, **chosen)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("90s", NOW - 90_000),
        ("10m", NOW - HOUR // 6),
        ("1.5h", NOW - 3 * HOUR // 2),
        (" 2 H ", NOW - 2 * HOUR),
        ("3d", NOW - 72 * HOUR),
        ("1w", NOW - 168 * HOUR),
        ("999999999w", 0),
        ("2026-09-21T14:13:20Z", NOW),
        ("2026-09-21T16:13:20+02:00", NOW),
        ("2026-09-21 14:13:20.500+00:00", NOW + 500),
    ],
)
def test_a_time_is_ago_or_iso(text: str, expected: int) -> None:
    assert parse_since(text, NOW) == expected


def test_a_time_without_a_zone_is_this_machines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        assert parse_since("2026-09-21T23:13:20", NOW) == NOW
    finally:
        monkeypatch.undo()
        time.tzset()
