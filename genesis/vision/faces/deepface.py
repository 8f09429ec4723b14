"""Faces through DeepFace: any of its detectors and models; TensorFlow is never loaded.

For its model `Dlib` faces are aligned as that model was trained: dlib's chips of 150 pixels from five landmarks (King, Dlib-ml, JMLR
2009, and dlib's `face_recognition.py`). DeepFace's own alignment, which turns the eyes level, brings strangers nearly as near as friends
there. The other models get DeepFace's alignment and DeepFace's thresholds.
"""

from __future__ import annotations

import logging
import math
import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from genesis.errors import ModelError
from genesis.settings import Recognition
from genesis.vision.detectors.inference_threads import limited
from genesis.vision.faces.base import Worth, always
from genesis.vision.faces.needs import DLIB, require
from genesis.vision.faces.quality import frontal, sharpness
from genesis.vision.faces.weights import HOME, choose_detector, explain, folder_of, forbid_fetching, have_dlib, make_folder
from genesis.vision.types import Face, Frame

logger = logging.getLogger(__name__)

DLIB_THRESHOLD = 0.08
"""Cosine distance; dlib's own limit, an Euclidean distance of 0.6 between embeddings about 1.44 long, is 0.087."""
LONGEST_SIDE = 1280  # pixels: faces are searched in no larger a picture
LEAST_SIDE = 10  # pixels, the least that `min_face` may be: in less there is no face
NARROWEST = (64, 0.1)  # pixels, and of the longer side: YuNet tells nonsense (infinite boxes) about narrower pictures, such as 20 x 700
CHIP_SIDE, CHIP_PADDING = 150, 0.25
_CHIP_CENTRE = 0.53  # of a face's height from its top: dlib's boxes lie lower than those of other detectors
_SCORE = "yunet_score_threshold"  # DeepFace's variable; 0.9 is its default, and misses faces that are not posed


