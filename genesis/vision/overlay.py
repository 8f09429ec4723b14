"""Draw zones, lines, and a person that an alert is about into a frame."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from genesis.events import Box
from genesis.settings import Line, Zone
from genesis.vision.lettering import ink, lettering
from genesis.vision.marks import (
    AMBER,
    FRACTION_BITS,
    GREEN,
    PAPER,
    SHADE,
    Colour,
    fitted,
    fixed,
    label,
    outline,
    plate,
    plate_size,
    stroke,
    unit_of,
)
from genesis.vision.types import Frame

JPEG_QUALITY = 85

_COLOURS: tuple[Colour, ...] = (  # BGR: none of them is a person's green or amber, and dark letters show on all
    (250, 186, 104),  # sky
    (186, 148, 255),  # rose
    (236, 168, 204),  # lilac
    (224, 218, 120),  # turquoise
    (176, 226, 236),  # sand
)
_LINE: Colour = (120, 130, 255)  # coral
_FILL = 0.2  # how much of a zone's colour lies on the frame
_ARROW, _HEAD, _DOT = 26.0, 7.0, 3.5  # pixels of the design, as in `genesis.vision.marks`
_TENTHS = 10
_FAINT, _CLEAR = 0.35, 0.6  # of the grid's lines; the second for the middle ones
_TICK = 7.0


def draw(
    frame: Frame,
    zones: Sequence[Zone],
    lines: Sequence[Line],
    person: Box | None = None,
    name: str = "",
    *,
    known: bool = False,
    grid: bool = False,
) -> Frame:
    """Return a copy of the frame with zones, lines and a person drawn into it.

    Args:
        frame: (height, width, 3) uint8, BGR; not changed.
        zones: each filled with a little of its colour, with its outline and name.
        lines: each with its name and an arrow that shows which way is `in`.
        person: box in pixels of the frame; None draws none.
        name: on a plate at the box; empty leaves the plate out.
        known: green for somebody who is enrolled, else amber.
        grid: lines at every tenth of the width and height, so that coordinates can be read.
    """
    drawn, unit = frame.copy(), unit_of(frame)
    if grid:
        _grid(drawn, unit)
    tinted = [(zone, _COLOURS[number % len(_COLOURS)]) for number, zone in enumerate(zones)]
    for zone, colour in tinted:
        _fill(drawn, _pixels(drawn, zone.polygon), colour)
    for zone, colour in tinted:
        stroke(drawn, fixed(_pixels(drawn, zone.polygon)), colour, unit)
    for line in lines:
        _line(drawn, line, unit)
    taken: list[tuple[int, int, int, int]] = []
    for zone, colour in tinted:
        corner = min(_pixels(drawn, zone.polygon).tolist(), key=lambda corner: (round(corner[1]), corner[0]))
        _name(drawn, zone.name, corner, colour, unit, taken)
    for line in lines:
        _name(drawn, line.name, _pixels(drawn, (line.start,))[0].tolist(), _LINE, unit, taken)
    if person is not None:
        colour, size = GREEN if known else AMBER, fitted(person, unit)
        outline(drawn, person, colour, size)
        if name:
            label(drawn, person, name, colour, size)
    if grid:
        _ticks(drawn, unit)
    return drawn


def snapshot(
    frame: Frame,
    zones: Sequence[Zone],
    lines: Sequence[Line],
    person: Box | None = None,
    name: str = "",
    *,
    known: bool = False,
    quality: int = JPEG_QUALITY,
) -> bytes:
    """Return what `draw` draws as a JPEG file.

    Args:
        frame: (height, width, 3) uint8, BGR; not changed.
        zones: as for `draw`, like all that follow.
        lines: likewise.
        person: likewise.
        name: likewise.
        known: likewise.
        quality: of the JPEG, 1 to 100.
    """
    _, encoded = cv2.imencode(".jpg", draw(frame, zones, lines, person, name, known=known), [cv2.IMWRITE_JPEG_QUALITY, quality])
    return encoded.tobytes()


def _pixels(picture: Frame, points: Sequence[tuple[float, float]]) -> npt.NDArray[np.float64]:
    """Return points in shares of the frame as pixels, (n, 2); the frame's edge is its last pixel."""
    height, width = picture.shape[:2]
    return np.array(points, np.float64) * np.array((max(width - 1, 0), max(height - 1, 0)), np.float64)


