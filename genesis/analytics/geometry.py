"""Where a point lies: in an area or not, on which side of a line; and whether a way passes through the line.

Coordinates are shares of the frame, from its upper left corner. Areas that share an edge share no point, and leave none out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

Point = tuple[float, float]

_DIGITS = 5  # of a share: 0.04 pixels of a 4K frame
_LAST = 1 - 10**-_DIGITS


def placed(x: float, y: float) -> Point:
    """Return a point as it is looked at: rounded, and within the frame.

    Feet at the frame's lower edge, or below it, belong to the area that ends there: an area has its left and upper border, and
    not its right and lower one.
    """
    return min(max(round(x, _DIGITS), 0.0), _LAST), min(max(round(y, _DIGITS), 0.0), _LAST)


@dataclass(frozen=True, slots=True)
class Area:
    """A polygon, made ready for many questions.

    Attributes:
        edges: of those that are not level: upper y, lower y, x at the upper end, and how x changes with y.
    """

    edges: tuple[tuple[float, float, float, float], ...]

    @classmethod
    def of(cls, corners: Sequence[Point]) -> Area:
        """Return the area within these corners; it may be concave."""
        edges = []
        for one, other in zip(corners, (*corners[1:], corners[0]), strict=True):
            # From the upper end, whichever way round the polygon goes: neighbours must agree on their common edge to the last bit.
            (x1, y1), (x2, y2) = sorted((one, other), key=lambda corner: corner[1])
            if y1 != y2:
                edges.append((y1, y2, x1, (x2 - x1) / (y2 - y1)))
        return cls(tuple(edges))

    def contains(self, point: Point) -> bool:
        """Return whether a point lies in it.

        A ray to the right crosses the outline an odd number of times (W. R. Franklin's PNPOLY, with half-open edges).
        """
        x, y = point
        inside = False
        for upper, lower, start, slope in self.edges:
            if upper <= y < lower and x < start + (y - upper) * slope:
                inside = not inside
        return inside


@dataclass(frozen=True, slots=True)
class Segment:
    """A straight line from a start to an end."""

    start: Point
    end: Point

    def distance(self, point: Point, aspect: float) -> float:
        """Return how far a point lies from the line, however far that is thought to go on: positive on its right, negative on its left.

        Args:
            point: the place.
            aspect: width of the frame by its height.

        Returns:
            Shares of the frame's height.
        """
        wide, high = (self.end[0] - self.start[0]) * aspect, self.end[1] - self.start[1]
        return _turn(self.start, self.end, point) * aspect / float((wide * wide + high * high) ** 0.5)

    def passed(self, before: Point, now: Point) -> int:
        """Return 1 if the straight way between two points passes through the segment itself from left to right, -1 the other way, else 0.

        A point on the line counts as on its right, so that ways that follow each other pass it as often as the whole does.
        """
        was, is_now = _turn(self.start, self.end, before) >= 0, _turn(self.start, self.end, now) >= 0
        if was is is_now or _turn(before, now, self.start) * _turn(before, now, self.end) > 0:
            return 0
        return 1 if is_now else -1


def _turn(start: Point, end: Point, point: Point) -> float:
    """Return the cross product: positive where a point lies on the right of the way from start to end (y points down)."""
    return (end[0] - start[0]) * (point[1] - start[1]) - (end[1] - start[1]) * (point[0] - start[0])
