"""Who crosses a line, and which way.

Somebody has crossed a line who was clearly on one side of it, is clearly on the other, and whose way went through the line itself
rather than around its ends. What happens nearer to the line than its hysteresis is a box that trembles, until one side is clear.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from msgspec import Struct

from genesis.analytics.geometry import Point, Segment

if TYPE_CHECKING:
    from genesis.settings import Line

Direction = Literal["in", "out"]


class Side(Struct, frozen=True, array_like=True):
    """Where somebody is with respect to a line.

    Attributes:
        clear: the side on which they clearly were last: 1 the right, -1 the left, 0 neither yet.
        through: how often they have passed through the line since, to the right less to the left.
    """

    clear: int = 0
    through: int = 0


@dataclass(frozen=True, slots=True)
class Gate:
    """A line of the settings, ready for use.

    Attributes:
        name: of the line.
        segment: from its start to its end, in shares of the frame.
        hysteresis: in shares of the frame's height.
    """

    name: str
    segment: Segment
    hysteresis: float

    @classmethod
    def of(cls, line: Line) -> Gate:
        """Return a line made ready."""
        return cls(line.name, Segment(line.start, line.end), line.hysteresis)


def walked(gate: Gate, side: Side, before: Point | None, now: Point, aspect: float) -> tuple[Side, Direction | None]:
    """Follow somebody by one step.

    Args:
        gate: the line.
        side: where they were with respect to it.
        before: where they were seen last; None if never.
        now: where they are.
        aspect: width of the frame by its height.

    Returns:
        Where they are with respect to it, and which way they have crossed it now, if they have.
    """
    through = side.through + (gate.segment.passed(before, now) if before is not None else 0)
    distance = gate.segment.distance(now, aspect)
    if abs(distance) <= gate.hysteresis:
        return Side(side.clear, through), None
    clear = 1 if distance > 0 else -1
    if clear == -side.clear and through * clear > 0:
        return Side(clear), "in" if clear > 0 else "out"
    return Side(clear), None
