"""Rules and notifiers in words, and a made-up alert of a rule to try its way with."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from genesis.errors import UsageError
from genesis.events import AlertEvent
from genesis.settings import Notifier, Rule, Settings
from genesis.settings_alerts import nearest

_SPANS = ((86_400.0, "days"), (3600.0, "h"), (60.0, "min"))
_PLACELESS = ("recognised", "camera_lost", "nobody")


def named(name: str, choices: Sequence[Any], what: str) -> Any:
    """Return the rule or notifier of a name.

    Raises:
        UsageError: there is none; the message has the nearest name.
    """
    for choice in choices:
        if choice.name == name:
            return choice
    names = [choice.name for choice in choices]
    msg = f"no {what} {name!r}{nearest(name, names)} ({what}s: {', '.join(names) or 'none'})"
    raise UsageError(msg)


def rule_words(rule: Rule) -> str:
    """Return when a rule raises an alert, such as `somebody unknown enters hall on camera door, at 22:00-06:00`."""
    words = [_what(rule) + (f" on camera {_any_of(rule.cameras)}" if rule.cameras else "")]
    if rule.hours:
        words.append(f"at {_any_of(rule.hours)}")
    if rule.days:
        words.append(f"on {_any_of(rule.days)}")
    return ", ".join(words)


def pause_words(rule: Rule) -> str:
    """Return how often a rule raises an alert at most, such as `every 60 s per zone`."""
    return f"every {_span(rule.cooldown_seconds)} per {rule.cooldown_per}" if rule.cooldown_seconds else "no pause"


def notifier_words(notifier: Notifier) -> str:
    """Return who somebody is, without an address, which may be a secret: `guard (webhook, from high on)`."""
    least = "" if notifier.severity == "low" else f", from {notifier.severity} on"
    return f"{notifier.name} ({notifier.kind}{least})"


def made_up(rule: Rule, settings: Settings, now: datetime, snapshot: str = "") -> AlertEvent:
    """Return an alert as the rule could raise it, at its first camera and zone.

    Args:
        rule: whose.
        settings: of the installation, for the cameras and zones of a rule that names none.
        now: the alert's time, UTC.
        snapshot: SHA-256 of a picture.
    """
    cameras = {camera.name: camera for camera in settings.cameras}
    name = rule.cameras[0] if rule.cameras else next(iter(cameras), "camera")
    camera = cameras.get(name)
    places = (camera.lines if rule.when == "crossed" else camera.zones) if camera is not None else ()
    zone = "" if rule.when in _PLACELESS else rule.zones[0] if rule.zones else places[0].name if places else "zone"
    identifier = f"test-{rule.name}-{int(now.timestamp() * 1000)}"
    return AlertEvent(
        camera=name, time=now, id=identifier, alert=identifier, rule=rule.name, severity=rule.severity, zone=zone, notify=rule.notify,
        snapshot=snapshot, message=f"only a test of the rule {rule.name}: nothing has happened",
    )  # fmt: skip


def _what(rule: Rule) -> str:
    who, where = _who(rule), _any_of(rule.zones) or ("a line" if rule.when == "crossed" else "a zone")
    if rule.when == "loitering":
        long = "longer than its loitering_seconds" if rule.seconds is None else f"for {_span(rule.seconds)}"
        return f"{who} stays in {where} {long}"
    return {
        "entered": f"{who} enters {where}",
        "exited": f"{who} leaves {where}",
        "crossed": f"{who} crosses {where}" + (f" ({rule.direction})" if rule.direction else ""),
        "crowded": f"more than {rule.more_than} persons are in {where}",
        "recognised": f"{who} is recognised",
        "camera_lost": "no pictures come",
        "nobody": f"nobody is seen for {_span(rule.seconds or 0)}",
    }[rule.when]


def _who(rule: Rule) -> str:
    if rule.names:
        return _any_of(rule.names)
    return "somebody" if rule.person == "anyone" else f"somebody {rule.person}"


def _any_of(names: Sequence[str]) -> str:
    return " or ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))


def _span(seconds: float) -> str:
    for size, name in _SPANS:
        if seconds >= 2 * size and seconds % size == 0:
            return f"{seconds / size:g} {name}"
    return f"{seconds:g} s"