class DeepFaceEngine:
    """Finds, aligns and embeds faces with DeepFace.

    Args:
        settings: model, detector, backend, threshold, offline and threads.
        data_dir: weights are linked, fetched and looked for below it.

    Raises:
        ModelError: one line that says what is missing or damaged, and what to do.
    """

    def __init__(self, settings: Recognition, *, data_dir: Path = Path("data")) -> None:
        require(settings, data_dir)
        self._folder = folder_of(data_dir)
        os.environ.setdefault(HOME, str(self._folder.parents[1]))
        os.environ["DEEPFACE_BACKEND_ENGINE"] = settings.backend
        os.environ.setdefault("DEEPFACE_LOG_LEVEL", str(logging.ERROR))
        os.environ.setdefault(_SCORE, "0.8")
        make_folder(self._folder)
        _import()
        _known(settings)
        self.detector = choose_detector(settings, data_dir)
        landmarks = have_dlib(settings, self.detector, data_dir)
        if settings.offline:
            forbid_fetching()
        if settings.threads:
            cv2.setNumThreads(settings.threads)
        with limited(settings.backend if settings.backend == "onnx" else "pt", settings.threads):
            self._detector = self._built("face_detector", self.detector)
            network = self._built("facial_recognition", settings.model)
        self.model = settings.model
        self.name = f"deepface:{self.model}:{self.detector}"
        self.dimension = int(network.output_shape)
        self.threshold = settings.threshold or _threshold(settings.model)
        self._points = _landmark_finder(landmarks)

    def find(self, pictures: Sequence[Frame], worth: Worth = always) -> list[list[Face]]:
        """Return the faces of each picture, largest first, in the order of the pictures.

        Args:
            pictures: each (height, width, 3) uint8 BGR; sizes may differ.
            worth: which faces to embed; the embedding of the others is empty.
        """
        found = [self._detected(picture) for picture in pictures]
        wanted = [[worth(one.size, one.sharpness, one.frontal) for one in faces] for faces in found]
        aligned = [
            self._aligned(picture, one)
            for picture, faces, marks in zip(pictures, found, wanted, strict=True)
            for one, mark in zip(faces, marks, strict=True)
            if mark
        ]
        embeddings = iter(self._embedded(aligned))
        nothing = np.zeros(0, np.float32)
        return [
            [one.face(next(embeddings) if mark else nothing) for one, mark in zip(faces, marks, strict=True)]
            for faces, marks in zip(found, wanted, strict=True)
        ]

    def _detected(self, picture: Frame) -> list[_Found]:
        height, width = picture.shape[:2]
        scale = min(1.0, LONGEST_SIDE / max(height, width))
        if min(height, width) * scale < LEAST_SIDE:
            return []
        small: Any = picture if scale == 1.0 else cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        faces = []
        for area in self._detector.detect_faces(_widened(small)):
            x1, y1 = max(area.x / scale, 0.0), max(area.y / scale, 0.0)
            x2, y2 = min((area.x + area.w) / scale, float(width)), min((area.y + area.h) / scale, float(height))
            if x2 - x1 < 2 or y2 - y1 < 2:  # noqa: PLR2004 - nothing of it is in the picture
                continue
            score = min(max(float(area.confidence or 0.0), 0.0), 1.0)
            eyes = [point for point in (area.left_eye, area.right_eye) if point is not None]
            points = np.array(sorted(eyes), np.float32).reshape(-1, 2) / scale
            faces.append(_Found((x1, y1, x2, y2), score, points))
        if faces and self._points is not None:
            rgb = np.ascontiguousarray(picture[:, :, ::-1])
            for one in faces:
                one.locate(self._points, rgb, dlib_box=self.detector == "dlib")
        for one in faces:
            one.judge(picture)
        return sorted(faces, key=lambda one: -one.area)

    def _aligned(self, picture: Frame, one: _Found) -> Frame:
        if self.model == DLIB:
            import dlib  # noqa: PLC0415 - loaded already

            chip = dlib.get_face_chip(one.rgb, one.shape, size=CHIP_SIDE, padding=CHIP_PADDING)
            one.rgb = one.shape = None
            return np.ascontiguousarray(chip[:, :, ::-1])
        return self._aligned_by_deepface(picture, one)

    def _aligned_by_deepface(self, picture: Frame, one: _Found) -> Frame:
        """Let DeepFace find and turn the face once more, in a crop around it; a face that it misses there stays as it is."""
        from deepface import DeepFace  # noqa: PLC0415 - loaded already

        x1, y1, x2, y2 = (int(value) for value in one.box)
        across, down = (x2 - x1) // 2, (y2 - y1) // 2
        around = picture[max(y1 - down, 0) : y2 + down, max(x1 - across, 0) : x2 + across]
        options = {"enforce_detection": False, "align": True, "color_face": "bgr", "normalize_face": False}
        faces: Any = DeepFace.extract_faces(np.ascontiguousarray(around), detector_backend=self.detector, **options)
        faces = [face for face in faces if face["confidence"] > 0]
        if not faces:
            return np.ascontiguousarray(picture[y1:y2, x1:x2])
        largest = max(faces, key=lambda face: face["facial_area"]["w"] * face["facial_area"]["h"])
        return np.ascontiguousarray(largest["face"].astype(np.uint8))

    def _embedded(self, faces: Sequence[Frame]) -> npt.NDArray[np.float32]:
        if not faces:
            return np.zeros((0, self.dimension), np.float32)
        from deepface import DeepFace  # noqa: PLC0415 - loaded already

        told: Any = DeepFace.represent(list(faces), model_name=self.model, detector_backend="skip", enforce_detection=False)
        rows = [one[0] if isinstance(one, list) else one for one in told]
        embeddings = np.array([np.ravel(row["embedding"]) for row in rows], np.float32)
        lengths = np.linalg.norm(embeddings, axis=1, keepdims=True)
        return np.asarray(embeddings / np.maximum(lengths, 1e-12), np.float32)

    def _built(self, task: str, name: str) -> Any:
        from deepface import DeepFace  # noqa: PLC0415 - heavy

        what = f"DeepFace's {'detector' if task == 'face_detector' else 'model'} {name!r}"
        try:
            built: Any = DeepFace.build_model(name, task=task)
            if name == "centerface":  # which otherwise looks for its file only when it sees a picture
                built.build_model()
        except Exception as error:
            raise ModelError(explain(error, what, self._folder)) from error
        return built


