"""Which parts of the screen are shown, and what of a table."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from rich.text import Text

from genesis.cli.screen_layout import Part, allot
from genesis.cli.screen_tables import Column, gauge, spark, table


def part(importance: int, *steps: int) -> Part:
    return Part("title", importance, steps, lambda _width, _lines: "")


@pytest.mark.parametrize(
    ("height", "parts", "given"),
    [
        (100, [part(1, 2, 3), part(2, 4, 9)], [3, 9]),
        (0, [part(1, 2), part(2, 2)], [0, 0]),
        (3, [part(2, 2), part(1, 2)], [0, 2]),
        (7, [part(2, 2), part(1, 2, 9)], [2, 2]),
        (12, [part(1, 2, 3, 4, 5, 6), part(2, 2, 3, 4, 5, 6)], [5, 5]),
        (11, [part(1, 2, 3, 4, 5, 6), part(2, 2, 3, 4, 5, 6)], [5, 4]),
        (9, [part(1, 2, 8), part(2, 2, 3, 4, 5)], [2, 5]),
        (5, [part(1, 9), part(2, 2, 3, 4)], [0, 4]),
    ],
    ids=["room for all", "none", "the important one", "no room to grow", "both grow", "the important one more", "a step too large",
         "one that is too large"],
)  # fmt: skip
def test_room_goes_to_what_matters_first_and_then_to_all(height: int, parts: Sequence[Part], given: list[int]) -> None:
    assert allot(parts, height) == given


COLUMNS = (Column("name", 9, least=4), Column("count", 5, right=True), Column("note", 1))
ROWS = [(Text("entrance"), Text("1"), Text("noted")), (Text("yard"), Text("200"), Text("-"))]


@pytest.mark.parametrize(
    ("width", "lines", "shown"),
    [
        (30, 9, ["name      count  note", "entrance      1  noted", "yard        200  -"]),
        (16, 9, ["name      count", "entrance      1", "yard        200"]),
        (12, 9, ["name   count", "entr…      1", "yard     200"]),
        (4, 9, ["name", "ent…", "yard"]),
        (30, 3, ["name      count  note", "entrance      1  noted", "yard        200  -"]),
        (30, 2, ["name      count  note", "+ 2 more"]),
    ],
)
def test_a_table_keeps_to_its_place_and_tells_what_is_left_out(width: int, lines: int, shown: list[str]) -> None:
    drawn = [line.rstrip() for line in table(COLUMNS, ROWS, width, lines).plain.split("\n")]

    assert drawn == shown
    assert all(len(line) <= width for line in drawn[:-1])


def test_a_table_without_heads_has_room_for_a_row_more() -> None:
    assert table(COLUMNS, ROWS, 30, 2, heads=False).plain.count("\n") == 1
    assert "+ 2 more" not in table(COLUMNS, ROWS, 30, 2, heads=False).plain


def test_bars_are_as_high_as_their_values_and_empty_where_nothing_is_known() -> None:
    assert spark([None, 0.0, 5.0, 10.0, 12.0], 10.0).plain == " ▁▄▇▇"
    assert spark([0.0, None], 0.0).plain == "▁ "


@pytest.mark.parametrize(
    ("share", "bar", "style"),
    [(0.0, "░░░░", "green"), (0.5, "██░░", "green"), (0.9, "███▋", "yellow"), (1.0, "████", "red"), (7.0, "████", "red")],
)
def test_a_gauge_is_filled_to_its_share(share: float, bar: str, style: str) -> None:
    drawn = gauge(share, 4)

    assert drawn.plain == bar
    assert share == 0 or str(drawn.spans[0].style) == style
