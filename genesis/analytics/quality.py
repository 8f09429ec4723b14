"""How much a face is worth: whether it can be used at all, and how much it says about whose it is.

One table serves enrolment and recognition, so that a photo that was accepted is one that the workers would look at, too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from genesis.settings import Recognition

GOOD_SIZE = 2.5  # times the smallest size: from here on more pixels say no more
GOOD_SHARPNESS = 5.0  # times the least sharpness
GOOD_FRONTAL = 0.7
GOOD_SCORE = 0.85  # of the face detector
LEAST_SCORE = 0.5
LEAST_SHARE = 0.4  # what is left of a face's weight if one of its qualities is only just enough


@dataclass(frozen=True, slots=True)
class Rules:
    """What a face needs to be used.

    Attributes:
        min_face: pixels of its shorter side.
        min_sharpness: variance of the Laplacian.
        min_frontal: 1 for a face that looks into the camera, 0 for a profile.
    """

    min_face: float
    min_sharpness: float
    min_frontal: float

    @classmethod
    def of(cls, settings: Recognition) -> Rules:
        """Return the rules of an installation."""
        return cls(settings.min_face, settings.min_sharpness, settings.min_frontal)


def refusal(size: float, sharpness: float, frontal: float, rules: Rules) -> str | None:
    """Say why a face can't be used; None if it can.

    Args:
        size: pixels of its shorter side.
        sharpness: variance of the Laplacian of the face at a fixed size.
        frontal: 1 for a face that looks into the camera, 0 for a profile.
        rules: of the installation.
    """
    # `not >=`: a number that is none is not enough.
    if not size >= rules.min_face:
        return f"too small: {size:.0f} pixels, {rules.min_face:g} are needed"
    if not sharpness >= rules.min_sharpness:
        return f"too blurred: sharpness {sharpness:.0f}, {rules.min_sharpness:g} is needed"
    if not frontal >= rules.min_frontal:
        return f"turned away: {frontal:.2f} frontal, {rules.min_frontal:g} is needed"
    return None


def weight(size: float, sharpness: float, frontal: float, score: float, rules: Rules) -> float:
    """Return what a face says about whose it is: 0 (nothing) to 1 (a large, sharp face that looks into the camera).

    Args:
        size: pixels of its shorter side.
        sharpness: variance of the Laplacian of the face at a fixed size.
        frontal: 1 for a face that looks into the camera, 0 for a profile.
        score: the face detector's confidence, 0 to 1.
        rules: of the installation; a face that they refuse is worth nothing.
    """
    if refusal(size, sharpness, frontal, rules):
        return 0.0
    return (
        _share(size, rules.min_face, GOOD_SIZE * rules.min_face)
        * _share(sharpness, rules.min_sharpness, GOOD_SHARPNESS * rules.min_sharpness)
        * _share(frontal, rules.min_frontal, GOOD_FRONTAL)
        * _share(score, LEAST_SCORE, GOOD_SCORE)
    )


def _share(value: float, least: float, good: float) -> float:
    """Return `LEAST_SHARE` for a value that is only just enough, 1 for a good one, and what lies between them."""
    if good <= least or value >= good:
        return 1.0
    # In this order: a number that is none is worth the least.
    return LEAST_SHARE + (1 - LEAST_SHARE) * max(0.0, value - least) / (good - least)