def _fill(picture: Frame, corners: npt.NDArray[np.float64], colour: Colour) -> None:
    left, top = np.floor(corners.min(axis=0)).astype(int)
    right, bottom = np.ceil(corners.max(axis=0)).astype(int) + 1
    region = picture[top:bottom, left:right]
    shape = np.zeros(region.shape[:2], np.uint8)
    cv2.fillPoly(shape, [fixed(corners - (left, top))], 255, cv2.LINE_AA, FRACTION_BITS)
    _blend(region, np.asarray(shape[:, :, None] * np.float32(_FILL / 255), np.float32), colour)


def _blend(region: Frame, share: npt.NDArray[np.float32] | float, colour: Colour) -> None:
    under = region.astype(np.float32)
    region[:] = np.rint(under + (np.array(colour, np.float32) - under) * share).astype(np.uint8)


def _line(picture: Frame, line: Line, unit: float) -> None:
    ends = _pixels(picture, (line.start, line.end))
    stroke(picture, fixed(ends), _LINE, unit, closed=False)
    for x, y in fixed(ends)[:, 0].tolist():
        cv2.circle(picture, (x, y), round(_DOT * unit * (1 << FRACTION_BITS)), _LINE, cv2.FILLED, cv2.LINE_AA, FRACTION_BITS)
    along = (ends[1] - ends[0]) / max(float(np.hypot(*(ends[1] - ends[0]))), 1.0)
    right = np.array((-along[1], along[0]))
    foot = ends.mean(axis=0)
    tip = foot + right * _ARROW * unit
    head = [tip + (side * along - right) * _HEAD * unit for side in (1, -1)]
    stroke(picture, fixed(np.stack([foot, tip])), _LINE, unit, closed=False)
    stroke(picture, fixed(np.stack([head[0], tip, head[1]])), _LINE, unit, closed=False)
    width, height = plate_size("in", unit)
    middle = tip + right * (5 * unit + np.abs(right) @ (width / 2, height / 2))
    plate(picture, "in", round(middle[0] - width / 2), round(middle[1] - height / 2), _LINE, unit)


def _name(picture: Frame, text: str, corner: Sequence[float], colour: Colour, unit: float, taken: list[tuple[int, int, int, int]]) -> None:
    """Write a name above a corner, or where there is room for it; what it covers is noted in `taken`."""
    width, height = plate_size(text, unit)
    gap = round(3 * unit)
    left = max(0, min(round(corner[0]), picture.shape[1] - width))
    top = round(corner[1]) - height - gap
    top = top if top >= 0 else round(corner[1]) + gap
    while any(left < x2 and x1 < left + width and top < y2 and y1 < top + height for x1, y1, x2, y2 in taken):
        top += height + gap
    taken.append((left, top, left + width, top + height))
    plate(picture, text, left, top, colour, unit)


def _grid(picture: Frame, unit: float) -> None:
    thick = max(1, round(unit))
    for tenth, x, y in _tenths(picture):
        share = _CLEAR if tenth * 2 == _TENTHS else _FAINT
        _blend(picture[:, x : x + thick], share, PAPER)
        _blend(picture[y : y + thick], share, PAPER)


def _ticks(picture: Frame, unit: float) -> None:
    thick = max(1, round(unit))
    for tenth, x, y in _tenths(picture):
        tick = lettering(f"{tenth / _TENTHS:g}", max(6, round(_TICK * unit)))
        for left, top in ((x + 2 * thick, 3 * thick), (3 * thick, y + 2 * thick)):
            ink(picture, tick, left + thick, top + thick, SHADE)
            ink(picture, tick, left, top, PAPER)


def _tenths(picture: Frame) -> list[tuple[int, int, int]]:
    """Return each tenth, and at which column and row of the picture it is."""
    height, width = picture.shape[:2]
    return [(tenth, round((width - 1) * tenth / _TENTHS), round((height - 1) * tenth / _TENTHS)) for tenth in range(1, _TENTHS)]
