"""What really happens in the footage: where its ground truth says that each person is, and when each is inside a polygon."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from genesis.events import Box, Person, ZoneEvent

FRAMES, FPS, WIDTH, HEIGHT = 795, 10, 768, 576
GRACE_FRAMES, LEAST_FRAMES = 10, 3
"""Who is outside for no longer than this has not left; who is inside for less has not been there: as the settings have it by default."""

ZONES: list[dict[str, Any]] = [
    {"name": "crossing", "polygon": [[0.30, 0.35], [0.62, 0.35], [0.62, 0.75], [0.30, 0.75]], "loitering_seconds": 5},
    {"name": "lawn", "polygon": [[0.0, 0.55], [0.28, 0.55], [0.28, 1], [0.0, 1]]},
    {"name": "road", "polygon": [[0.66, 0.15], [1, 0.15], [1, 0.55], [0.66, 0.55]]},
]
LINES: list[dict[str, Any]] = [{"name": "gate", "start": [0.4, 0.3], "end": [0.4, 0.9]}]


@dataclass(frozen=True)
class Visit:
    """Somebody is in a zone, from one frame to another."""

    zone: str
    person: str
    first: int
    last: int


def persons_of(shared: Path) -> dict[int, list[Person]]:
    """Return the persons of each frame, by its number from 0; the track is the ground truth's."""
    rows = defaultdict(list)
    with (shared / "data" / "pets09_s2l1_gt.txt").open(newline="") as file:
        for row in csv.reader(file):
            left, top, width, height = map(float, row[2:6])
            rows[int(row[0]) - 1].append(Person(box=Box(left, top, left + width, top + height), confidence=1.0, track=row[1]))
    return rows


def visits_of(truth: Mapping[int, Sequence[Person]]) -> list[Visit]:
    """Return who was in which zone, in the order in which they came."""
    inside = defaultdict(list)
    for number in sorted(truth):
        for person in truth[number]:
            feet = ((person.box.x1 + person.box.x2) / 2 / WIDTH, person.box.y2 / HEIGHT)
            for zone in ZONES:
                if cv2.pointPolygonTest(np.array(zone["polygon"], np.float32), feet, measureDist=False) >= 0:
                    inside[zone["name"], str(person.track)].append(number)
    visits = [Visit(*key, run[0], run[-1]) for key, numbers in inside.items() for run in _runs(numbers) if len(run) >= LEAST_FRAMES]
    return sorted(visits, key=lambda visit: (visit.first, visit.last, visit.zone, visit.person))


def agreement(events: Iterable[ZoneEvent], visits: Sequence[Visit], began: float, within: float) -> tuple[int, int]:
    """Return how many entries and exits of the truth were told in time, each event for one of them; and how many events are left over.

    Args:
        events: entries and exits, among others.
        visits: the truth.
        began: capture time of the first frame, in seconds since 1970.
        within: seconds by which an event may be early or late.
    """
    left = [(event.zone, event.kind, event.time.timestamp() - began) for event in events if event.kind in {"entered", "exited"}]
    found = 0
    for visit in visits:
        for kind, frame in (("entered", visit.first), ("exited", visit.last)):
            near = [one for one in left if one[:2] == (visit.zone, kind) and abs(one[2] - frame / FPS) <= within]
            if near:
                left.remove(min(near, key=lambda one: abs(one[2] - frame / FPS)))
                found += 1
    return found, len(left)


def _runs(numbers: Sequence[int]) -> list[list[int]]:
    runs = [[numbers[0]]]
    for number in numbers[1:]:
        if number - runs[-1][-1] <= GRACE_FRAMES:
            runs[-1].append(number)
        else:
            runs.append([number])
    return runs
