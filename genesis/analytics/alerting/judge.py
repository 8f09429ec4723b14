"""Judge what happens before one camera by the rules.

| rule | judged |
|---|---|
| anyone, no names | at once; the name is told as soon as it is known, in an update of the alert |
| known, unknown, names | when it is known who it is: at once, or as soon as an `identified` says so |
| recognised | on `identified`: once for each track and person |
| crowded | when somebody enters: once for each crowd, which lasts until no more than `more_than` are there |
| loitering | when somebody is inside long enough: once for each stay |
| camera_lost | when the camera's session says so |

The hours of a rule are those of what happened. Events come in their order, `identified` at any time. The same events give the same
alerts with the same ids, so what runs again changes nothing.
"""

from __future__ import annotations

import msgspec

from genesis.analytics.alerting.cooldown import begun, is_over, lasts
from genesis.analytics.alerting.drafting import alert_of
from genesis.analytics.alerting.memory import MOST_MARKS, MOST_NOTES, Alerting, Fact, Note, Track, Who, clock_after, remembered
from genesis.analytics.alerting.rulebook import Rulebook, Ruling
from genesis.analytics.view import milliseconds
from genesis.events import AlertEvent, SessionEvent, ZoneEvent

_SEPARATOR = "|"  # no rule's name has it


def judge_zone(book: Rulebook, state: Alerting, event: ZoneEvent) -> tuple[Alerting, list[AlertEvent]]:
    """Judge a change in a zone, or that somebody is now known by name.

    Args:
        book: the rules.
        state: of the event's camera, before it.
        event: with its id.

    Returns:
        The state after it, and the alerts that were raised or updated; they have ids, and no snapshots.
    """
    if not book.concerns(event.camera):
        return state, []
    bench = _Bench(book, state, event)
    if event.kind == "identified":
        bench.name()
    else:
        bench.judge()
    return bench.state(), bench.alerts


def judge_session(book: Rulebook, state: Alerting, event: SessionEvent) -> tuple[Alerting, list[AlertEvent]]:
    """Judge that a camera is lost; other changes of sessions are no matter here. Arguments as of `judge_zone`."""
    if event.scope != "camera" or event.kind != "lost":
        return state, []
    fact = Fact(event.id, "camera_lost", milliseconds(event.time), reason=event.reason)
    cooldowns, alerts = dict(state.cooldowns), []
    for ruling in book.holding("camera_lost", event.camera, event.time):
        key = _SEPARATOR.join(ruling.cooldown_key("", ""))
        if is_over(cooldowns.get(key, ()), fact.at_ms, ruling.cooldown_ms):
            cooldowns[key] = begun(cooldowns.get(key, ()), fact.at_ms, ruling.cooldown_ms)
            alerts.append(alert_of(book, ruling, event.camera, fact))
    return Alerting(fact.at_ms, state.tracks, _lasting(book, cooldowns, fact.at_ms, state.tracks), state.crowds), alerts


