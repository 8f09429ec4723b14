"""Who is it: what each look at a person's face says, and when that is enough.

A look gives evidence, in thousandths, for the nearest identity or for nobody that is enrolled; its size grows with the quality
of the face and with how clear the distances are. Looks add up, in whatever order they come, until one answer leads:

| best identity | nobody | looks | answer |
|---|---|---|---|
| at least `SURE`, and `LEAD` more than all else | - | - | known |
| otherwise | at least `SURE`, and `LEAD` more than any identity | - | unknown |
| otherwise | otherwise | as many as there may be | unknown |
| otherwise | otherwise | fewer | none yet |

So one excellent look is enough, two good ones are, and a single poor one never is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

NOBODY = ""
"""Stands for nobody that is enrolled, in place of an identity's id."""

Votes = Mapping[str, int]
"""Evidence in thousandths, by identity."""

WHOLE = 1000
"""The evidence of one excellent look."""
SURE = 850
LEAD = 500
MARGINAL = 0.25  # share of its weight that a look is worth whose nearest face is just at the threshold
CLEAR_BELOW = 0.35  # share of the threshold: faces this much nearer are clearly the same person's
CLEAR_ABOVE = 0.2  # likewise for another person's
LITTLE = 0.1  # share of its weight that a look is worth if two identities are about as near
LEAST_WEIGHT = 0.1  # looks that are worth less say nothing
DOUBT = 100  # stands in for all that was not seen, so that no score is 1


@dataclass(frozen=True, slots=True)
class Look:
    """One face of a person compared with the gallery.

    Attributes:
        weight: what the face is worth, 0 to 1.
        nearest: id of the nearest identity; None if nobody is enrolled.
        distance: of that identity's nearest embedding.
        second: distance of the second best identity; None if there is none.
    """

    weight: float
    nearest: str | None = None
    distance: float | None = None
    second: float | None = None

    @property
    def margin(self) -> float | None:
        """How much farther away the second best identity is."""
        return None if self.second is None or self.distance is None else self.second - self.distance


@dataclass(frozen=True, slots=True)
class Decision:
    """An answer.

    Attributes:
        identity: who it is; None for nobody that is enrolled.
        score: how sure that is, 0 to 1.
    """

    identity: str | None
    score: float


def evidence(look: Look, threshold: float, margin: float) -> tuple[str, int]:
    """Return for whom a look speaks, and how much.

    Args:
        look: the face.
        threshold: largest distance between faces of one person.
        margin: share of the threshold by which the second best identity must be farther away.
    """
    weight = look.weight if look.weight >= LEAST_WEIGHT else 0.0
    if look.nearest is None or look.distance is None:
        return NOBODY, _thousandths(weight)
    above = look.distance / threshold - 1
    if not above <= 0:
        return NOBODY, _thousandths(weight * _clarity(above, CLEAR_ABOVE))
    if look.margin is not None and not look.margin >= margin * threshold:
        return NOBODY, _thousandths(weight * LITTLE)
    return look.nearest, _thousandths(weight * _clarity(-above, CLEAR_BELOW))


def counted(votes: Votes, look: Look, threshold: float, margin: float) -> dict[str, int]:
    """Return the votes with those of one more look; arguments as of `evidence`."""
    whom, amount = evidence(look, threshold, margin)
    return {**votes, whom: votes.get(whom, 0) + amount}


def decide(votes: Votes, looks: int, most: int) -> Decision | None:
    """Return the answer that the votes give; None while there is none.

    Args:
        votes: of all looks so far.
        looks: how many there were.
        most: how many there may be.
    """
    nobody = votes.get(NOBODY, 0)
    ranked = sorted(((amount, whom) for whom, amount in votes.items() if whom != NOBODY), reverse=True)
    (best, first), (second, _), *_ = *ranked, (0, NOBODY), (0, NOBODY)
    if best >= SURE and best - max(second, nobody) >= LEAD:
        return Decision(first, _score(votes, first))
    if (nobody >= SURE and nobody - best >= LEAD) or looks >= most:
        return Decision(None, _score(votes, NOBODY))
    return None


def _score(votes: Votes, whom: str) -> float:
    return round(votes.get(whom, 0) / (sum(votes.values()) + DOUBT), 3)


def _clarity(beyond: float, clear: float) -> float:
    """Return `MARGINAL` for a distance at the threshold, 1 for one clearly beyond it, and what lies between them."""
    return MARGINAL + (1 - MARGINAL) * min(beyond / clear, 1.0)


def _thousandths(share: float) -> int:
    return round(share * WHOLE) if share > 0 else 0  # what is no number says nothing
