"""A made-up clip: people walk through zones, are hidden for moments, and a detector that is not always right looks at them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from random import Random
from typing import Any

from genesis.events import Box, Person, PersonDetected, SessionEvent
from tests.events_of_tests import NOON

WIDTH, HEIGHT, FPS = 640, 480, 5
CAMERA: dict[str, Any] = {
    "name": "door",
    "source": "nowhere.avi",
    "zones": [
        {"name": "left", "polygon": [[0, 0.3], [0.45, 0.3], [0.45, 1], [0, 1]], "loitering_seconds": 2},
        {"name": "right", "polygon": [[0.55, 0.3], [1, 0.3], [1, 1], [0.55, 1]], "exit_grace_seconds": 0.5},
    ],
    "lines": [{"name": "middle", "start": [0.5, 0.2], "end": [0.5, 1]}],
}
_TRACE = f"00-{'a' * 32}-{'b' * 16}-01"


def clip(frames: int, people: int = 4, seed: int = 1, session: str = "s1") -> list[PersonDetected]:
    """Return what a detector says of each frame, in order, and the event behind the last frame."""
    random = Random(seed)
    paths = [_Path(random) for _ in range(people)]
    events = [_frame(number, [path for path in paths if path.at(number)], random, session) for number in range(frames)]
    return [*events, end_of(frames, session)]


def end_of(number: int, session: str = "s1") -> PersonDetected:
    """Return the event behind the last frame."""
    return PersonDetected(
        camera="door", time=_time(number), id=f"{session}-p{number}", traceparent=_TRACE, session=session, number=number, width=1, height=1,
        persons=(), detector="", last=True,
    )  # fmt: skip


def camera_event(kind: Any, second: float = 0.0, **changes: Any) -> SessionEvent:
    """Return a change of the camera's session."""
    return SessionEvent(camera="door", time=NOON + timedelta(seconds=second), scope="camera", kind=kind, session="s1", **changes)


class _Path:
    """Somebody who walks from one side to the other, and perhaps turns round."""

    def __init__(self, random: Random) -> None:
        self.begin, self.speed = random.randrange(20), random.choice([-1, 1]) * random.uniform(10, 22)
        self.start = random.uniform(20, 120) if self.speed > 0 else random.uniform(520, 620)
        self.turn = random.choice([None, random.randrange(15, 40)])
        self.y, self.height = random.uniform(220, 460), random.uniform(90, 150)

    def at(self, number: int) -> tuple[float, float, float] | None:
        """Return the middle of the feet and the height in a frame; None if out of the picture."""
        steps = number - self.begin
        if steps < 0:
            return None
        if self.turn is not None and steps > self.turn:
            steps = 2 * self.turn - steps
        x = self.start + self.speed * steps
        return (x, self.y, self.height) if 0 < x < WIDTH else None


def _frame(number: int, paths: Sequence[_Path], random: Random, session: str) -> PersonDetected:
    persons = []
    for path in paths:
        place = path.at(number)
        assert place is not None
        x, y, height = place
        if random.random() < 0.06:
            continue  # hidden, or not found
        x, y = x + random.gauss(0, 2), y + random.gauss(0, 2)
        box = Box(round(x - height / 5, 1), round(y - height, 1), round(x + height / 5, 1), round(y, 1))
        persons.append(Person(box=box, confidence=round(random.uniform(0.5, 0.95), 4)))
    if random.random() < 0.1:
        x, y = random.uniform(0, WIDTH - 40), random.uniform(100, HEIGHT)
        persons.append(Person(box=Box(round(x, 1), round(y - 60, 1), round(x + 30, 1), round(y, 1)), confidence=0.4))
    random.shuffle(persons)
    return PersonDetected(
        camera="door", time=_time(number), id=f"{session}-p{number}", traceparent=_TRACE, session=session, number=number, width=WIDTH,
        height=HEIGHT, persons=tuple(persons), detector="made-up",
    )  # fmt: skip


def _time(number: int) -> Any:
    return NOON + timedelta(milliseconds=number * 1000 // FPS)
