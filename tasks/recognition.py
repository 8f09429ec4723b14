"""The recognition worker: whose faces they are."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from genesis import subscribe
from genesis.analytics.belonging import Found, belonging
from genesis.analytics.decision import Decision, Look
from genesis.analytics.quality import Rules, refusal, weight
from genesis.analytics.view import Pace, View, entered, looked, looked_in_vain
from genesis.context import Context
from genesis.events import Box, FaceRecognized, PersonDetected
from genesis.settings import Settings

if TYPE_CHECKING:
    from genesis.storage.search import Match
    from genesis.vision.faces.base import FaceEngine
    from genesis.vision.types import Face, Frame

logger = logging.getLogger(__name__)

MAX_GAP = 5.0  # seconds: a frame more or less is no matter here, and what waits for one must not become stale (capture.max_age_seconds)
BORDER = 0.1  # of a person's size, around the crop in which faces are searched: boxes may cut off a chin or a forehead


@lru_cache(maxsize=1)
def engine_for(settings: Settings) -> FaceEngine | None:
    """Return this process's face engine, loaded on first use; None where nobody is to be recognised.

    Raises:
        ModelError: deepface is asked for, and can't be used.
    """
    recognition = settings.recognition
    if recognition.engine == "none" or not settings.storage.enabled:
        return None
    from genesis.vision.faces import available, load_engine  # noqa: PLC0415 - only where faces are looked at

    if recognition.engine == "auto" and (reason := available(recognition, settings.data_dir)) is not None:
        logger.warning("nobody is recognised: %s (recognition.engine none says that this is meant)", reason)
        return None
    return load_engine(recognition, data_dir=settings.data_dir)


def load_face_engine(context: Context) -> str:
    """Load the face engine before the first frame; return its name."""
    engine = engine_for(context.settings)
    return "no face engine: nobody is recognised" if engine is None else engine.name


@subscribe(PersonDetected, group="face-workers", queue="recognition", keyed_by="camera", max_gap=MAX_GAP, preload=load_face_engine)
def recognise_faces(event: PersonDetected, context: Context) -> list[FaceRecognized]:
    """Look at the faces of a frame's persons until it is sure who each of them is; an event tells each decision."""
    if not event.persons or (engine := engine_for(context.settings)) is None:
        return []
    settings, state = context.settings, context.state if context.state is not None else {}
    recognition = settings.recognition
    pace, threshold = Pace.of(recognition), recognition.threshold or engine.threshold
    scene = entered(View.parse(state), event, pace)
    told: list[FaceRecognized] = []
    if scene.due:
        frame = context.frames.get(event.frame_key)
        compared = compare(faces_of(event, scene.due, frame, engine, Rules.of(recognition)), engine.model, threshold, settings)
        for index in scene.due:
            if index not in compared:
                scene = looked_in_vain(scene, index, pace)
                continue
            one = compared[index]
            scene, decision, looks = looked(scene, index, one.look, threshold, recognition.margin, pace)
            if decision is not None and not one.erased:
                told.append(_told(event, index, one, decision, looks, threshold, engine.model, _stored(frame, one.box, settings)))
    state.clear()
    state.update(scene.view.plain)
    return told


@dataclass(frozen=True, slots=True)
class Usable:
    """A person's face that may be used: where in the frame, and what it is worth, 0 to 1."""

    face: Face
    box: Box
    weight: float


@dataclass(frozen=True, slots=True)
class Compared:
    """A person's face, and who is near it.

    Attributes:
        face: as it was found.
        box: where in the frame.
        look: what it says.
        nearest: the nearest enrolled identity, if there is one.
        erased: that identity, or the unknown person whose face it is, is being erased: nothing of them may be kept.
    """

    face: Face
    box: Box
    look: Look
    nearest: Match | None
    erased: bool


