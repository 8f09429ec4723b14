"""Draw what was found into a frame: a box and a confidence for each person, and a slim caption bar."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from genesis.events import Person
from genesis.vision.lettering import ink, lettering
from genesis.vision.types import Frame

Colour = tuple[int, int, int]

_SURE: Colour = (166, 222, 64)  # BGR: a clear sea green
_UNSURE: Colour = (75, 190, 250)  # amber
_INK: Colour = (36, 24, 16)  # near black, on the colours above
_SHADE: Colour = (26, 18, 12)
_PAPER: Colour = (245, 240, 236)
_SURE_FROM = 0.6  # confidence
_DESIGN_HEIGHT = 576.0  # pixels: of the frame for which the sizes below are meant
_CAPITAL = 10.0
_NEAR = 120.0  # height of a person who gets lines and letters of full size
_BAR = 30.0
_BAR_SHADE = 0.78
_RADIUS = 6.0
_FRACTION_BITS = 4  # of a pixel, in OpenCV's fixed-point coordinates


def annotate(frame: Frame, persons: Sequence[Person], caption: str) -> Frame:
    """Return a copy of the frame with the persons and a caption drawn into it.

    Args:
        frame: (height, width, 3) uint8, BGR; not changed.
        persons: boxes in pixels of the frame; green from a confidence of 0.6, amber below.
        caption: one line for the bar at the bottom, such as `door  |  12:30:05  |  3 persons  |  hog`; empty leaves the bar out.
    """
    drawn = frame.copy()
    unit = min(max(frame.shape[0] / _DESIGN_HEIGHT, 0.75), 3.0)
    # The surest last, so that its label lies on top.
    ordered = sorted(persons, key=lambda person: person.confidence)
    for person in ordered:
        _outline(drawn, person, _fitted(person, unit))
    for person in ordered:
        _label(drawn, person, _fitted(person, unit))
    if caption:
        _bar(drawn, caption, unit)
    return drawn


def _fitted(person: Person, unit: float) -> float:
    # Lines and letters for a person in the distance are finer, or they would hide who stands beside.
    return unit * min(max(person.box.height / (_NEAR * unit), 0.7), 1.0)


def _colour(person: Person) -> Colour:
    return _SURE if person.confidence >= _SURE_FROM else _UNSURE


def _outline(picture: Frame, person: Person, unit: float) -> None:
    box = person.box
    radius = min(_RADIUS * unit, box.width / 2, box.height / 2)
    corners = _rounded(box.x1, box.y1, box.x2, box.y2, radius)
    # A dark rim first: the colour must show on a light background too.
    for colour, width in ((_SHADE, 4.0), (_colour(person), 2.0)):
        cv2.polylines(picture, [corners], True, colour, max(1, round(width * unit)), cv2.LINE_AA, _FRACTION_BITS)  # noqa: FBT003 - closed


def _label(picture: Frame, person: Person, unit: float) -> None:
    text = f"{person.track}  {person.confidence:.0%}" if person.track else f"{person.confidence:.0%}"
    mask = lettering(text, max(7, round(_CAPITAL * unit)))
    across, down = round(6 * unit), round(3 * unit)
    width, height = mask.shape[1] + 2 * across, mask.shape[0] + 2 * down - round(2 * unit)
    left = int(min(max(person.box.x1 - unit, 0), max(picture.shape[1] - width, 0)))
    above = person.box.y1 - height - 2 * unit
    top = round(above if above >= 0 else max(person.box.y1, 0) + 4 * unit)
    plate = _rounded(left, top, left + width, top + height, 4 * unit)
    cv2.fillPoly(picture, [plate], _colour(person), cv2.LINE_AA, _FRACTION_BITS)
    ink(picture, mask, left + across, top + down, _INK)


def _bar(picture: Frame, caption: str, unit: float) -> None:
    height = min(round(_BAR * unit), picture.shape[0])
    strip = picture[-height:]
    strip[:] = cv2.addWeighted(strip, 1 - _BAR_SHADE, np.full_like(strip, _SHADE), _BAR_SHADE, 0)
    margin = round(12 * unit)
    mask = lettering(caption, max(7, round(_CAPITAL * unit)))
    room = picture.shape[1] - 2 * margin
    if 0 < room < mask.shape[1]:
        # Too long for the frame: smaller rather than cut.
        size = (room, max(1, round(mask.shape[0] * room / mask.shape[1])))
        mask = np.asarray(cv2.resize(mask, size, interpolation=cv2.INTER_AREA), np.float32)
    ink(strip, mask, margin, (height - mask.shape[0]) // 2 + round(unit), _PAPER)


def _rounded(x1: float, y1: float, x2: float, y2: float, radius: float) -> npt.NDArray[np.int32]:
    """Return the corner points of a rounded rectangle in OpenCV's fixed-point coordinates: (n, 1, 2)."""
    turn = np.linspace(0, np.pi / 2, 6)
    left, right, top, bottom = x1 + radius, x2 - radius, y1 + radius, y2 - radius
    corners = ((right, top, -np.pi / 2), (right, bottom, 0.0), (left, bottom, np.pi / 2), (left, top, np.pi))
    arcs = [np.stack([x + radius * np.cos(start + turn), y + radius * np.sin(start + turn)], axis=1) for x, y, start in corners]
    return np.rint(np.concatenate(arcs) * (1 << _FRACTION_BITS)).astype(np.int32)[:, None, :]