class _Found:
    """A face on its way: where it is, and what it takes to align it."""

    def __init__(self, box: tuple[float, float, float, float], score: float, landmarks: npt.NDArray[np.float32]) -> None:
        self.box = box
        self.score = score
        self.landmarks = landmarks
        self.rgb: Any = None
        self.shape: Any = None
        self.size = min(box[2] - box[0], box[3] - box[1])
        self.sharpness = self.frontal = 0.0

    @property
    def area(self) -> float:
        """Of the box, in square pixels."""
        return (self.box[2] - self.box[0]) * (self.box[3] - self.box[1])

    def judge(self, picture: Frame) -> None:
        """Measure how good it is."""
        x1, y1, x2, y2 = self.box
        self.sharpness = sharpness(picture[int(y1) : max(int(y2), int(y1) + 1), int(x1) : max(int(x2), int(x1) + 1)])
        self.frontal = frontal(self.landmarks, x2 - x1)

    def face(self, embedding: npt.NDArray[np.float32]) -> Face:
        """Return it as others see it."""
        return Face(self.box, self.score, self.landmarks, self.size, self.sharpness, self.frontal, embedding)

    def locate(self, finder: Any, rgb: Frame, *, dlib_box: bool) -> None:
        """Find eyes and nose with dlib's landmarks."""
        import dlib  # noqa: PLC0415 - loaded already

        x1, y1, x2, y2 = self.box
        half = (x2 - x1 + y2 - y1) / 4
        x, y = (x1 + x2) / 2, y1 + (y2 - y1) * (0.5 if dlib_box else _CHIP_CENTRE)
        self.rgb = rgb
        self.shape = finder(rgb, dlib.rectangle(int(x - half), int(y - half), int(x + half), int(y + half)))
        points = np.array([(self.shape.part(n).x, self.shape.part(n).y) for n in range(5)], np.float32)
        eyes = sorted(((points[0] + points[1]) / 2, (points[2] + points[3]) / 2), key=lambda eye: float(eye[0]))
        self.landmarks = np.stack([*eyes, points[4]]).astype(np.float32)


def _widened(picture: Frame) -> Frame:
    """Return a picture that is not too narrow for YuNet: with black at its right or lower side, so that places in it stay."""
    height, width = picture.shape[:2]
    least = max(NARROWEST[0], math.ceil(NARROWEST[1] * max(height, width)))
    below, beside = max(least - height, 0), max(least - width, 0)
    widened: Any = cv2.copyMakeBorder(picture, 0, below, 0, beside, cv2.BORDER_CONSTANT) if below or beside else picture
    return np.ascontiguousarray(np.asarray(widened, np.uint8))


def _landmark_finder(file: Path | None) -> Any:
    if file is None:
        return None
    import dlib  # noqa: PLC0415 - only where faces are looked at

    try:
        return dlib.shape_predictor(str(file))
    except RuntimeError as error:
        raise ModelError(explain(error, f"dlib's landmarks {file.name}", file.parent)) from error


def _import() -> None:
    """Import DeepFace, which silences the warnings of the whole process, without letting it."""
    with warnings.catch_warnings():
        import deepface.DeepFace  # noqa: F401, PLC0415 - heavy; for what it does


def _known(settings: Recognition) -> None:
    from deepface.modules.modeling import AVAILABLE_MODELS  # noqa: PLC0415 - heavy

    if settings.detector == "retinaface" and settings.offline:
        msg = "recognition.detector 'retinaface' fetches its file by itself, which recognition.offline forbids: take yunet or dlib"
        raise ModelError(msg)
    for task, key, name in (("facial_recognition", "model", settings.model), ("face_detector", "detector", settings.detector)):
        allowed = sorted(AVAILABLE_MODELS[task]) + ["auto"] * (key == "detector")
        if name not in allowed:
            msg = f"recognition.{key} {name!r}: DeepFace has no such {key}; allowed: {', '.join(allowed)}"
            raise ModelError(msg)


def _threshold(model: str) -> float:
    if model == DLIB:
        return DLIB_THRESHOLD
    from deepface.config.threshold import thresholds  # noqa: PLC0415 - loaded already

    return float(thresholds[model]["cosine"])
