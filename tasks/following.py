"""Follow the persons of one camera: tracker, zones, presences, windows and the rule that nobody is there, frame by frame.

What is kept from frame to frame is plain data (`Follower.plain`), committed together with the events. Times are those of capture:
they never go back within a session here. A clock that jumps back, and a new session of the capture, close everything and begin anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from genesis.analytics.alerting import Quiet, watch
from genesis.analytics.kept import Kept
from genesis.analytics.presence import Present, ended, moment, seen, started, visited
from genesis.analytics.view import milliseconds
from genesis.analytics.windows import Frame, Window, closed, counted
from genesis.analytics.zones import Change, Inside, Places, Spot, caught_up, leave, observe, occupancy
from genesis.events import Event, MetricsEvent, Person, PersonDetected, ZoneEvent
from genesis.vision.tracking import Followed, Rules, Tracks, finish, follow
from tasks.rules import camera_for, rulebook_for

if TYPE_CHECKING:
    from genesis.context import Context
    from genesis.settings import Settings

JUMP_MS = 1000
"""A capture time that is older than the newest by more than this is a clock that was set back; by less, it is taken for the newest."""
Look = tuple[int, float, float]
"""Time in milliseconds since 1970, and where the feet were, x and y in shares of the frame."""
MOST_LOOKS = 50
"""Looks at somebody who is not taken for real that are remembered."""
CLOCK_BACK = "the clock jumped back"


class Camera(Kept, frozen=True):
    """What is kept of a camera from frame to frame.

    Attributes:
        session: of the capture.
        newest_ms: newest capture time, in milliseconds since 1970.
        number: newest frame.
        series: names the numbering of zone events.
        told: zone events so far.
        people: those in view.
        tracks: the tracker's.
        inside: who is in which zone.
        maybe: by track, the looks at those who are not taken for real yet.
        window: the open window of figures.
        quiet: since when nobody is there.
    """

    session: str = ""
    newest_ms: int = 0
    series: str = ""
    told: int = 0
    people: dict[str, Present] = msgspec.field(default_factory=dict)
    tracks: dict[str, Any] = msgspec.field(default_factory=dict)
    inside: dict[str, Any] = msgspec.field(default_factory=dict)
    maybe: dict[str, tuple[Look, ...]] = msgspec.field(default_factory=dict)
    window: dict[str, Any] = msgspec.field(default_factory=dict)
    quiet: dict[str, Any] = msgspec.field(default_factory=dict)


@lru_cache(maxsize=256)
def places_for(settings: Settings, camera: str) -> Places:
    """Return a camera's zones and lines, compiled once."""
    known = camera_for(settings, camera)
    if known is None:
        return Places.of((), ())
    return Places.of(known.zones, known.lines, rulebook_for(settings).loitering(camera))


