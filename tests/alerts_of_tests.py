"""Alerts, and those who are told of them, for tests."""

from __future__ import annotations

from typing import Any

from genesis.events import AlertEvent
from genesis.settings import Alerts, Notifier, Settings
from tests.events_of_tests import NOON


def alert(**changes: Any) -> AlertEvent:
    """Return an alert: somebody entered the hall by night."""
    values: dict[str, Any] = {
        "camera": "door", "time": NOON, "id": "alert-1", "alert": "alert-1", "rule": "night", "severity": "high", "zone": "hall",
        "track": "s1-3", "message": "somebody entered hall", "persons": 1,
    }  # fmt: skip
    return AlertEvent(**{**values, **changes})


def webhook(name: str, url: str, **changes: Any) -> Notifier:
    """Return a webhook on this machine."""
    return Notifier(**{"name": name, "kind": "webhook", "url": url, "allow_private": True, "timeout_seconds": 5, **changes})


def telling(*notifiers: Notifier, **changes: Any) -> Settings:
    """Return the settings of an installation that tells these."""
    return Settings(alerts=Alerts(notifiers=notifiers, time_zone="UTC"), **changes)
