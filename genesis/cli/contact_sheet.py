"""A contact sheet: a grid of faces, each with who it is, when and where; made with OpenCV."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from genesis.vision.lettering import Mask, ink, lettering
from genesis.vision.types import Frame

Colour = tuple[int, int, int]

MOST = 480  # faces on one sheet
_COLUMNS = 8
_FEWEST_COLUMNS = 4  # a sheet of one face still has room for its heading
_FACE, _GAP, _EDGE = 208, 20, 44  # pixels, as all of these
_INSET, _CAPTION, _HEADING = 10, 84, 78
_RADIUS = 12
_BACKGROUND: Colour = (24, 19, 16)  # BGR: a blue black
_CARD: Colour = (43, 35, 30)
_HOLLOW: Colour = (58, 49, 43)
_PAPER: Colour = (245, 240, 236)
_GREY: Colour = (172, 160, 150)
_DIM: Colour = (120, 108, 98)
_KNOWN: Colour = (166, 222, 64)  # a clear sea green, as the boxes in annotated videos
_UNKNOWN: Colour = (75, 190, 250)  # amber
_FRACTION = 4  # bits, in OpenCV's fixed-point coordinates


@dataclass(frozen=True, slots=True, eq=False)
class Tile:
    """One face.

    Attributes:
        picture: (height, width, 3) uint8, BGR; None where there is none any more.
        who: name or label.
        lines: what is written below that, one or two short lines.
        known: whether it is somebody who is enrolled.
        mark: a few letters beside the name, such as a number.
    """

    picture: Frame | None
    who: str
    lines: tuple[str, ...]
    known: bool
    mark: str = ""


def contact_sheet(tiles: Sequence[Tile], heading: str, note: str = "") -> Frame:
    """Return a sheet with a heading, and below it the faces in rows, in their order.

    Args:
        tiles: at most `MOST`.
        heading: what the sheet shows.
        note: smaller, beside it.
    """
    columns = min(_COLUMNS, max(_FEWEST_COLUMNS, len(tiles)))
    rows = -(-len(tiles) // columns)
    wide, high = _FACE + 2 * _INSET, _FACE + _INSET + _CAPTION
    width = 2 * _EDGE + columns * (wide + _GAP) - _GAP
    height = 2 * _EDGE + _HEADING + rows * (high + _GAP) - (_GAP if rows else 0)
    sheet = np.full((height, width, 3), _BACKGROUND, np.uint8)
    _head(sheet, heading, note)
    for number, tile in enumerate(tiles):
        row, column = divmod(number, columns)
        _card(sheet, tile, _EDGE + column * (wide + _GAP), _EDGE + _HEADING + row * (high + _GAP))
    return sheet


def as_ascii(text: str) -> str:
    """Return a text in the letters that can be drawn: accents are left out, what has no such letter becomes `?`."""
    bare = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    return bare.encode("ascii", "replace").decode("ascii")


def square(picture: Frame, side: int) -> Frame:
    """Return the middle of a picture as a square of that many pixels."""
    height, width = picture.shape[:2]
    short = min(height, width)
    # Faces lie above the middle of a tall crop.
    top, left = (height - short) // 3, (width - short) // 2
    cut = picture[top : top + short, left : left + short]
    how = cv2.INTER_AREA if short > side else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(cut, (side, side), interpolation=how), np.uint8)


def _head(sheet: Frame, heading: str, note: str) -> None:
    room = sheet.shape[1] - 2 * _EDGE
    title = _fitted(heading, 18, room)
    ink(sheet, title, _EDGE, _EDGE, _PAPER)
    if note:
        small = _fitted(note, 10, room - title.shape[1] - 2 * _GAP)
        ink(sheet, small, sheet.shape[1] - _EDGE - small.shape[1], _EDGE + 7, _DIM)
    sheet[_EDGE + 43 : _EDGE + 44, _EDGE : sheet.shape[1] - _EDGE] = _HOLLOW


def _card(sheet: Frame, tile: Tile, left: int, top: int) -> None:
    colour = _KNOWN if tile.known else _UNKNOWN
    wide, high = _FACE + 2 * _INSET, _FACE + _INSET + _CAPTION
    _plate(sheet, (left, top, left + wide, top + high), _RADIUS, _CARD)
    x, y = left + _INSET, top + _INSET
    if tile.picture is None:
        _plate(sheet, (x, y, x + _FACE, y + _FACE), _RADIUS - 4, _HOLLOW)
        gone = lettering("no picture", 10)
        ink(sheet, gone, x + (_FACE - gone.shape[1]) // 2, y + (_FACE - gone.shape[0]) // 2, _DIM)
    else:
        _rounded_in(sheet, square(tile.picture, _FACE), x, y)
    mark = lettering(tile.mark, 8) if tile.mark else None
    line = y + _FACE + 13
    if mark is not None:
        ink(sheet, mark, x + _FACE - mark.shape[1], line + 3, _DIM)
    room = _FACE - (mark.shape[1] + 10 if mark is not None else 0)
    ink(sheet, _fitted(tile.who, 12, room), x, line, colour)
    for index, text in enumerate(tile.lines[:2]):
        ink(sheet, _fitted(text, 9, _FACE), x, line + 24 + 18 * index, _GREY)


def _fitted(text: str, capital: int, room: int) -> Mask:
    """Return one line of text, shortened until it fits."""
    text = as_ascii(text)
    mask = lettering(text, capital)
    while mask.shape[1] > room and len(text) > 1:
        text = text.removesuffix("..")[: max(1, min(len(text) - 1, int(len(text) * room / mask.shape[1])) - 2)].rstrip() + ".."
        mask = lettering(text, capital)
        if len(text) <= 3:  # noqa: PLR2004 - one letter and the dots
            break
    return mask


def _plate(sheet: Frame, corners: tuple[int, int, int, int], radius: int, colour: Colour) -> None:
    cv2.fillPoly(sheet, [_outline(corners, radius)], colour, cv2.LINE_AA, _FRACTION)


def _rounded_in(sheet: Frame, picture: Frame, left: int, top: int) -> None:
    height, width = picture.shape[:2]
    shape = np.zeros((height, width), np.uint8)
    cv2.fillPoly(shape, [_outline((0, 0, width - 1, height - 1), _RADIUS - 4)], 255, cv2.LINE_AA, _FRACTION)
    share = shape[:, :, None].astype(np.float32) / np.float32(255)
    under = sheet[top : top + height, left : left + width].astype(np.float32)
    sheet[top : top + height, left : left + width] = np.rint(under + (picture - under) * share).astype(np.uint8)


def _outline(corners: tuple[int, int, int, int], radius: int) -> npt.NDArray[np.int32]:
    x1, y1, x2, y2 = corners
    centres = (
        (x2 - radius, y1 + radius, -90),
        (x2 - radius, y2 - radius, 0),
        (x1 + radius, y2 - radius, 90),
        (x1 + radius, y1 + radius, 180),
    )
    points = [
        (x + radius * np.cos(np.radians(begin + step)), y + radius * np.sin(np.radians(begin + step)))
        for x, y, begin in centres
        for step in range(0, 91, 15)
    ]
    outline: npt.NDArray[np.int32] = np.rint(np.array(points) * (1 << _FRACTION)).astype(np.int32)
    return outline
