"""The recognition handler looks when it must, at whom it must, and tells what it decided."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pytest

import tasks.recognition
from genesis.analytics.decision import Look
from genesis.analytics.quality import Rules
from genesis.context import Context
from genesis.errors import FrameMissingError, ModelError
from genesis.events import Box, FaceRecognized, Person
from genesis.settings import Privacy, Recognition, Settings, Storage
from genesis.vision.faces.base import Worth, always
from genesis.vision.types import Face, Frame
from tasks.recognition import Compared, Usable, engine_for, faces_of, load_face_engine, recognise_faces
from tests.events_of_tests import NOON, persons
from tests.pictures import noise

RULES = Rules(min_face=40, min_sharpness=20, min_frontal=0.3)
LEFT, RIGHT = Box(100, 50, 300, 450), Box(500, 50, 700, 450)


def face(x: float, y: float, size: float = 100, **changes: Any) -> Face:
    """Return an excellent face at a place of a crop."""
    values: dict[str, Any] = {
        "box": (x, y, x + size, y + size), "score": 0.95, "landmarks": np.zeros((5, 2), np.float32), "size": size, "sharpness": 500.0,
        "frontal": 0.9, "embedding": np.eye(1, 128, dtype=np.float32)[0],
    }  # fmt: skip
    return Face(**{**values, **changes})


@dataclass
class Engine:
    """Finds what it is told to."""

    faces: list[list[Face]]
    shapes: list[tuple[int, ...]] = field(default_factory=list)
    name: str = "made-up"
    model: str = "Dlib"
    dimension: int = 128
    threshold: float = 0.07

    def find(self, pictures: Sequence[Frame], worth: Worth = always) -> list[list[Face]]:
        self.shapes += [picture.shape for picture in pictures]
        return self.faces[: len(pictures)]


@dataclass
class Frames:
    """A cache with one picture in it, which counts how often it is fetched."""

    fetched: int = 0

    def get(self, key: str) -> Frame:
        assert key == "frame-3"
        self.fetched += 1
        return noise(1, 960, 720)


@dataclass(frozen=True)
class Near:
    """A match as the search gives it."""

    identity_id: str
    label: str
    distance: float
    erasing: bool = False


class Site:
    """The handler with a camera whose persons and gallery the test says."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.frames, self.engine, self.matches = Frames(), Engine([[face(50, 50)], [face(60, 40)]]), [Near("ada-id", "Ada", 0.03)]
        self.folder, self.state = folder, dict[str, Any]()
        self.settings = Settings(data_dir=folder, storage=Storage(dsn="postgresql://nowhere/genesis"))
        monkeypatch.setattr(tasks.recognition, "engine_for", lambda _settings: self.engine)
        monkeypatch.setattr(tasks.recognition, "compare", self.compare)

    def compare(self, usable: Mapping[int, Usable], *_: Any) -> dict[int, Compared]:
        matches: Any = self.matches
        nearest = matches[0] if matches else None
        look = [nearest.identity_id, nearest.distance] if nearest else []
        erased = bool(nearest and nearest.erasing)
        return {index: Compared(one.face, one.box, Look(one.weight, *look), nearest, erased) for index, one in usable.items()}

    def look(self, seconds: float, *boxes: Box) -> list[FaceRecognized]:
        found = tuple(Person(box=box, confidence=0.9) for box in boxes)
        event = persons(3, persons=found, time=NOON + timedelta(seconds=seconds), width=960, height=720)
        return recognise_faces(event, Context(self.settings, self.frames, None, state=self.state))  # type: ignore[arg-type]

    @property
    def crops(self) -> list[Path]:
        return list(self.folder.rglob("*.jpg"))


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    """Return a camera before which anybody may stand."""
    return Site(tmp_path, monkeypatch)


def test_an_excellent_face_is_told_at_once_with_all_that_is_known_of_it(site: Site) -> None:
    (told,) = site.look(0, LEFT)

    assert (told.identity, told.identity_id, told.attempts, told.score) == ("Ada", "ada-id", 1, 0.909)
    assert (told.distance, told.threshold, told.model) == (0.03, 0.07, "Dlib")
    assert (told.camera, told.session, told.number, told.time, told.person) == ("door", "s1", 3, NOON, LEFT)
    assert told.box == Box(130, 60, 230, 160)  # the crop begins a tenth of the person's size outside of the person
    assert (told.size, told.sharpness, told.frontal) == (100, 500, 0.9)
    assert np.frombuffer(told.embedding, "<f4").tolist() == [1.0, *[0.0] * 127]
    assert [crop.stem for crop in site.crops] == [told.crop]
    assert site.look(0.5, LEFT) == []


