"""Whose faces the pictures of alerts show, from the detector's persons to the stored picture."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from genesis.capture.inprocess import InProcess
from genesis.context import Naming
from genesis.events import AlertEvent, Box, Event, Person, PersonDetected, ZoneEvent
from genesis.settings import Settings
from tasks.rules import camera_for
from tests.catalogue import builtin_subscriptions
from tests.events_of_tests import NOON
from tests.people import faces_in

SIDE = 480  # pixels: each person's half of the frame is so wide
HALVES = [Box(60, 40, 420, 710), Box(540, 40, 900, 710)]
ZONE = {"name": "hall", "polygon": [[0, 0], [1, 0], [1, 1], [0, 1]]}
CAMERA = {"name": "door", "source": "nowhere.avi", "zones": [ZONE]}
ADA = Naming("Ada", "ada-id", known=True, score=0.9)
STRANGER = Naming("unknown-1", "unknown-id", known=False, score=0.9)


@pytest.fixture(scope="module")
def frame(shared: Path) -> np.ndarray:
    """Return two people side by side, each with a face in the upper part."""
    picture = np.full((720, 2 * SIDE, 3), 120, np.uint8)
    for number, photo in enumerate(("person-a/img20", "person-e/img15")):
        whole = np.asarray(cv2.imread(str(shared / "data/faces" / f"{photo}.jpg")), np.uint8)
        (x1, y1, x2, y2), *_ = faces_in(shared, whole)
        centre, size = (x1 + x2) / 2, y2 - y1
        left, top = max(0, round(centre - size)), max(0, round(y1 - size * 0.3))
        cut = whole[top : round(y2 + size * 0.3), left : round(centre + size)]
        scale = 200 / cut.shape[0]
        small = cv2.resize(cut, (round(cut.shape[1] * scale), 200))
        across = number * SIDE + (SIDE - small.shape[1]) // 2
        picture[50:250, across : across + small.shape[1]] = small
    return picture


def site(folder: Path, blur: str, **rule: Any) -> Settings:
    return Settings(
        cameras=[CAMERA], storage={"dsn": "none"}, recognition={"engine": "none"}, data_dir=folder, privacy={"blur": blur},
        alerts={"rules": [{"name": "r", "when": "entered", "cooldown_seconds": 0, **rule}]},
    )  # fmt: skip


def alerts(settings: Settings, frame: np.ndarray, names: dict[str, Naming] | None = None) -> list[AlertEvent]:
    """Return what is raised when two people stand before the camera."""
    told: list[Event] = []
    pipeline = InProcess(settings, builtin_subscriptions(), lambda event, _: told.append(event))
    for track, naming in (names or {}).items():
        pipeline.context.tracks.named(track, naming)
    pipeline.frames.hold("frame", frame)
    for number in range(4):
        pipeline.handle(
            PersonDetected(
                camera="door", time=NOON + timedelta(seconds=number / 5), session="s1", number=number, width=2 * SIDE, height=720,
                persons=tuple(Person(box=box, confidence=0.9) for box in HALVES), detector="made-up", frame_key="frame",
            )
        )  # fmt: skip
    assert not pipeline.failed
    return [event for event in told if isinstance(event, AlertEvent)]


def sides(shared: Path, folder: Path, alert: AlertEvent) -> list[bool]:
    """Return whether a face is found in the left and in the right half of an alert's picture."""
    picture = np.asarray(cv2.imread(str(folder / "snapshots" / alert.snapshot[:2] / f"{alert.snapshot}.jpg")), np.uint8)
    return [bool(faces_in(shared, np.ascontiguousarray(picture[:, left : left + SIDE]))) for left in (0, SIDE)]


