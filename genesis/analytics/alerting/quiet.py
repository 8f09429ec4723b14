"""Judge that nobody is there: each frame of a camera, in order, with how many persons are in view.

The count of a rule begins with the last frame that showed somebody, or that was before the rule's hours. It begins anew where the
camera did not look for longer than half of the rule's time, and with a new session: what nobody looked at does not count as nobody.
"""

from __future__ import annotations

import msgspec
from msgspec import Struct

from genesis.analytics.alerting.cooldown import Times, begun, is_over
from genesis.analytics.alerting.drafting import alert_of
from genesis.analytics.alerting.memory import Fact
from genesis.analytics.alerting.rulebook import Rulebook
from genesis.analytics.kept import Kept
from genesis.analytics.presence import moment
from genesis.events import AlertEvent


class Absence(Struct, frozen=True, array_like=True):
    """Nobody is there, as one rule counts.

    Attributes:
        since_ms: in milliseconds since 1970, as all times here.
        told: whether an alert was raised.
        times: of the newest alerts.
    """

    since_ms: int
    told: bool = False
    times: Times = ()


class Quiet(Kept, frozen=True):
    """One camera.

    Attributes:
        session: of its capture.
        last_ms: time of the last frame.
        absences: by rule.
    """

    session: str = ""
    last_ms: int = 0
    absences: dict[str, Absence] = msgspec.field(default_factory=dict)


def watch(book: Rulebook, state: Quiet, camera: str, at_ms: int, persons: int, session: str) -> tuple[Quiet, list[AlertEvent]]:
    """Look at one frame.

    Args:
        book: the rules.
        state: of the camera, before the frame.
        camera: its name.
        at_ms: the frame's time, in milliseconds since 1970.
        persons: how many are in view.
        session: of the capture.

    Returns:
        The state after it, and the alerts that were raised; they have ids, and no cause, since they are about no event.
    """
    rulings = [ruling for ruling in book.rulings.values() if ruling.rule.when == "nobody" and ruling.sees(camera)]
    if not rulings:
        return Quiet(), []
    time, gap_ms = moment(at_ms), at_ms - state.last_ms
    anew = session != state.session or gap_ms < 0
    absences, alerts = {}, []
    for ruling in rulings:
        name, long_ms = ruling.rule.name, round((ruling.rule.seconds or 0.0) * 1000)
        absence = state.absences.get(name, Absence(at_ms))
        if anew or persons or gap_ms * 2 > long_ms or not ruling.hours.hold(time):
            absence = Absence(at_ms, times=absence.times)
        # An alert that is muted is told later, if still nobody is there.
        elif not absence.told and at_ms - absence.since_ms >= long_ms and is_over(absence.times, at_ms, ruling.cooldown_ms):
            cause = f"{camera}-{session}-{absence.since_ms}"
            fact = Fact(cause, "nobody", at_ms, dwell=(at_ms - absence.since_ms) / 1000)
            alerts.append(msgspec.structs.replace(alert_of(book, ruling, camera, fact), cause=""))
            absence = Absence(absence.since_ms, told=True, times=begun(absence.times, at_ms, ruling.cooldown_ms))
        absences[name] = absence
    return Quiet(session, at_ms, absences), alerts
