"""Zones and lines in the settings, and the answer to a mistake in them."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from genesis.errors import SettingsError
from genesis.settings import Line, Zone, load

TRIANGLE = [[0, 0], [1, 0], [0, 1]]
POLYGON = "'cameras[0].zones[0].polygon': expected"


def complaint(folder: Path, text: str) -> str:
    """Return what is said of a camera's settings, the camera's keys beginning at line 3."""
    file = folder / "site.yaml"
    file.write_text(f"cameras:\n- name: door\n  source: '0'\n{text}", encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        load(file)
    return str(caught.value).replace(str(file), "site.yaml")


def zone_of(polygon: object) -> str:
    return yaml.safe_dump({"zones": [{"name": "hall", "polygon": polygon}]}, default_flow_style=None).replace("\n", "\n  ")


@pytest.mark.parametrize(
    ("corners", "answer"),
    [
        pytest.param([[0, 0], [1, 1], [1, 0], [0, 1]], "edges that do not cross or touch (edges 1-2 and 3-4 do)", id="a bow tie"),
        pytest.param(
            [[0, 0], [1, 0], [1, 1], [0.5, -0.0], [0, 1]],
            "edges that do not cross or touch (edges 1-2 and 3-4 do)",
            id="a corner on an edge",
        ),
        pytest.param(
            [[0.2, 0.2], [0.8, 0.2], [0.8, 0.8], [0.4, 0.1], [0.2, 0.8]],
            "edges that do not cross or touch (edges 1-2 and 3-4 do)",
            id="a corner beyond an edge",
        ),
        pytest.param(
            [[0.5, 0], [0.6, 1], [0, 0.4], [1, 0.4], [0.4, 1]], "edges that do not cross or touch (edges 1-2 and 3-4 do)", id="a pentagram"
        ),
        pytest.param(
            [[0, 0.9], [0.5, 0], [1, 0.9], [0.1, 0.3], [0.9, 0.3]],
            "edges that do not cross or touch (edges 1-2 and 3-4 do)",
            id="the last edge, too",
        ),
        pytest.param([*TRIANGLE, [0, 0]], "every corner once (corners 1 and 4 are the same; leave the last one out", id="closed twice"),
        pytest.param([[0, 0], [1, 0], [1, 0], [0, 1]], "every corner once (corners 2 and 3 are the same)", id="a corner twice"),
        pytest.param([[0, 0], [0.5, 0.5], [1, 1]], "corners that do not all lie on one straight line", id="a line"),
        pytest.param([[0, 0.1], [0.3, 0.1], [0.9, 0.1], [0.6, 0.1]], "corners that do not all lie on one straight line", id="level"),
        pytest.param([[0, 0], [1, 0], [0.4, 0], [0.4, 0.5]], "edges that do not lie on each other (edges 1-2 and 2-3 do)", id="a spike"),
        pytest.param(
            [[0, 0], [0.5, 0], [0.3, 0.5], [0.9, 0]], "edges that do not lie on each other (edges 4-1 and 1-2 do)", id="a spike at the end"
        ),
        pytest.param([[0, 0], [0.002, 0], [0, 0.002]], "an area (this one has next to none", id="a speck"),
        pytest.param([[0, 0], [1, 0]], "3 to 64 corners (there are 2)", id="too few"),
        pytest.param([], "3 to 64 corners (there are 0)", id="none"),
        pytest.param([[0.5, n / 100] for n in range(65)], "3 to 64 corners (there are 65)", id="too many"),
    ],
)
def test_what_is_no_outline_is_refused_with_the_reason(tmp_path: Path, corners: list[list[float]], answer: str) -> None:
    said = complaint(tmp_path, f"  {zone_of(corners)}")

    assert f"{POLYGON} {answer}" in said
    assert said.startswith("site.yaml:")
    assert "\n" not in said


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        (
            "  zones:\n  - name: hall\n    polygon:\n    - [0, 0]\n    - [1.2, 0]\n    - [0, 1]\n",
            "site.yaml:8: 'cameras[0].zones[0].polygon[1][0]': found 1.2, expected less than or equal to 1",
        ),
        (
            "  zones:\n  - name: hall\n    polygon:\n    -\n      - 0\n      - -1\n    - [1, 0]\n    - [0, 1]\n",
            "site.yaml:9: 'cameras[0].zones[0].polygon[0][1]': found -1, expected greater than or equal to 0",
        ),
        (
            "  zones:\n  - name: hall\n    polygon: [[0, 0], [1, x], [0, 1]]\n",
            "site.yaml:6: 'cameras[0].zones[0].polygon[1][1]': found 'x', expected a valid number",
        ),
        (
            "  zones:\n  - name: hall\n    polygon: [[0, 0], [1, 0, 1], [0, 1]]\n",
            "site.yaml:6: 'cameras[0].zones[0].polygon[1]': found [1, 0, 1], expected at most 2 items",
        ),
        (
            "  zones:\n  - name: hall\n    polygon:\n    - [0, 0]\n    - [1]\n    - [0, 1]\n",
            "site.yaml:8: key 'cameras[0].zones[0].polygon[1][1]' is missing",
        ),
        (
            "  zones:\n  - name: hall\n\n    polygon: [[0, 0], [1, 1], [1, 0], [0, 1]]\n",
            f"site.yaml:7: {POLYGON} edges that do not cross or touch (edges 1-2 and 3-4 do)",
        ),
        (
            "  zones:\n  - name: hall\n    polygon: [[0, 0], [1, 0], [0, 1]]\n    inertia: 6\n",
            "site.yaml:5: 'cameras[0].zones[0]': expected inertia (6) at most inertia_of (5)",
        ),
        (
            "  zones:\n  - name: hall\n    polygn: [[0, 0], [1, 0], [0, 1]]\n    polygon: [[0, 0], [1, 0], [0, 1]]\n",
            f"site.yaml:6: unknown key 'cameras[0].zones[0].polygn'; did you mean 'polygon'? (allowed: {', '.join(Zone.model_fields)})",
        ),
        (
            "  lines:\n  - {name: doorstep, start: [0, 0], end: [0, 0]}\n",
            "site.yaml:5: 'cameras[0].lines[0]': expected a start that is not the end",
        ),
        (
            "  lines:\n  - name: doorstep\n    start: [0, 0]\n    end: [0, 2]\n",
            "site.yaml:7: 'cameras[0].lines[0].end[1]': found 2, expected less than or equal to 1",
        ),
        (
            "  lines:\n  - {name: hall, start: [0, 0], end: [0, 1]}\n  zones:\n  - {name: hall, polygon: [[0, 0], [1, 0], [0, 1]]}\n",
            "site.yaml:2: 'cameras[0]': expected every zone's and line's name once (twice here: hall)",
        ),
    ],
)
def test_a_mistake_is_answered_with_its_line_and_key(tmp_path: Path, text: str, answer: str) -> None:
    assert complaint(tmp_path, text) == answer


@pytest.mark.parametrize(
    ("corners", "area"),
    [
        (TRIANGLE, 0.5),
        (TRIANGLE[::-1], 0.5),
        ([[0, 0], [1, 0], [1, 1], [0, 1]], 1.0),
        ([[0.1, 0.1], [0.9, 0.1], [0.9, 0.9], [0.7, 0.9], [0.7, 0.3], [0.1, 0.3]], 0.28),
        ([[0, 0], [0.5, 0], [1, 0], [1, 0.5]], 0.25),
        ([[0, 0], [0.2, 0], [0.2, 0.5], [0.6, 0.5], [0.6, 0], [1, 0], [1, 1], [0, 1]], 0.8),
        ([[0.5, 0.1], [0.6, 0.4], [0.9, 0.5], [0.6, 0.6], [0.5, 0.9], [0.4, 0.6], [0.1, 0.5], [0.4, 0.4]], 0.16),
    ],
    ids=["a triangle", "the other way round", "the whole frame", "a hook", "a corner within an edge", "two edges in line", "a star"],
)
def test_an_outline_may_be_concave_and_go_either_way(corners: list[list[float]], area: float) -> None:
    zone = Zone(name="hall", polygon=corners)

    assert zone.area == pytest.approx(area)


@given(st.lists(st.floats(0.05, 0.5), min_size=3, max_size=20), st.floats(0, math.tau))
@settings(max_examples=60)
def test_every_star_shaped_outline_is_accepted_and_every_one_with_two_corners_swapped_is_refused(radii: list[float], turn: float) -> None:
    angles = [turn + math.tau * index / len(radii) for index in range(len(radii))]
    corners = [(0.5 + r * math.cos(angle), 0.5 + r * math.sin(angle)) for r, angle in zip(radii, angles, strict=True)]

    assert Zone(name="hall", polygon=corners).area > 0

    round_one = [(0.5 + 0.4 * math.cos(angle), 0.5 + 0.4 * math.sin(angle)) for angle in angles]
    if len(round_one) > 3:
        round_one[0], round_one[1] = round_one[1], round_one[0]
        with pytest.raises(ValidationError, match="cross or touch"):
            Zone(name="hall", polygon=round_one)


def test_a_line_has_a_length() -> None:
    with pytest.raises(ValidationError, match="not the end"):
        Line(name="doorstep", start=(0.5, 0.5), end=(0.5, 0.5))
