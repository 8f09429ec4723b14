"""Tables that keep to a width and a number of lines: columns of little worth are left out, and rows for which there is no room counted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.text import Text

GAP = 2  # columns between two columns
SPARKS = "▁▂▃▄▅▆▇"  # not the full block, so that lines of bars stay apart
BLOCKS = " ▏▎▍▌▋▊▉█"


@dataclass(frozen=True, slots=True)
class Column:
    """A column.

    Attributes:
        name: its head.
        worth: the lower, the earlier it is left out.
        right: whether its cells stand at the right.
        least: width that it may be cut to before another column is left out; 0: it is never cut.
    """

    name: str
    worth: int
    right: bool = False
    least: int = 0


Row = Sequence[Text]


def table(columns: Sequence[Column], rows: Sequence[Row], width: int, lines: int, *, heads: bool = True) -> Text:
    """Return a table of no more than so many columns and lines of the terminal; what has no room is told by a last line.

    Args:
        columns: in their order.
        rows: with a cell for each column.
        width: of the place.
        lines: of the place, with that of the heads.
        heads: whether the columns have any.
    """
    room = lines - heads
    shown = list(rows) if len(rows) <= room else list(rows[: max(0, room - 1)])
    widths = _widths(columns, rows, width)
    drawn = [_line([Text(columns[index].name, style="dim") for index in widths], columns, widths)] if heads else []
    drawn += [_line([row[index] for index in widths], columns, widths) for row in shown]
    if (left := len(rows) - len(shown)) > 0:
        drawn.append(Text(f"+ {left} more", style="dim"))
    return Text("\n", no_wrap=True, overflow="crop").join(drawn)


def spark(values: Sequence[float | None], most: float) -> Text:
    """Return a line of bars; what is not known stays empty.

    Args:
        values: 0 or more.
        most: the highest bar; what is above it is not told apart.
    """
    top = len(SPARKS) - 1
    bars = "".join(" " if value is None else SPARKS[min(top, round(top * value / most)) if most > 0 else 0] for value in values)
    return Text(bars, style="cyan")


def gauge(share: float, width: int) -> Text:
    """Return a bar that is filled to a share (0 to 1), `width` columns wide; yellow when it is nearly full, and then red."""
    eighths = round(min(max(share, 0.0), 1.0) * width * 8)
    whole, rest = divmod(eighths, 8)
    bar = "█" * whole + (BLOCKS[rest] if rest else "")
    style = "red" if share > 0.95 else "yellow" if share > 0.8 else "green"  # noqa: PLR2004
    return Text.assemble((bar, style), ("░" * (width - len(bar)), "dim"))


def _line(cells: Sequence[Text], columns: Sequence[Column], widths: Mapping[int, int]) -> Text:
    line = Text()
    for cell, (index, width) in zip(cells, widths.items(), strict=True):
        fitted = cell.copy()
        fitted.truncate(width, overflow="ellipsis")
        space = " " * (width - fitted.cell_len)
        line.append(" " * GAP if line else "")
        line = line + space + fitted if columns[index].right else line + fitted + space
    return line


def _widths(columns: Sequence[Column], rows: Sequence[Row], width: int) -> dict[int, int]:
    """Return the columns that have room, each with its width."""
    natural = {index: max([len(column.name), *(row[index].cell_len for row in rows)]) for index, column in enumerate(columns)}
    least = {index: min(size, columns[index].least) if columns[index].least else size for index, size in natural.items()}
    while len(least) > 1 and sum(least.values()) + GAP * (len(least) - 1) > width:
        del least[min(least, key=lambda index: columns[index].worth)]
    room = width - sum(least.values()) - GAP * (len(least) - 1)
    for index in sorted(least, key=lambda index: -columns[index].worth):
        more = max(0, min(natural[index] - least[index], room))
        least[index], room = least[index] + more, room - more
    return least
