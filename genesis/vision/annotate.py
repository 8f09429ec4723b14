"""Draw what was found into a frame: a box and a confidence for each person, and a slim caption bar."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from genesis.events import Person
from genesis.vision.lettering import ink, lettering
from genesis.vision.marks import AMBER, CAPITAL, GREEN, PAPER, SHADE, Colour, fitted, label, outline, unit_of
from genesis.vision.types import Frame

_SURE_FROM = 0.6  # confidence
_BAR = 30.0
_BAR_SHADE = 0.78


def annotate(frame: Frame, persons: Sequence[Person], caption: str) -> Frame:
    """Return a copy of the frame with the persons and a caption drawn into it.

    Args:
        frame: (height, width, 3) uint8, BGR; not changed.
        persons: boxes in pixels of the frame; green from a confidence of 0.6, amber below.
        caption: one line for the bar at the bottom, such as `door  |  12:30:05  |  3 persons  |  hog`; empty leaves the bar out.
    """
    drawn = frame.copy()
    unit = unit_of(frame)
    # The surest last, so that its label lies on top.
    ordered = sorted(persons, key=lambda person: person.confidence)
    for person in ordered:
        outline(drawn, person.box, _colour(person), fitted(person.box, unit))
    for person in ordered:
        label(drawn, person.box, _text(person), _colour(person), fitted(person.box, unit))
    if caption:
        _bar(drawn, caption, unit)
    return drawn


def _colour(person: Person) -> Colour:
    return GREEN if person.confidence >= _SURE_FROM else AMBER


def _text(person: Person) -> str:
    return f"{person.track}  {person.confidence:.0%}" if person.track else f"{person.confidence:.0%}"


def _bar(picture: Frame, caption: str, unit: float) -> None:
    height = min(round(_BAR * unit), picture.shape[0])
    strip = picture[-height:]
    strip[:] = cv2.addWeighted(strip, 1 - _BAR_SHADE, np.full_like(strip, SHADE), _BAR_SHADE, 0)
    margin = round(12 * unit)
    mask = lettering(caption, max(7, round(CAPITAL * unit)))
    room = picture.shape[1] - 2 * margin
    if 0 < room < mask.shape[1]:
        # Too long for the frame: smaller rather than cut.
        size = (room, max(1, round(mask.shape[0] * room / mask.shape[1])))
        mask = np.asarray(cv2.resize(mask, size, interpolation=cv2.INTER_AREA), np.float32)
    ink(strip, mask, margin, (height - mask.shape[0]) // 2 + round(unit), PAPER)