@pytest.mark.parametrize(
    ("blur", "names", "visible"),
    [
        ("nobody", {}, [True, True]),
        ("unknown", {}, [False, False]),
        ("unknown", {"s1-1": ADA}, [True, False]),
        ("unknown", {"s1-2": ADA}, [False, True]),
        ("unknown", {"s1-1": STRANGER, "s1-2": STRANGER}, [False, False]),
        ("everybody", {"s1-1": ADA, "s1-2": ADA}, [False, False]),
    ],
)
def test_whoever_is_not_to_be_seen_is_not_whether_the_alert_is_about_them_or_not(
    shared: Path, tmp_path: Path, frame: np.ndarray, blur: str, names: dict[str, Naming], visible: list[bool]
) -> None:
    raised = alerts(site(tmp_path, blur), frame, names)

    assert len({alert.track for alert in raised}) == 2
    assert [sides(shared, tmp_path, alert) for alert in raised] == [visible] * len(raised)


def test_the_frame_in_the_cache_is_not_changed(tmp_path: Path, frame: np.ndarray) -> None:
    before = frame.copy()

    alerts(site(tmp_path, "everybody"), frame)

    assert (frame == before).all()


def rule_hears(settings: Settings, event: ZoneEvent, frame: np.ndarray) -> AlertEvent:
    told: list[Event] = []
    pipeline = InProcess(settings, builtin_subscriptions(), lambda event, _: told.append(event))
    pipeline.frames.hold("frame", frame)
    pipeline.handle(event)
    (alert,) = [event for event in told if isinstance(event, AlertEvent)]
    return alert


def entered(**changes: Any) -> ZoneEvent:
    values = {"camera": "door", "time": NOON, "kind": "entered", "zone": "hall", "track": "s1-1", "box": HALVES[0], "frame_key": "frame"}
    return ZoneEvent(**{**values, **changes})


def test_where_it_is_not_told_who_is_in_the_frame_there_is_no_picture(
    tmp_path: Path, frame: np.ndarray, caplog: pytest.LogCaptureFixture
) -> None:
    alert = rule_hears(site(tmp_path, "unknown"), entered(), frame)

    assert alert.snapshot == ""
    assert "it is not known whom to hide in it" in caplog.text


def test_who_the_alert_is_about_is_hidden_even_if_the_detector_lost_them(shared: Path, tmp_path: Path, frame: np.ndarray) -> None:
    alert = rule_hears(site(tmp_path, "unknown"), entered(persons=()), frame)

    assert sides(shared, tmp_path, alert) == [False, True]


@pytest.mark.parametrize(
    ("blur", "known", "pictured"),
    [
        ("nobody", True, True), ("nobody", False, True), ("unknown", True, True), ("unknown", False, False), ("everybody", True, False),
        ("everybody", False, False),
    ],
)  # fmt: skip
def test_the_face_by_which_somebody_was_recognised_is_shown_only_of_those_who_may_be_seen(
    tmp_path: Path, frame: np.ndarray, blur: str, known: bool, pictured: bool
) -> None:
    from genesis.storage.crops import Crops

    settings = site(tmp_path, blur, when="recognised", person="anyone")
    face = Crops(tmp_path).put(cv2.imencode(".jpg", frame)[1].tobytes())
    name = "Ada" if known else "unknown-1"
    event = entered(kind="identified", zone="", box=None, frame_key="", identity=name, identity_id="7", known=known, face=face)

    assert bool(rule_hears(settings, event, frame).snapshot) is pictured


def test_nobody_is_told_of_who_is_in_the_frame_where_nobody_is_hidden(tmp_path: Path, frame: np.ndarray) -> None:
    told: dict[str, list[bool]] = {}
    for blur in ("nobody", "unknown"):
        settings, zones = site(tmp_path, blur), list[Event]()
        assert camera_for(settings, "door") is not None
        pipeline = InProcess(settings, builtin_subscriptions(), lambda event, _, zones=zones: zones.append(event))
        for number in range(3):
            pipeline.handle(
                PersonDetected(
                    camera="door", time=NOON + timedelta(seconds=number / 5), session="s1", number=number, width=2 * SIDE, height=720,
                    persons=(Person(box=HALVES[0], confidence=0.9),), detector="made-up", frame_key="frame",
                )
            )  # fmt: skip
        told[blur] = [event.persons is not None for event in zones if isinstance(event, ZoneEvent) and event.frame_key]

    assert told == {"nobody": [False], "unknown": [True]}
