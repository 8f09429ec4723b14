"""Who is in a camera's view, and at whom to look in this frame.

What is kept of a person is where they were last, when to look again, and what the looks so far have said; no name, no face. It
is plain data that JSON can say, small enough to be written with every frame, and forgotten when the person has gone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from genesis.analytics.decision import Decision, Look, counted, decide
from genesis.analytics.kept import Kept

if TYPE_CHECKING:
    from datetime import datetime

    from genesis.events import Box, Person, PersonDetected
    from genesis.settings import Recognition

GONE_MS = 1500
"""A person who was not seen for longer than this is another one when seen again."""
SAME_BOX = 0.3
"""Intersection over union from which two boxes are the same person's."""
MOST_LOOKS = 16
"""Persons that are looked at in one frame; the others are looked at in the next ones."""

_TIMER_MS = 5  # frames do not come to the millisecond
_LONGEST_BLIND_MS = 1000  # between two looks at a person whose face does not show


class Seen(Struct, frozen=True, array_like=True):
    """A person in view.

    Attributes:
        box: where they were last, `x1 y1 x2 y2` in pixels of the frame.
        at_ms: when that was, in milliseconds since 1970, as all times here.
        due_ms: when to look at them (again).
        looks: usable faces of theirs that were compared, in this round.
        blind: looks in a row that have found no usable face.
        votes: what the looks have said, by identity.
        track: the tracker's name for them, if there is one.
    """

    box: tuple[float, float, float, float]
    at_ms: int
    due_ms: int
    looks: int = 0
    blind: int = 0
    votes: dict[str, int] = {}
    track: str | None = None


class View(Kept, frozen=True):
    """A camera's view in one session of its capture."""

    session: str = ""
    people: tuple[Seen, ...] = ()


@dataclass(frozen=True, slots=True)
class Pace:
    """How often to look.

    Attributes:
        interval_ms: between two looks at one person.
        again_ms: after a decision, until the same person is looked at anew.
        most_looks: at one person, until a decision must be made.
        least_side: pixels; persons narrower or less tall than this can't have a face that is large enough.
    """

    interval_ms: int
    again_ms: int
    most_looks: int
    least_side: float

    @classmethod
    def of(cls, settings: Recognition) -> Pace:
        """Return the pace of an installation."""
        return cls(round(settings.interval_seconds * 1000), round(settings.again_seconds * 1000), settings.max_attempts, settings.min_face)


@dataclass(frozen=True, slots=True)
class Scene:
    """One frame's persons in a view.

    Attributes:
        view: with the frame's persons in it; the first of its people are theirs, in their order.
        at_ms: the frame's time.
        due: which of the persons are to be looked at now, in their order.
    """

    view: View
    at_ms: int
    due: tuple[int, ...]


def entered(view: View, event: PersonDetected, pace: Pace) -> Scene:
    """Find a frame's persons among those in view, and say at whom to look.

    Args:
        view: before the frame; that of another session is forgotten.
        event: the frame's persons.
        pace: how often to look.
    """
    at_ms = milliseconds(event.time)
    before = [seen for seen in view.people if abs(at_ms - seen.at_ms) <= GONE_MS] if view.session == event.session else []
    found = _paired(event.persons, before)
    people = []
    for index, person in enumerate(event.persons):
        box = person.box
        corners = (round(box.x1, 1), round(box.y1, 1), round(box.x2, 1), round(box.y2, 1))
        if index in found:
            seen = before[found[index]]
            people.append(msgspec.structs.replace(seen, box=corners, at_ms=at_ms, track=person.track or seen.track))
        else:
            people.append(Seen(corners, at_ms, at_ms, track=person.track))
    due = [
        index
        for index, seen in enumerate(people)
        if at_ms + _TIMER_MS >= seen.due_ms and min(event.persons[index].box.width, event.persons[index].box.height) >= pace.least_side
    ]
    first = sorted(due, key=lambda index: (people[index].due_ms, index))[:MOST_LOOKS]
    others = [seen for index, seen in enumerate(before) if index not in found.values()]
    return Scene(View(event.session, (*people, *others)), at_ms, tuple(sorted(first)))


def looked_in_vain(scene: Scene, index: int, pace: Pace) -> Scene:
    """Note that no usable face of a person was found: the next look is put off, further each time.

    Args:
        scene: the frame.
        index: of the person.
        pace: how often to look.
    """
    seen = scene.view.people[index]
    wait = pace.interval_ms << min(seen.blind, 10)
    wait = max(pace.interval_ms, min(wait, _LONGEST_BLIND_MS))
    return _changed(scene, index, msgspec.structs.replace(seen, blind=seen.blind + 1, due_ms=scene.at_ms + wait))


def looked(scene: Scene, index: int, look: Look, threshold: float, margin: float, pace: Pace) -> tuple[Scene, Decision | None, int]:
    """Note what a look at a person's face has said.

    Args:
        scene: the frame.
        index: of the person.
        look: the face.
        threshold: largest distance between faces of one person.
        margin: share of the threshold by which the second best identity must be farther away.
        pace: how often to look.

    Returns:
        The scene after it, the decision if one could be made (a new round begins then), and how many looks there were.
    """
    seen = scene.view.people[index]
    votes, looks = counted(seen.votes, look, threshold, margin), seen.looks + 1
    decision = decide(votes, looks, pace.most_looks)
    if decision is None:
        after = msgspec.structs.replace(seen, blind=0, votes=votes, looks=looks, due_ms=scene.at_ms + pace.interval_ms)
    else:
        after = msgspec.structs.replace(seen, blind=0, votes={}, looks=0, due_ms=scene.at_ms + pace.again_ms)
    return _changed(scene, index, after), decision, looks


def milliseconds(time: datetime) -> int:
    """Return a time in milliseconds since 1970."""
    return round(time.timestamp() * 1000)


def _changed(scene: Scene, index: int, seen: Seen) -> Scene:
    people = scene.view.people
    return Scene(msgspec.structs.replace(scene.view, people=(*people[:index], seen, *people[index + 1 :])), scene.at_ms, scene.due)


def _paired(persons: Sequence[Person], people: Sequence[Seen]) -> dict[int, int]:
    """Return which of the people in view each person is: by the tracker's word, else by the boxes, the best overlap first."""
    tracks = {seen.track: index for index, seen in enumerate(people) if seen.track is not None}
    found = {index: tracks[person.track] for index, person in enumerate(persons) if person.track in tracks}
    overlaps = sorted(
        (-_overlap(person.box, seen), index, other)
        for index, person in enumerate(persons)
        for other, seen in enumerate(people)
        if index not in found and (person.track is None or seen.track is None)
    )
    taken = set(found.values())
    for overlap, index, other in overlaps:
        if -overlap >= SAME_BOX and index not in found and other not in taken:
            found[index] = other
            taken.add(other)
    return found


def _overlap(box: Box, seen: Seen) -> float:
    return box.iou(type(box)(*seen.box))
