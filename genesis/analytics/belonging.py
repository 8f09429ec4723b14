"""Whose face is it: the faces found in the crops of a frame's persons, given to the persons that they belong to.

A crop shows who stands in front of or behind its person, too. So a face is found in several crops, and not each one found in a
person's crop is that person's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import hypot

from genesis.events import Box

_HEAD = 0.2  # of a person's height, from above: where a face is, roughly
_REACH = 0.1  # of a person's size: how far outside of its box a face's centre may lie
_LOWER_HALF = 0.25  # what a face in the lower half of a person counts beside one in the upper half: it is a child's, or a picture's


@dataclass(frozen=True, slots=True)
class Found:
    """A face in a crop: whose crop (which of the frame's persons), which face of that crop, and where, in pixels of the frame."""

    person: int
    face: int
    box: Box


def belonging(persons: Sequence[Box], found: Sequence[Found]) -> dict[int, Found]:
    """Return each person's face; persons without one are left out.

    A face that lies in several persons belongs to the one in whose box it is most where a head is, whether that one was looked at
    or not; of several faces of one person the largest is taken.

    Args:
        persons: all persons of the frame.
        found: the faces of those persons that were looked at.
    """
    best: dict[int, tuple[float, Found]] = {}
    for one in found:
        # Of one face found in several crops, only what was found in its owner's is used.
        if _owner(persons, one.box) != one.person:
            continue
        rank = one.box.width * one.box.height
        if _centre(one.box)[1] > (persons[one.person].y1 + persons[one.person].y2) / 2:
            rank *= _LOWER_HALF
        if one.person not in best or rank > best[one.person][0]:
            best[one.person] = rank, one
    return {person: one for person, (_, one) in sorted(best.items())}


def _owner(persons: Sequence[Box], face: Box) -> int | None:
    fitting = [(far, index) for index, person in enumerate(persons) if (far := _distance(person, face)) is not None]
    return min(fitting)[1] if fitting else None


def _distance(person: Box, face: Box) -> float | None:
    """Return how far a face is from where a person's head should be, in sizes of the person; None: it is outside."""
    width, height = max(person.width, 1.0), max(person.height, 1.0)
    x, y = _centre(face)
    across, down = (x - (person.x1 + person.x2) / 2) / width, (y - person.y1) / height
    if abs(across) > 0.5 + _REACH or not -_REACH <= down <= 1 + _REACH:
        return None
    return hypot(across, down - _HEAD)


def _centre(box: Box) -> tuple[float, float]:
    return (box.x1 + box.x2) / 2, (box.y1 + box.y2) / 2
