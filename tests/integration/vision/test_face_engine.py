"""The real face engine: faces in photographs that packages carry, and people told apart on labelled ones."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from importlib import util
from pathlib import Path

import cv2
import numpy as np
import pytest

from genesis.errors import ModelError
from genesis.settings import Recognition
from genesis.vision.faces import FaceEngine, available, load_engine
from genesis.vision.faces.needs import DLIB_FILE, YUNET_FILE
from genesis.vision.faces.weights import HOME, folder_of

Engines = Callable[[str], FaceEngine]


@pytest.fixture(scope="session")
def engines(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Engines:
    """Return a function that loads the engine with a detector, once."""
    if reason := available(Recognition()):
        pytest.skip(reason)
    loaded: dict[str, FaceEngine] = {}

    def engine(detector: str) -> FaceEngine:
        if detector not in loaded:
            folder = tmp_path_factory.mktemp(detector)
            if detector == "yunet":
                (folder / "models").mkdir()
                (folder / "models" / YUNET_FILE).symlink_to(request.getfixturevalue("shared") / "models" / YUNET_FILE)
            with pytest.MonkeyPatch.context() as patch:
                patch.delenv(HOME, raising=False)
                loaded[detector] = load_engine(Recognition(detector=detector, offline=True), data_dir=folder)
        return loaded[detector]

    return engine


@pytest.fixture(scope="session")
def two_men() -> np.ndarray:
    """Return the photograph of two people that the package `ultralytics` carries."""
    spec = util.find_spec("ultralytics")
    if spec is None or spec.origin is None:
        pytest.skip("no ultralytics in this environment")
    return cv2.imread(str(Path(spec.origin).parent / "assets" / "zidane.jpg"))


def test_with_nothing_downloaded_a_face_is_found_aligned_and_embedded(engines: Engines, two_men: np.ndarray) -> None:
    engine = engines("dlib")

    nobody, (face, *_) = engine.find([np.zeros((200, 100, 3), np.uint8), two_men])

    assert (engine.name, engine.model, engine.dimension) == ("deepface:Dlib:dlib", "Dlib", 128)
    assert nobody == []
    assert face.embedding.shape == (128,)
    assert np.linalg.norm(face.embedding) == pytest.approx(1, abs=1e-5)
    x1, y1, x2, y2 = face.box
    assert 880 < x1 < x2 < 1080
    assert 90 < y1 < y2 < 300  # the man on the right, whose face is not hidden
    assert face.landmarks.shape == (3, 2)
    assert face.landmarks[0, 0] < face.landmarks[1, 0]


def test_a_batch_gives_what_each_picture_gives_alone(engines: Engines, two_men: np.ndarray) -> None:
    engine = engines("dlib")
    pictures = [two_men[50:400, 800:1150], cv2.flip(two_men, 1)]

    together = engine.find(pictures)

    for picture, faces in zip(pictures, together, strict=True):
        (alone,) = engine.find([picture])
        assert [face.box for face in alone] == [face.box for face in faces]
        assert all(np.allclose(a.embedding, b.embedding, atol=1e-5) for a, b in zip(alone, faces, strict=True))


def test_yunet_finds_both_faces(engines: Engines, two_men: np.ndarray) -> None:
    (faces,) = engines("yunet").find([two_men])

    assert len(faces) == 2
    assert faces[0].frontal > 0.6
    assert faces[1].frontal < 0.3  # he looks aside


@pytest.mark.parametrize("detector", ["yunet", "dlib"])
def test_each_photograph_finds_its_person_and_nobody_is_taken_for_a_stranger(engines: Engines, shared: Path, detector: str) -> None:
    engine = engines(detector)
    paths = sorted((shared / "data" / "faces").glob("*/*.jpg"))
    if not paths:
        pytest.skip("no labelled faces here")
    people = np.array([path.parent.name for path in paths])

    found = engine.find([cv2.imread(str(path)) for path in paths])

    assert [len(faces) for faces in found] == [1] * len(paths)
    embeddings = np.array([faces[0].embedding for faces in found])
    distances = 1 - embeddings @ embeddings.T
    np.fill_diagonal(distances, 2)
    nearest = distances.argmin(axis=1)
    assert list(people[nearest]) == list(people)
    assert (distances.min(axis=1) <= engine.threshold).all()
    # Each person left out of the gallery in turn.
    others = np.where(people[:, None] == people[None, :], 2, distances)
    assert others.min() > engine.threshold


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (Recognition(model="Nobody", offline=True), "recognition.model 'Nobody': DeepFace has no such model; allowed: ArcFace"),
        (Recognition(detector="retinaface", offline=True), "recognition.detector 'retinaface' fetches its file by itself, which "),
        (
            Recognition(detector="centerface", offline=True),
            "DeepFace's detector 'centerface': centerface.onnx can't be fetched (recognition.offline forbids it): put the file at ",
        ),
        (Recognition(detector="nothing", offline=True), "recognition.detector 'nothing': DeepFace has no such detector; allowed: "),
        (
            Recognition(model="Facenet512", detector="opencv", offline=True),
            "DeepFace's model 'Facenet512': facenet512_weights.onnx can't be fetched (recognition.offline forbids it): put the file at ",
        ),
    ],
)
def test_what_can_t_be_loaded_is_told_in_one_line(engines: Engines, tmp_path: Path, settings: Recognition, said: str) -> None:
    # In a process of its own: what DeepFace has been told stays with the process.
    code = (
        "import sys; from pathlib import Path; from genesis.settings import Recognition; from genesis.vision.faces import load_engine\n"
        "try: load_engine(Recognition.model_validate_json(sys.argv[1]), data_dir=Path(sys.argv[2]))\n"
        "except Exception as error: print(type(error).__name__, error)\n"
        "assert 'tensorflow' not in sys.modules"
    )

    done = subprocess.run(
        [sys.executable, "-c", code, settings.model_dump_json(), str(tmp_path)], capture_output=True, text=True, check=True
    )

    assert done.stdout.startswith(f"ModelError {said}")
    assert done.stdout.count("\n") == 1


@pytest.mark.parametrize("detector", ["yunet", "dlib"])
@pytest.mark.parametrize(
    "shape", [(1, 1), (5, 5), (1, 1000), (1000, 1), (9, 40), (3, 400), (700, 20), (10, 700), (30, 400), (10, 7000), (7000, 10), (1, 7000)]
)
def test_in_a_sliver_of_a_picture_there_is_no_face(engines: Engines, detector: str, shape: tuple[int, int]) -> None:
    # What `cut` gives for a person who is almost out of the frame.
    assert engines(detector).find([np.full((*shape, 3), 127, np.uint8)]) == [[]]


def test_an_engine_leaves_the_warnings_of_the_process_alone(engines: Engines, tmp_path: Path) -> None:
    code = (
        "import sys, warnings; from pathlib import Path\n"
        "from genesis.settings import Recognition; from genesis.vision.faces import load_engine\n"
        "load_engine(Recognition(detector='dlib', offline=True), data_dir=Path(sys.argv[1]))\n"
        "assert ('ignore', None, Warning, None, 0) not in warnings.filters"
    )

    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)


def test_a_damaged_file_is_named(engines: Engines, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(HOME, raising=False)
    engines("dlib")
    file = folder_of(tmp_path) / "shape_predictor_5_face_landmarks.dat"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"damaged")

    with pytest.raises(ModelError, match=r"can't be loaded .* is damaged, remove it"):
        load_engine(Recognition(detector="dlib", offline=True), data_dir=tmp_path)

    assert DLIB_FILE  # the model itself is linked, not copied
    assert (file.parent / DLIB_FILE).is_symlink()


def test_faces_that_are_not_worth_it_are_not_embedded(engines: Engines, two_men: np.ndarray) -> None:
    asked = []

    def worth(size: float, sharpness: float, frontal: float) -> bool:
        asked.append((size, sharpness, frontal))
        return False

    (faces,) = engines("dlib").find([two_men], worth)

    assert faces
    assert [face.embedding.size for face in faces] == [0] * len(faces)
    assert asked == [(face.size, face.sharpness, face.frontal) for face in faces]