class _Bench:
    """One event before the rules."""

    def __init__(self, book: Rulebook, state: Alerting, event: ZoneEvent) -> None:
        self.book = book
        self.event = event
        self.alerts: list[AlertEvent] = []
        self._clock_ms = clock_after(state.clock_ms, event)
        self._tracks = dict(state.tracks)
        self._cooldowns = dict(state.cooldowns)
        self._crowds = state.crowds
        self._track = msgspec.structs.replace(self._tracks.pop(event.track, Track()), last_ms=self._clock_ms)

    def state(self) -> Alerting:
        """Return what is to be kept."""
        tracks = remembered({**self._tracks, self.event.track: self._track}, self._clock_ms)
        return Alerting(self._clock_ms, tracks, _lasting(self.book, self._cooldowns, self._clock_ms, tracks), self._crowds)

    def judge(self) -> None:
        """Judge something that happened in a zone or at a line."""
        event = self.event
        fact = Fact.of(event, event.kind, event.zone)
        self._walk(fact)
        for ruling in self.book.holding(event.kind, event.camera, event.time):
            if ruling.covers(event.zone) and self._fits(ruling, fact):
                self._hear(ruling, fact)
        if event.kind != "crossed":
            self._count(fact)

    def name(self) -> None:
        """Judge that somebody is now known by name: what waited for it, what was told without it, and that it is so."""
        event, before = self.event, self._track.who
        if event.identity is None or (before is not None and before.known and not event.known):
            return  # a look at a face that finds nobody does not take a name away
        who = Who(event.identity, event.identity_id or event.identity, event.known)
        waiting, raised = self._track.waiting, self._track.raised
        self._change(who=who, waiting=(), raised=tuple(self._updated(note, who) for note in raised if note.rule in self.book.rulings))
        still = []
        for note in waiting:
            ruling = self.book.rulings.get(note.rule)
            if ruling is not None and ruling.is_about(who):
                self._raise(ruling, note.fact, who, named=event)
            elif ruling is not None and ruling.may_come(who):
                still.append(note)
        self._change(waiting=tuple(still))
        for ruling in self.book.holding("recognised", event.camera, event.time):
            self._recognise(ruling, who)

    def _walk(self, fact: Fact) -> None:
        """Note where the track is now; a stay that begins or ends can be told anew."""
        if fact.kind not in {"entered", "exited"}:
            return
        inside = tuple(zone for zone in self._track.inside if zone != fact.zone)
        lingering = {(name, fact.zone) for name, ruling in self.book.rulings.items() if ruling.rule.when == "loitering"}
        self._change(
            inside=(*inside, fact.zone) if fact.kind == "entered" else inside,
            marks=tuple(mark for mark in self._track.marks if mark not in lingering),
        )

    def _fits(self, ruling: Ruling, fact: Fact) -> bool:
        """Return whether a rule is about what happened, whoever it was."""
        if fact.kind == "crossed":
            return ruling.rule.direction in {None, fact.direction}
        if fact.kind != "loitering":
            return True
        # A rule may only hold at its own threshold, not at a later one because it was muted at its own.
        mark = (ruling.rule.name, fact.zone)
        if mark in self._track.marks or not self.book.reached(ruling, self.event.camera, fact):
            return False
        self._mark(mark)
        return True

    def _hear(self, ruling: Ruling, fact: Fact) -> None:
        """Raise an alert now, or let it wait for the name."""
        who = self._track.who
        if not ruling.waits or (who is not None and ruling.is_about(who)):
            self._raise(ruling, fact, who)
        elif ruling.may_come(who):
            self._change(waiting=(*self._track.waiting, Note(ruling.rule.name, fact))[-MOST_NOTES:])

    def _count(self, fact: Fact) -> None:
        """Judge how many persons are in a zone. A crowd that is muted, or comes before the hours, is told of later, if it lasts."""
        rulings = self.book.rulings
        # Only a rule that is there, and its limit, can tell whether its crowd lasts.
        self._crowds = tuple(
            (name, zone)
            for name, zone in self._crowds
            if name in rulings and (zone != fact.zone or fact.persons > (rulings[name].rule.more_than or 0))
        )
        if fact.kind != "entered":
            return
        for ruling in self.book.holding("crowded", self.event.camera, self.event.time):
            crowd = (ruling.rule.name, fact.zone)
            if ruling.covers(fact.zone) and fact.persons > (ruling.rule.more_than or 0) and crowd not in self._crowds:
                told = self._raise(ruling, msgspec.structs.replace(fact, kind="crowded"), None)
                self._crowds = (*self._crowds, crowd) if told else self._crowds

    def _recognise(self, ruling: Ruling, who: Who) -> None:
        """Judge that somebody was recognised, in one of the rule's zones if it has any."""
        mark = (ruling.rule.name, who.identity_id)
        places = [zone for zone in self._track.inside if ruling.covers(zone)]
        if mark in self._track.marks or not ruling.is_about(who) or (ruling.rule.zones and not places):
            return
        if self._raise(ruling, Fact.of(self.event, "recognised", places[-1] if places else ""), who):
            self._mark(mark)

    def _raise(self, ruling: Ruling, fact: Fact, who: Who | None, *, named: ZoneEvent | None = None) -> bool:
        """Raise an alert if the cooldown allows it; return whether it did."""
        at_ms = milliseconds(named.time) if named else fact.at_ms
        key = _SEPARATOR.join(ruling.cooldown_key(fact.zone, self.event.track))
        if not is_over(self._cooldowns.get(key, ()), at_ms, ruling.cooldown_ms):
            return False
        self._cooldowns[key] = begun(self._cooldowns.get(key, ()), at_ms, ruling.cooldown_ms)
        self.alerts.append(alert_of(self.book, ruling, self.event.camera, fact, self.event.track, who, named=named))
        if ruling.personal:
            note = Note(ruling.rule.name, fact, (who.identity_id,) if who else ())
            self._change(raised=(*self._track.raised, note)[-MOST_NOTES:])
        return True

    def _updated(self, note: Note, who: Who) -> Note:
        """Tell in an alert that was raised who it is about, if that is news."""
        if who.identity_id in note.told or len(note.told) >= MOST_NOTES:
            return note
        ruling, event = self.book.rulings[note.rule], self.event
        self.alerts.append(alert_of(self.book, ruling, event.camera, note.fact, event.track, who, named=event, kind="updated"))
        return msgspec.structs.replace(note, told=(*note.told, who.identity_id))

    def _mark(self, mark: tuple[str, str]) -> None:
        self._change(marks=(*self._track.marks, mark)[-MOST_MARKS:])

    def _change(self, **changes: object) -> None:
        self._track = msgspec.structs.replace(self._track, **changes)


def _lasting(book: Rulebook, cooldowns: dict[str, tuple[int, ...]], clock_ms: int, tracks: dict[str, Track]) -> dict[str, tuple[int, ...]]:
    """Return the cooldowns that can still mute something: of rules that are there, and of tracks that may come again."""
    kept = {}
    for key, times in cooldowns.items():
        name, _, what = key.partition(_SEPARATOR)
        ruling = book.rulings.get(name)
        gone = ruling is not None and ruling.rule.cooldown_per == "track" and what and what not in tracks
        if ruling is not None and not gone and lasts(times, clock_ms, ruling.cooldown_ms):
            kept[key] = times
    return kept
