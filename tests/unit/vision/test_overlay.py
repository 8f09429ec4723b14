"""Drawing zones, lines and what an alert is about."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from genesis.events import Box
from genesis.settings import Line, Zone
from genesis.vision.overlay import draw, snapshot

LEFT = Zone(name="left", polygon=[[0.1, 0.2], [0.4, 0.2], [0.4, 0.9], [0.1, 0.9]])
RIGHT = Zone(name="right", polygon=[[0.6, 0.2], [0.9, 0.2], [0.9, 0.9], [0.6, 0.9]])
HOOK = Zone(name="hook", polygon=[[0.1, 0.1], [0.9, 0.1], [0.9, 0.9], [0.7, 0.9], [0.7, 0.3], [0.1, 0.3]])
WHOLE = Zone(name="whole", polygon=[[0, 0], [1, 0], [1, 1], [0, 1]])
LEVEL = Line(name="doorstep", start=[0.2, 0.5], end=[0.8, 0.5])


def grey(height: int = 500, width: int = 1000) -> np.ndarray:
    return np.full((height, width, 3), 128, np.uint8)


def changed(drawn: np.ndarray) -> np.ndarray:
    """Return which pixels of a grey frame were drawn on."""
    return (drawn != 128).any(axis=2)


def test_the_frame_itself_is_not_changed() -> None:
    frame = grey()

    drawn = draw(frame, [LEFT], [LEVEL], Box(400, 100, 500, 400), "Ada", grid=True)

    assert (frame == 128).all()
    assert drawn.shape == frame.shape
    assert (drawn != frame).any()


def test_without_anything_to_draw_nothing_is_drawn() -> None:
    assert not changed(draw(grey(), [], [])).any()


def test_a_zone_is_tinted_inside_and_nowhere_else() -> None:
    drawn = changed(draw(grey(), [HOOK], []))

    assert drawn[60:140, 120:880].all()
    assert drawn[200:440, 720:880].all()
    assert not drawn[170:440, 20:680].any()
    assert not drawn[470:].any()


def test_what_is_in_a_zone_still_shows() -> None:
    frame = grey()
    frame[200:220, 200:220] = 255

    drawn = draw(frame, [LEFT], []).astype(int)

    assert drawn[210, 210].sum() - drawn[240, 240].sum() > 250


def test_zones_have_colours_of_their_own() -> None:
    drawn = draw(grey(), [LEFT, RIGHT], [])

    assert drawn[300, 250].tolist() != drawn[300, 750].tolist()


@pytest.mark.parametrize(("line", "side"), [(LEVEL, "below"), (Line(name="turned", start=LEVEL.end, end=LEVEL.start), "above")])
def test_a_lines_arrow_shows_which_way_is_in(line: Line, side: str) -> None:
    drawn = changed(draw(grey(), [], [line]))

    above, below = drawn[200:240, 450:550].any(), drawn[260:300, 450:550].any()

    assert (above, below) == (side == "above", side == "below")
    assert drawn[250, 200:800].all()


@pytest.mark.parametrize("name", ["", "Ada"])
def test_a_person_has_a_box_and_a_plate_if_there_is_a_name(name: str) -> None:
    drawn = changed(draw(grey(), [], [], Box(400, 200, 500, 400), name))

    assert drawn[300, 400]
    assert drawn[300, 500]
    assert not drawn[240:360, 420:480].any()
    assert drawn[:195].any() == bool(name)


def test_who_is_enrolled_has_another_colour() -> None:
    known, stranger = (draw(grey(), [], [], Box(400, 200, 500, 400), known=known)[300, 400] for known in (True, False))

    assert known[1] == known.max()
    assert stranger[2] == stranger.max()


def test_names_do_not_cover_each_other() -> None:
    zones = [Zone(name=name, polygon=WHOLE.polygon) for name in ("alpha", "bravo", "gamma")]
    colours = [(250, 186, 104), (186, 148, 255), (236, 168, 204)]

    drawn = draw(grey(), zones, [])[3:-3, 3:-3]

    assert all((drawn == colour).all(axis=2).sum() > 300 for colour in colours)


def test_the_grid_has_a_line_and_a_number_at_every_tenth() -> None:
    drawn = changed(draw(grey(501, 1001), [], [], grid=True))

    assert [x for x in range(100, 1001) if drawn[:, x].all()] == list(range(100, 1000, 100))
    assert [y for y in range(50, 501) if drawn[y].all()] == list(range(50, 500, 50))
    assert all(drawn[0:15, x + 2 : x + 20].sum() > 20 for x in range(100, 1000, 100))


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (40, 30), (1080, 1920)])
@pytest.mark.parametrize("box", [None, Box(0, 0, 5000, 5000), Box(-50, -50, 10, 10), Box(3, 3, 3, 3)])
def test_anything_can_be_drawn_in_any_frame(size: tuple[int, int], box: Box | None) -> None:
    zones = [WHOLE, HOOK, Zone(name="a-name-that-is-wide" * 3, polygon=[[0.99, 0.99], [1, 0.99], [1, 1]])]
    lines = [Line(name="edge", start=[1, 0], end=[1, 1]), Line(name="short", start=[0.5, 0.5], end=[0.5001, 0.5])]

    drawn = draw(grey(*size), zones, lines, box, "Ada Ж", grid=True)

    assert drawn.shape == (*size, 3)


def test_a_snapshot_is_a_jpeg_of_the_same() -> None:
    picture = snapshot(grey(), [LEFT], [LEVEL], Box(400, 200, 500, 400), "Ada", quality=95)

    back = cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_COLOR)
    assert picture[:3] == b"\xff\xd8\xff"
    assert np.abs(back.astype(int) - draw(grey(), [LEFT], [LEVEL], Box(400, 200, 500, 400), "Ada")).mean() < 2
    assert len(snapshot(grey(), [LEFT], [], quality=10)) < len(picture)