def faces_of(event: PersonDetected, due: Sequence[int], frame: Frame, engine: FaceEngine, rules: Rules) -> dict[int, Usable]:
    """Find the faces of a frame's persons; who shows none that can be used is left out.

    Args:
        event: all persons of the frame.
        due: those to be looked at.
        frame: (height, width, 3) uint8, BGR.
        engine: looks at all their crops at once.
        rules: what a face needs to be used.
    """
    from genesis.vision.faces.crops import cut  # noqa: PLC0415 - not where nobody is recognised

    crops = [cut(frame, event.persons[index].box, BORDER) for index in due]

    def worth(size: float, sharpness: float, frontal: float) -> bool:
        return refusal(size, sharpness, frontal, rules) is None

    faces = engine.find([crop for crop, _ in crops], worth)
    found = [
        Found(index, number, _shifted(face.box, *corner))
        for index, (_, corner), those in zip(due, crops, faces, strict=True)
        for number, face in enumerate(those)
    ]
    usable: dict[int, Usable] = {}
    for index, one in belonging([person.box for person in event.persons], found).items():
        face = faces[due.index(index)][one.face]
        if refusal(face.size, face.sharpness, face.frontal, rules) is None:
            usable[index] = Usable(face, one.box, weight(face.size, face.sharpness, face.frontal, face.score, rules))
    return usable


def compare(usable: Mapping[int, Usable], model: str, threshold: float, settings: Settings) -> dict[int, Compared]:
    """Search the gallery for each face, all in one transaction.

    Args:
        usable: the faces.
        model: that made their embeddings.
        threshold: largest distance between faces of one person.
        settings: of this installation.

    Raises:
        ServerUnavailableError: the database was away for longer than `storage.give_up_seconds`, or refuses us.
    """
    if not usable:
        return {}
    from genesis.storage.database import database_of  # noqa: PLC0415 - no SQL where nobody is recognised
    from genesis.storage.search import search  # noqa: PLC0415

    exact = settings.storage.exact_below

    def compared(cursor: Any, one: Usable) -> Compared:
        near = search(cursor, model, one.face.embedding, exact_below=exact, limit=2)
        nearest = near[0] if near else None
        look = (
            Look(one.weight, nearest.identity_id, nearest.distance, near[1].distance if near[1:] else None) if nearest else Look(one.weight)
        )
        others: list[Match] = []
        if nearest is None or nearest.distance > threshold:
            others = search(cursor, model, one.face.embedding, exact_below=exact, limit=1, kinds=("unknown",))
        erased = any(match.erasing and match.distance <= threshold for match in [*near[:1], *others])
        return Compared(one.face, one.box, look, nearest, erased)

    return database_of(settings).run(lambda cursor: {index: compared(cursor, one) for index, one in usable.items()})


def _stored(frame: Frame, box: Box, settings: Settings) -> str:
    """Store the picture of a face, if any are kept; return its name."""
    if not settings.privacy.crops:
        return ""
    from genesis.storage.crops import Crops  # noqa: PLC0415
    from genesis.vision.faces.crops import face_jpeg  # noqa: PLC0415

    return Crops(settings.data_dir).put(face_jpeg(frame, box))


def _told(
    event: PersonDetected, index: int, one: Compared, decision: Decision, looks: int, threshold: float, model: str, crop: str
) -> FaceRecognized:
    person, face, look = event.persons[index], one.face, one.look
    # Who becomes known is always the nearest of the look that decided it.
    identity = one.nearest if decision.identity is not None else None
    return FaceRecognized(
        camera=event.camera,
        time=event.time,
        session=event.session,
        number=event.number,
        person=person.box,
        index=index,
        track=person.track,
        box=one.box,
        model=model,
        identity=identity.label if identity else None,
        identity_id=identity.identity_id if identity else None,
        distance=_digits(look.distance),
        threshold=threshold,
        margin=_digits(look.margin),
        score=decision.score,
        attempts=looks,
        crop=crop,
        embedding=face.embedding.astype("<f4").tobytes(),
        size=round(float(face.size), 1),
        sharpness=round(float(face.sharpness), 1),
        frontal=round(float(face.frontal), 2),
    )


def _shifted(box: Sequence[float], x: float, y: float) -> Box:
    """Return a box of a crop in pixels of the frame, to a tenth of one."""
    x1, y1, x2, y2 = (round(float(value) + by, 1) for value, by in zip(box, (x, y, x, y), strict=True))
    return Box(x1, y1, x2, y2)


def _digits(distance: float | None) -> float | None:
    return None if distance is None else round(float(distance), 5)