class Follower:
    """One camera's persons in one frame.

    Args:
        event: the frame's.
        context: of the handler.
        kept: what was kept before.
    """

    def __init__(self, event: PersonDetected, context: Context, kept: Camera) -> None:
        self.event = event
        self.context = context
        self.kept = kept
        self.places = places_for(context.settings, event.camera)
        self.events: list[Event] = []
        self._visits: list[tuple[str, float]] = []
        self._shown: tuple[Person, ...] = ()

    @classmethod
    def of(cls, event: PersonDetected, context: Context) -> Follower:
        """Return the follower of an event's camera, with what was kept; what can't be read (an older or newer release's) is nothing."""
        return cls(event, context, Camera.parse(context.state or {}))

    @property
    def plain(self) -> dict[str, Any]:
        """What is kept, as what JSON can say."""
        return self.kept.plain

    def end(self) -> list[Event]:
        """Close everything: the camera's session is over."""
        if self.event.session == self.kept.session:
            self._close("the camera's session ended")
        return self.events

    def frame(self) -> list[Event]:
        """Follow the persons of a frame; return what is to be told."""
        at_ms = self._time()
        followed = self._follow(at_ms)
        changes = self._changes(at_ms, followed)
        self._presences(at_ms, followed, changes)
        self._figures(at_ms, followed)
        return self.events

    def _time(self) -> int:
        """Return the frame's time; close what was before it, if it does not follow on that."""
        event, kept = self.event, self.kept
        at_ms = milliseconds(event.time)
        if kept.session and event.session != kept.session:
            self._close("the camera began a new session")
        elif kept.session and at_ms < kept.newest_ms - JUMP_MS:
            self._close(CLOCK_BACK)
        else:
            at_ms = max(at_ms, kept.newest_ms)
        self._keep(session=event.session, newest_ms=at_ms, series=self.kept.series or event.session)
        return at_ms

    def _follow(self, at_ms: int) -> Followed:
        """Give the frame's persons to the tracker, and tell the others whose tracks they are."""
        persons, settings = self.event.persons, self.context.settings
        boxes = [(one.box.x1, one.box.y1, one.box.x2, one.box.y2) for one in persons]
        followed = follow(
            Tracks.parse(self.kept.tracks), at_ms, np.array(boxes, np.float64).reshape(-1, 4),
            np.array([one.confidence for one in persons], np.float64), Rules.of(settings.tracking), (self.event.width, self.event.height),
        )  # fmt: skip
        self._keep(tracks=followed.state.plain)
        if settings.privacy.blur != "nobody":
            rows = zip(persons, followed.numbers, strict=True)
            self._shown = tuple(msgspec.structs.replace(person, track=self._name(number) if number else None) for person, number in rows)
        if persons and settings.storage.enabled and settings.recognition.engine != "none":
            self.context.tracks.followed(self.event, [self._name(number) if number else "" for number in followed.numbers])
        return followed

    def _seen(self, followed: Followed) -> list[tuple[str, Person]]:
        """Return the frame's persons who are taken for real, by the names of their tracks."""
        rows = zip(followed.numbers, followed.confirmed, self.event.persons, strict=True)
        return [(self._name(number), person) for number, confirmed, person in rows if confirmed]

    def _changes(self, at_ms: int, followed: Followed) -> list[Change]:
        """Return what has changed in zones and on lines."""
        aspect, inside, told = self.event.width / self.event.height, Inside.parse(self.kept.inside), list[Change]()
        for track in followed.started:
            # They were there before it was clear that they are somebody.
            looks = self.kept.maybe.get(str(track.number), ())
            inside, changes = caught_up(self.places, inside, self._name(track.number), looks, aspect=aspect)
            told += changes
        spots = [Spot(name, *self._feet(person)) for name, person in self._seen(followed)]
        inside, changes = observe(self.places, inside, at_ms, spots, aspect=aspect)
        told += changes
        for track in followed.ended:
            inside, changes = leave(self.places, inside, self._name(track.number))
            told += changes
        self._keep(inside=inside.plain, maybe=self._maybe(at_ms, followed))
        return told

    def _maybe(self, at_ms: int, followed: Followed) -> dict[str, tuple[Look, ...]]:
        """Return the looks at those who are not taken for real yet."""
        rows = zip(followed.numbers, followed.confirmed, self.event.persons, strict=True)
        return {
            str(number): (*self.kept.maybe.get(str(number), ()), (at_ms, *self._feet(person)))[-MOST_LOOKS:]
            for number, confirmed, person in rows
            if number and not confirmed
        }

    def _feet(self, person: Person) -> tuple[float, float]:
        """Return the middle of a box's lower edge in shares of the frame."""
        box = person.box
        return round((box.x1 + box.x2) / 2 / self.event.width, 5), round(box.y2 / self.event.height, 5)

    def _presences(self, at_ms: int, followed: Followed, changes: Sequence[Change]) -> None:
        """Note who is there, and tell who has come, what they did in zones, and who has left, in this order."""
        people = dict(self.kept.people)
        begun = []
        for track in followed.started:
            name = self._name(track.number)
            people[name] = Present(name, track.first_ms, at_ms, track.hits - 1)
            begun.append(name)
        for name, person in self._seen(followed):
            people[name] = seen(people[name], at_ms, person.box, person.confidence)
        self.events += [started(people[name], self.event.camera) for name in begun]
        self._keep(people=people)
        self._tell(changes)
        self._leave([self._name(track.number) for track in followed.ended])

    def _tell(self, changes: Iterable[Change]) -> None:
        """Tell changes in zones, numbered."""
        settings, camera = self.context.settings, self.event.camera
        alerts, book, hidden = settings.alerts, rulebook_for(settings), settings.privacy.blur != "nobody"
        for change in changes:
            person = self.kept.people.get(change.track)
            # Who has exited is not in this frame.
            pictured = alerts.snapshots and change.kind != "exited" and book.may_raise(change.kind, camera, change.zone)
            frame_key = self.event.frame_key if pictured else ""
            self.events.append(
                ZoneEvent(
                    camera=self.event.camera,
                    time=moment(change.at_ms),
                    kind=change.kind,
                    track=change.track,
                    zone=change.zone,
                    session=self.kept.series,
                    number=self.kept.told,
                    box=person.last_box if person else None,
                    dwell=change.dwell_ms / 1000,
                    occupancy=change.occupancy,
                    direction=change.direction,
                    frame_key=frame_key,
                    persons=self._shown if frame_key and hidden else None,
                )
            )
            self._keep(told=self.kept.told + 1)
            if change.kind == "exited":
                self._visits.append((change.zone, change.dwell_ms / 1000))
        self._keep(people={one.track: one for one in visited(tuple(self.kept.people.values()), changes)})

    def _leave(self, names: Iterable[str], reason: str = "") -> None:
        """Tell that people have left."""
        people = dict(self.kept.people)
        for name in names:
            person = people.pop(name, None)
            if person is not None:
                self.events.append(ended(person, self.event.camera, self.context.tracks.naming(name), reason))
        self._keep(people=people)

    def _figures(self, at_ms: int, followed: Followed) -> None:
        """Count the frame, and tell the figures of the window before it, and that nobody is there, if a rule asks for that."""
        event, settings, camera = self.event, self.context.settings, self.event.camera
        names = tuple(name for name, _ in self._seen(followed))
        latency = max(0.0, (self.context.now() - event.time).total_seconds()) if event.live else None
        frame = Frame(at_ms, event.number, event.session, len(names), names, event.dropped, latency)
        inside, window_ms = Inside.parse(self.kept.inside), round(settings.metrics.window_seconds * 1000)
        window, figures = counted(Window.parse(self.kept.window), frame, occupancy(inside), self._visits, window_ms, camera)
        self._keep(window=window.plain)
        self.events += figures
        if settings.alerts.rules:
            quiet, alerts = watch(rulebook_for(settings), Quiet.parse(self.kept.quiet), camera, at_ms, len(self.kept.people), event.session)
            self._keep(quiet=quiet.plain)
            self.events += alerts

    def _close(self, reason: str) -> None:
        """End everything that is open; what comes next begins anew."""
        inside = Inside.parse(self.kept.inside)
        names = list(self.kept.people)
        told: list[Change] = []
        for name in names:
            inside, changes = leave(self.places, inside, name)
            told += changes
        self._tell(told)
        self._leave(names, reason)
        window, figures = self._closed_window()
        self.events += figures
        same = self.event.session == self.kept.session
        tracks = finish(Tracks.parse(self.kept.tracks)).state.plain if same else {}
        self._visits = []
        self._keep(tracks=tracks, inside={}, window=window.plain if same else {}, people={}, maybe={})

    def _closed_window(self) -> tuple[Window, list[MetricsEvent]]:
        """Return the window of figures after its end, and what is told of it; the event behind the last frame knows what was dropped."""
        event, window = self.event, Window.parse(self.kept.window)
        if event.last:
            return closed(window, event.camera, visits_ended=self._visits, next_number=event.number, dropped=event.dropped)
        return closed(window, event.camera, visits_ended=self._visits)

    def _name(self, number: int) -> str:
        return f"{self.event.session}-{number}"

    def _keep(self, **changes: Any) -> None:
        self.kept = msgspec.structs.replace(self.kept, **changes)
