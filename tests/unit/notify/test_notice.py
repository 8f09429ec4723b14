"""What is said of an alert."""

from __future__ import annotations

import base64
import hashlib
import json
import logging
from pathlib import Path

import msgspec
import pytest

from genesis.notify import Notice
from tests.alerts_of_tests import alert

PICTURE = b"\xff\xd8 a picture"


def told(notice: Notice) -> dict[str, object]:
    """Return the payload as the other side reads it."""
    read = json.loads(msgspec.json.encode(notice.payload()))
    assert isinstance(read, dict)
    return read


def test_a_program_is_told_everything_and_what_is_not_known_is_null():
    assert told(Notice(alert())) == {
        "id": "alert-1", "kind": "raised", "alert": "alert-1", "rule": "night", "severity": "high", "camera": "door",
        "time": "2026-01-02T12:00:00Z", "message": "somebody entered hall", "zone": "hall", "track": "s1-3", "identity": None,
        "known": False, "dwell": 0.0, "persons": 1, "direction": None, "test": False, "snapshot": None,
    }  # fmt: skip


def test_an_update_names_the_alert_that_it_is_about_and_who_it_is():
    event = alert(id="alert-1-7", kind="updated", identity="Ada", known=True, direction="in", dwell=3.5)

    payload = told(Notice(event))

    assert (payload["id"], payload["alert"], payload["kind"]) == ("alert-1-7", "alert-1", "updated")
    assert (payload["identity"], payload["known"], payload["direction"], payload["dwell"]) == ("Ada", True, "in", 3.5)


def test_an_alert_of_an_own_handler_is_its_own_alert():
    assert told(Notice(alert(alert="")))["alert"] == "alert-1"


def test_the_picture_goes_along(tmp_path: Path):
    (tmp_path / "a.jpg").write_bytes(PICTURE)
    sha256 = hashlib.sha256(PICTURE).hexdigest()

    snapshot = told(Notice(alert(snapshot=sha256), tmp_path / "a.jpg"))["snapshot"]

    assert snapshot == {"sha256": sha256, "media_type": "image/jpeg", "data": base64.b64encode(PICTURE).decode()}


def test_a_picture_that_is_gone_holds_up_no_alert(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    with caplog.at_level(logging.WARNING, "genesis"):
        payload = told(Notice(alert(snapshot="ab"), tmp_path / "gone.jpg"))

    assert payload["snapshot"] is None
    assert "alert-1 goes out without its picture" in caplog.text


@pytest.mark.parametrize(
    ("changes", "test", "title"),
    [
        ({}, False, "night (high)"),
        ({"kind": "updated"}, False, "Update: night (high)"),
        ({"severity": "low"}, True, "Test: night (low)"),
    ],
)
def test_the_title_says_which_rule_and_how_severe(changes, test, title):
    assert Notice(alert(**changes), test=test).title == title


@pytest.mark.parametrize(
    ("changes", "zone", "body"),
    [
        ({}, "UTC", "somebody entered hall\ndoor, hall, 2026-01-02 12:00:00 UTC"),
        ({}, "Europe/Berlin", "somebody entered hall\ndoor, hall, 2026-01-02 13:00:00 CET"),
        ({"message": "", "zone": ""}, "UTC", "night\ndoor, 2026-01-02 12:00:00 UTC"),
    ],
)
def test_people_are_told_what_where_and_when_in_their_time(changes, zone, body):
    assert Notice(alert(**changes), time_zone=zone).body == body
