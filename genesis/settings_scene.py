"""Settings of what a camera looks at: zones and lines, in shares of the frame."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from genesis.settings_base import Section, Share, SimpleName

Point = tuple[Share, Share]
"""x and y in shares of the frame's width and height, from its upper left corner."""

_FEWEST_CORNERS, _MOST_CORNERS = 3, 64
_LEAST_AREA = 1e-5  # of the frame: about 20 pixels of a 1080p one; nobody's feet hit less
_STRAIGHT = 1e-9  # of the frame: a triangle of this area is a line


def _polygon(corners: tuple[Point, ...]) -> tuple[Point, ...]:
    """Refuse what is no outline of an area: an inside must be told from an outside without doubt."""
    # Not Field(min_length=...): pydantic counts the good items alone, and would answer one bad corner with two complaints.
    if not _FEWEST_CORNERS <= len(corners) <= _MOST_CORNERS:
        msg = f"{_FEWEST_CORNERS} to {_MOST_CORNERS} corners (there are {len(corners)})"
        raise ValueError(msg)
    msg = _repeated(corners) or _flat(corners) or _crossed(corners)
    if not msg and area(corners) < _LEAST_AREA:
        msg = f"an area (this one has next to none: at least {_LEAST_AREA * 100:g} % of the frame is needed)"
    if msg:
        raise ValueError(msg)
    return corners


def area(corners: tuple[Point, ...]) -> float:
    """Return the area of a polygon, in shares of the frame (the shoelace formula)."""
    return abs(sum(x1 * y2 - x2 * y1 for (x1, y1), (x2, y2) in zip(corners, (*corners[1:], corners[0]), strict=True))) / 2


def _repeated(corners: tuple[Point, ...]) -> str:
    places: dict[Point, int] = {}
    for number, corner in enumerate(corners, start=1):
        first = places.setdefault(corner, number)
        if first != number:
            closed = "; leave the last one out: the outline closes by itself" if (first, number) == (1, len(corners)) else ""
            return f"every corner once (corners {first} and {number} are the same{closed})"
    return ""


def _flat(corners: tuple[Point, ...]) -> str:
    flat = all(abs(_turn(corners[0], corners[1], corner)) <= _STRAIGHT for corner in corners)
    return "corners that do not all lie on one straight line" if flat else ""


def _crossed(corners: tuple[Point, ...]) -> str:
    count = len(corners)
    edges = [(corners[index], corners[(index + 1) % count]) for index in range(count)]
    names = [f"{index + 1}-{(index + 1) % count + 1}" for index in range(count)]
    for one in range(count):
        for other in range(one + 1, count):
            if other == one + 1 or (one, other) == (0, count - 1):
                first, second = (one, other) if other == one + 1 else (other, one)
                if _folded(*edges[first], edges[second][1]):
                    return f"edges that do not lie on each other (edges {names[first]} and {names[second]} do)"
            elif _meet(*edges[one], *edges[other]):
                return f"edges that do not cross or touch (edges {names[one]} and {names[other]} do)"
    return ""


def _folded(a: Point, b: Point, c: Point) -> bool:
    """Return whether the way from a to b goes straight back to c."""
    return abs(_turn(a, b, c)) <= _STRAIGHT and (b[0] - a[0]) * (c[0] - b[0]) + (b[1] - a[1]) * (c[1] - b[1]) < 0


def _meet(a: Point, b: Point, c: Point, d: Point) -> bool:
    """Return whether the edges from a to b and from c to d have a point in common."""
    beside = _side(a, b, c) * _side(a, b, d), _side(c, d, a) * _side(c, d, b)
    if max(beside) > 0:
        return False
    # On one straight line, or nearly: then they meet only where their extents do.
    return all(max(min(a[i], b[i]), min(c[i], d[i])) <= min(max(a[i], b[i]), max(c[i], d[i])) for i in (0, 1))


def _side(a: Point, b: Point, c: Point) -> int:
    turn = _turn(a, b, c)
    return 0 if abs(turn) <= _STRAIGHT else 1 if turn > 0 else -1


def _turn(a: Point, b: Point, c: Point) -> float:
    """Return twice the area of a triangle, with a sign: positive where c lies to the right of the way from a to b."""
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


Polygon = Annotated[tuple[Point, ...], AfterValidator(_polygon)]


class Zone(Section):
    """An area that persons are in when their feet are."""

    name: SimpleName = Field(description="Name used in events, rules and reports.")
    polygon: Polygon = Field(
        description="Corners as [x, y] in shares of the frame (0 to 1, from the upper left), so that another resolution changes nothing."
    )
    inertia: int = Field(default=3, ge=1, le=30, description="A person has entered when inside in this many ...")
    inertia_of: int = Field(default=5, ge=1, le=60, description="... of this many looks.")
    exit_grace_seconds: Annotated[float, Field(ge=0, le=3600)] = Field(
        default=1.0,
        description="A person has exited when not seen inside for this long (more than the time between two frames); "
        "the exit's time is that of the last look inside.",
    )
    loitering_seconds: Annotated[float, Field(gt=0, le=86_400)] | None = Field(
        default=None, description="A person who is inside for this long loiters; empty: nobody does."
    )

    @model_validator(mode="after")
    def _ordered(self) -> Zone:
        if self.inertia > self.inertia_of:
            msg = f"inertia ({self.inertia}) at most inertia_of ({self.inertia_of})"
            raise ValueError(msg)
        return self

    @property
    def area(self) -> float:
        """How much of the frame it covers, 0 to 1."""
        return area(self.polygon)


class Line(Section):
    """A line that persons cross."""

    name: SimpleName = Field(description="Name used in events, rules and reports.")
    start: Point = Field(description="One end as [x, y] in shares of the frame.")
    end: Point = Field(description="The other end. Crossing from the left to the right of start-to-end is `in`, the other way `out`.")
    hysteresis: Annotated[float, Field(ge=0, le=0.5)] = Field(
        default=0.01, description="How far beyond the line somebody must be to have crossed it, in shares of the frame's height."
    )

    @model_validator(mode="after")
    def _has_a_length(self) -> Line:
        if self.start == self.end:
            msg = "a start that is not the end"
            raise ValueError(msg)
        return self