def test_where_no_pictures_of_faces_are_kept_everything_else_is_told(site: Site) -> None:
    site.settings = site.settings.model_copy(update={"privacy": Privacy(crops=False)})

    (told,) = site.look(0, LEFT)

    assert (told.identity, told.crop, len(told.embedding)) == ("Ada", "", 512)
    assert site.crops == []


def test_two_people_are_looked_at_in_one_go(site: Site) -> None:
    told = site.look(0, LEFT, RIGHT)

    assert [one.person for one in told] == [LEFT, RIGHT]
    assert (site.frames.fetched, len(site.engine.shapes)) == (1, 2)


def test_nobody_is_told_for_a_stranger_and_an_empty_gallery(site: Site) -> None:
    site.matches = []

    (told,) = site.look(0, LEFT)

    assert (told.identity, told.identity_id, told.distance, told.margin) == (None, None, None, None)
    assert told.crop


def test_the_frame_is_fetched_only_when_somebody_is_to_be_looked_at(site: Site) -> None:
    site.look(0)
    nobody = site.frames.fetched
    site.look(0, LEFT)
    for tick in range(1, 10):
        site.look(tick / 10, LEFT)

    assert (nobody, site.frames.fetched) == (0, 1)


@pytest.mark.parametrize(
    "faces",
    [[], [face(50, 50, 20)], [face(50, 50, sharpness=5.0)], [face(50, 50, frontal=0.1)], [face(400, 50)]],
    ids=["none", "too small", "too blurred", "turned away", "outside of the person"],
)
def test_who_shows_no_usable_face_is_looked_at_again_later(site: Site, faces: list[Face]) -> None:
    site.engine.faces = [faces]

    told = [site.look(tick / 10, LEFT) for tick in range(5)]

    assert told == [[]] * 5
    assert site.frames.fetched == 2
    assert site.crops == []
    site.engine.faces = [[face(50, 50)]]
    assert len(site.look(1.0, LEFT)) == 1


def test_of_somebody_who_is_being_erased_nothing_is_told_and_no_crop_kept(site: Site) -> None:
    site.matches = [Near("ada-id", "Ada", 0.03, erasing=True)]

    assert site.look(0, LEFT) == []
    assert site.look(0.5, LEFT) == []
    assert site.crops == []
    assert "Ada" not in str(site.state)


def test_a_frame_that_is_gone_matters_only_to_who_must_be_looked_at(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.look(0, LEFT)

    def gone(_key: str) -> NoReturn:
        msg = "it is gone"
        raise FrameMissingError(msg)

    monkeypatch.setattr(site.frames, "get", gone)
    before = dict(site.state)

    assert site.look(0.1, LEFT) == []
    with pytest.raises(FrameMissingError):
        site.look(0.2, LEFT, RIGHT)
    assert site.state["people"][0][0] == before["people"][0][0]


def test_faces_are_those_of_their_persons_in_pixels_of_the_frame() -> None:
    event = persons(3, persons=(Person(box=LEFT, confidence=0.9), Person(box=RIGHT, confidence=0.9)), width=960, height=720)
    engine: Any = Engine([[face(10, 20, 60, score=0.5), face(70, 80, 50)]])

    found = faces_of(event, [1], noise(1, 960, 720), engine, RULES)

    assert {index: one.box for index, one in found.items()} == {1: Box(490, 30, 550, 90)}
    assert 0 < found[1].weight < 1
    assert engine.shapes == [(480, 240, 3)]


@pytest.mark.parametrize(
    "settings",
    [
        Settings(recognition=Recognition(engine="none")),
        Settings(recognition=Recognition(engine="deepface"), storage=Storage(dsn="none")),
    ],
    ids=["no engine", "no database"],
)
def test_where_nobody_is_to_be_recognised_nothing_is_loaded(settings: Settings) -> None:
    context = Context(settings, Frames(), None, state={})  # type: ignore[arg-type]

    assert recognise_faces(persons(3), context) == []
    assert load_face_engine(context) == "no face engine: nobody is recognised"
    assert context.state == {}


def test_an_engine_that_is_missing_is_told_once_unless_it_was_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    faces = pytest.importorskip("genesis.vision.faces")
    monkeypatch.setattr(faces, "available", lambda *_: "deepface is not installed")

    def refuse(*_: Any, **__: Any) -> NoReturn:
        msg = "deepface is not installed"
        raise ModelError(msg)

    monkeypatch.setattr(faces, "load_engine", refuse)
    auto = Settings(data_dir=tmp_path)
    asked = Settings(data_dir=tmp_path, recognition=Recognition(engine="deepface"))

    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            assert recognise_faces(persons(3), Context(auto, Frames(), None, state={})) == []  # type: ignore[arg-type]
    with pytest.raises(ModelError):
        load_face_engine(Context(asked, Frames(), None))  # type: ignore[arg-type]

    assert caplog.text.count("nobody is recognised: deepface is not installed") == 1
    engine_for.cache_clear()
