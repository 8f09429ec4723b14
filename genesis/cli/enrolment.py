"""Which photos a person can be enrolled with: one good face in each, the same person's, and nobody else's.

Three questions, each a pure function: `face_of` looks at one photo, `unlike` at all photos of a person, `resembling` at the people
who are enrolled already.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from genesis.analytics.quality import Rules, refusal

if TYPE_CHECKING:
    from genesis.storage.search import Match
    from genesis.vision.types import Face

Embedding = npt.NDArray[np.float32]
"""(d,) float32 of unit length."""

Reason = Literal["unreadable", "no face", "several faces", "too small", "too blurred", "turned away", "unlike", "somebody else"]

BYSTANDER = 0.25
"""Share of the largest face's size below which another face in a photo is somebody in the background, and does not count."""
ENOUGH = 3
"""Faces of which one can be told to be unlike the others; of two nobody knows which is the wrong one."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Why a photo is not used: a word for programs, and a line for a person."""

    reason: Reason
    line: str


def face_of(faces: Sequence[Face], rules: Rules, *, allow_several: bool = False) -> Face | Refused:
    """Return the one face of a photo.

    Args:
        faces: found in it, the largest first.
        rules: what a face needs to be used.
        allow_several: take the largest.
    """
    if not faces:
        return Refused("no face", "no face found")
    largest = faces[0]
    standing_out = [face for face in faces if face.size >= BYSTANDER * largest.size]
    if len(standing_out) > 1 and not allow_several:
        return Refused("several faces", f"{len(standing_out)} faces: cut out the right one, or --allow-several takes the largest")
    poor = refusal(largest.size, largest.sharpness, largest.frontal, rules)
    if poor is None:
        return largest
    reason: Reason = "too small" if poor.startswith("too small") else "too blurred" if poor.startswith("too blurred") else "turned away"
    return Refused(reason, poor)


def unlike(new: Sequence[Embedding], before: Sequence[float] | None, threshold: float) -> dict[int, float]:
    """Return which new faces of a person are unlike the others, each with its distance from the nearest of them.

    Faces within the threshold of each other hold together, and so do those that a third one links. If the person has faces already,
    a new one must hold together with one of those. Otherwise it must belong to the majority: the largest such set, if there is a
    single largest one. Of fewer than `ENOUGH` faces, all new, none is said to be unlike.

    Args:
        new: embeddings of the faces that are to be enrolled.
        before: distance of each from the nearest of those that are enrolled; None if there are none.
        threshold: largest cosine distance of two faces of one person.
    """
    if not new or (before is None and len(new) < ENOUGH):
        return {}
    distances = _distances(new)
    labels = _linked(distances <= threshold)
    if before is None:
        good = _majority(labels)
        closest = distances.min(axis=1)
    else:
        good = {label for label, distance in zip(labels, before, strict=True) if distance <= threshold}
        closest = np.minimum(distances.min(axis=1), np.array(before))
    return {index: float(closest[index]) for index in range(len(new)) if labels[index] not in good}


def resembling(matches: Sequence[Match], identity_id: str | None, apart: float | None, threshold: float) -> Match | None:
    """Return whose face it seems to be instead: another identity within the threshold, and nearer than the person's own.

    Only faces that are enrolled speak for the person: the other new ones may be that somebody's, too.

    Args:
        matches: identities near the face, the nearest first.
        identity_id: of the person who is to be enrolled; None if that is somebody new.
        apart: distance from the nearest of the person's enrolled faces; None if there are none.
        threshold: largest cosine distance of two faces of one person.
    """
    for match in matches:
        if match.identity_id != identity_id:
            return match if match.distance <= threshold and (apart is None or match.distance < apart) else None
    return None


def _distances(faces: Sequence[Embedding]) -> npt.NDArray[np.float32]:
    stacked = np.stack(faces).astype(np.float32)
    distances: npt.NDArray[np.float32] = np.maximum(1 - stacked @ stacked.T, 0)
    np.fill_diagonal(distances, np.inf)
    return distances


def _linked(near: npt.NDArray[np.bool_]) -> list[int]:
    """Return for each face which set it is in: faces that are near each other are in the same one."""
    labels = [-1] * len(near)
    for first in range(len(near)):
        if labels[first] >= 0:
            continue
        waiting = [first]
        labels[first] = first
        while waiting:
            for other in map(int, np.flatnonzero(near[waiting.pop()])):
                if labels[other] < 0:
                    labels[other] = first
                    waiting.append(other)
    return labels


def _majority(labels: Sequence[int]) -> set[int]:
    sizes = {label: labels.count(label) for label in set(labels)}
    largest = [label for label, size in sizes.items() if size == max(sizes.values())]
    return set(largest) if len(largest) == 1 else set()
