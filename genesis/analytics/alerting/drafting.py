"""The alert that a rule raises, and the update that tells whom it was about."""

from __future__ import annotations

from hashlib import sha256
from typing import Literal

from genesis.analytics.alerting.memory import Fact, Who
from genesis.analytics.alerting.rulebook import Rulebook, Ruling
from genesis.analytics.alerting.wording import message
from genesis.analytics.presence import moment
from genesis.analytics.view import milliseconds
from genesis.events import AlertEvent, ZoneEvent

_LONGEST_ID = 200  # an event's id has at most 256 characters, and that of an update is longer than its alert's


def alert_of(
    book: Rulebook,
    ruling: Ruling,
    camera: str,
    fact: Fact,
    track: str = "",
    who: Who | None = None,
    *,
    named: ZoneEvent | None = None,
    kind: Literal["raised", "updated"] = "raised",
) -> AlertEvent:
    """Return an alert.

    Args:
        book: the rules.
        ruling: the rule that holds.
        camera: at which.
        fact: for what.
        track: whose.
        who: that is, if it is known.
        named: the event that has said so, if it came after the fact.
        kind: whether the alert is new, or now tells the name.
    """
    alert, rule = alert_id(fact.cause, ruling), ruling.rule
    updated = kind == "updated"
    at_ms = milliseconds(named.time) if named else fact.at_ms
    return AlertEvent(
        id=_short(f"{alert}-{who.identity_id}") if updated and who else alert,
        camera=camera,
        time=moment(at_ms),
        rule=rule.name,
        severity=rule.severity,
        message=message(ruling, camera, fact, track, who, book.zone, at_ms if named and not updated else None),
        cause=named.id if named and updated else fact.cause,
        kind=kind,
        alert=alert,
        zone=fact.zone,
        track=track,
        box=fact.box,
        dwell=fact.dwell,
        persons=fact.persons,
        direction=fact.direction,
        identity=who.identity if who else None,
        identity_id=who.identity_id if who else None,
        known=who.known if who else False,
        notify=rule.notify,
    )


def alert_id(cause: str, ruling: Ruling) -> str:
    """Return the id of the alert that a rule raises because of an event."""
    return _short(f"alert-{cause}-{ruling.rule.name}")


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST_ID else f"alert-{sha256(text.encode()).hexdigest()}"
