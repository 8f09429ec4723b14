"""When a track is taken for real, when it is given up, and how well a detection must fit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from genesis.settings import Tracking

SURE = 0.5
"""A detection from this confidence on is sure; below it most are persons half hidden, or none."""


@dataclass(frozen=True, slots=True)
class Rules:
    """How to follow.

    Attributes:
        confirm_hits: a track is confirmed after this many frames in a row ...
        confirm_score: ... if the median of its last confidences is at least this.
        lost_ms: a track that was not seen for longer has ended.
        unsure_ms: only a track that was seen within this time goes on with a detection that is not sure.
        fit: least likeness (0 to 1) of a detection and where a track is expected.
        in_view: a track that was not seen in the last frame and is expected to be with less than this share in the picture has left it.
    """

    confirm_hits: int = 3
    confirm_score: float = 0.6
    lost_ms: int = 2000
    unsure_ms: int = 1000
    fit: float = 0.3
    in_view: float = 0.5

    @property
    def sure(self) -> float:
        """Confidence from which a detection is sure; where less confirms a track, less is sure."""
        return min(SURE, self.confirm_score)

    @classmethod
    def of(cls, settings: Tracking) -> Rules:
        """Return the rules of an installation."""
        return cls(confirm_hits=settings.confirm_hits, confirm_score=settings.confirm_score, lost_ms=round(settings.lost_seconds * 1000))
