"""A contact sheet shows every face that it is given, in rows."""

from __future__ import annotations

import numpy as np
import pytest

from genesis.cli.contact_sheet import MOST, Tile, as_ascii, contact_sheet, square

RED = np.full((30, 20, 3), (0, 0, 255), np.uint8)


def tiles(count: int) -> list[Tile]:
    return [Tile(RED, f"unknown-{number}", ("12:00", "door"), number % 2 == 0, str(number)) for number in range(count)]


@pytest.mark.parametrize(("count", "rows", "columns"), [(0, 0, 4), (1, 1, 4), (5, 1, 5), (8, 1, 8), (9, 2, 8)])
def test_faces_stand_in_rows(count: int, rows: int, columns: int) -> None:
    sheet = contact_sheet(tiles(count), "Sightings", "the newest first")

    height, width = sheet.shape[:2]
    assert (sheet.dtype, sheet.shape[2]) == (np.uint8, 3)
    assert width == 88 + columns * 248 - 20
    assert height == 166 + max(0, rows * 322 - 20)
    # Each face covers most of a square of 208 pixels.
    assert round(int((sheet == RED[0, 0]).all(axis=2).sum()) / 208**2, 1) == pytest.approx(count, abs=0.2)


def test_the_largest_sheet_is_one_that_jpeg_can_hold() -> None:
    rows = MOST // 8

    assert 166 + rows * 322 < 65_500


def test_a_face_that_is_gone_and_a_name_without_end_are_no_trouble() -> None:
    sheet = contact_sheet(
        [Tile(None, "x" * 5000, ("y" * 5000,), known=True), Tile(RED[:1, :1], "", (), known=False)], "h" * 5000, "n" * 500
    )

    assert sheet.shape[1] == 88 + 4 * 248 - 20


@pytest.mark.parametrize(
    ("text", "drawn"), [("Ada", "Ada"), ("José Müller", "Jose Muller"), ("Åsa Øst", "Asa ?st"), ("李明", "??"), ("fi\n", "fi\n")]
)
def test_what_can_not_be_drawn_is_written_as_well_as_it_goes(text: str, drawn: str) -> None:
    assert as_ascii(text) == drawn


@pytest.mark.parametrize("shape", [(10, 300), (300, 10), (50, 50), (1, 1)])
def test_a_picture_of_any_shape_is_cut_to_a_square(shape: tuple[int, int]) -> None:
    assert square(np.zeros((*shape, 3), np.uint8), 40).shape == (40, 40, 3)
