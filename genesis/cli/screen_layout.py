"""Which parts of a screen are shown, and how large: the least important ones give way first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import RenderableType

TITLE = 1  # line above each part


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the screen.

    Attributes:
        title: what stands above it.
        importance: the lower, the later it gives way.
        steps: numbers of lines that it can make use of, rising; with fewer than the first it is not worth showing.
        draw: makes it, for a width in columns and one of these numbers of lines.
    """

    title: str
    importance: int
    steps: Sequence[int]
    draw: Callable[[int, int], RenderableType]


def allot(parts: Sequence[Part], height: int) -> list[int]:
    """Return how many lines each part gets, in the order of the parts; 0: it is not shown.

    Args:
        parts: of the screen.
        height: lines for all of them with their titles.
    """
    ranked = sorted(range(len(parts)), key=lambda index: parts[index].importance)
    given, left = [0] * len(parts), height
    for index in ranked:
        if (wanted := parts[index].steps[0] + TITLE) <= left:
            given[index], left = parts[index].steps[0], left - wanted
    # In rounds, so that no part grows to its full size while another is still cut short.
    grown = True
    while grown:
        grown = False
        for index in ranked:
            more = next((step for step in parts[index].steps if step > given[index]), 0) - given[index] if given[index] else 0
            if 0 < more <= left:
                given[index], left, grown = given[index] + more, left - more, True
    return given
