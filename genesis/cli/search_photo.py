"""Who is in a photo: each of its faces compared with the gallery, by the same rules as the recognition workers'."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from genesis.analytics.quality import Rules, refusal
from genesis.cli.terminal import safe

if TYPE_CHECKING:
    from pathlib import Path

    from genesis.settings import Settings
    from genesis.storage.database import Database
    from genesis.storage.search import Match
    from genesis.vision.faces.base import FaceEngine
    from genesis.vision.types import Face

Verdict = Literal["same", "unsure", "nobody"]

_SHOWN = 100  # characters of a name in a sentence


@dataclass(frozen=True, slots=True)
class FaceInPhoto:
    """A face, and who is nearest to it.

    Attributes:
        face: where in the photo, and how good.
        matches: the nearest identities, the nearest first.
        verdict: whether it is the first of them.
        words: why.
        threshold: largest cosine distance of two faces of one person.
        poor: why a worker would not use this face; None if it would.
    """

    face: Face
    matches: tuple[Match, ...]
    verdict: Verdict
    words: str
    threshold: float
    poor: str | None


def faces_in(
    photo: Path, engine: FaceEngine, database: Database, settings: Settings, *, top: int = 5, everybody: bool = False
) -> list[FaceInPhoto]:
    """Return the faces of a photo, the largest first, each with the identities that are nearest to it.

    Args:
        photo: a picture file.
        engine: finds and embeds the faces.
        database: holds the gallery.
        settings: thresholds and rules.
        top: most identities per face.
        everybody: among unknown people, too.

    Raises:
        PhotoError: the photo can't be read.
        DatabaseUnavailableError: the database is away.
    """
    from genesis.storage.search import search  # noqa: PLC0415 - the CLI's --help loads no SQL
    from genesis.vision.faces.photos import read_photo  # noqa: PLC0415 - nor OpenCV

    faces = engine.find([read_photo(photo)])[0]
    recognition, exact = settings.recognition, settings.storage.exact_below
    threshold, rules = recognition.threshold or engine.threshold, Rules.of(recognition)

    def look_up(cursor: Any) -> list[list[Match]]:
        # Two at least: whether a match is sure depends on the second best.
        kinds: Any = ("known", "unknown") if everybody else ("known",)
        return [search(cursor, engine.model, face.embedding, exact_below=exact, limit=max(top, 2), kinds=kinds) for face in faces]

    told = []
    for face, matches in zip(faces, database.run(look_up) if faces else [], strict=True):
        poor = refusal(face.size, face.sharpness, face.frontal, rules)
        verdict, words = judged(matches, threshold, recognition.margin, poor)
        told.append(FaceInPhoto(face, tuple(matches[:top]), verdict, words, threshold, poor))
    return told


def judged(matches: Sequence[Match], threshold: float, margin: float, poor: str | None) -> tuple[Verdict, str]:
    """Say whether a face is that of the nearest identity, and why.

    Args:
        matches: identities, the nearest first.
        threshold: largest cosine distance of two faces of one person.
        margin: share of the threshold by which the second best must be farther away.
        poor: why the face can't be used; None if it can.
    """
    if not matches:
        return "nobody", "nobody is enrolled"
    nearest = matches[0]
    if not nearest.distance <= threshold:
        return "nobody", "another person: farther away than the threshold"
    if nearest.erasing:
        return "unsure", "is being erased"
    if poor is not None:
        return "unsure", f"the face is {poor}"
    if len(matches) > 1 and not matches[1].distance - nearest.distance >= margin * threshold:
        return "unsure", f"{safe(matches[1].label, _SHOWN)} is about as near"
    return "same", "the same person"
