"""What following is worth: MOTA (Bernardin and Stiefelhagen, 2008), IDF1 (Ristani et al., 2016) and what they are made of.

MOTA counts what is missed, what is not there and where a number changes; IDF1 asks how long each person goes by one number.
motmetrics counts them; it is only needed here.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from genesis.errors import UsageError
from genesis.vision.boxes import overlap

SAME = 0.5
"""Intersection over union from which a told box is the true one."""

_FIGURES = ("mota", "idf1", "num_switches", "num_false_positives", "num_misses", "num_fragmentations")


@dataclass(frozen=True, slots=True, eq=False)
class Labelled:
    """Persons of one frame, each with a number.

    Attributes:
        numbers: (n,), each once.
        boxes: (n, 4), `x1 y1 x2 y2` in pixels.
    """

    numbers: npt.NDArray[np.int64]
    boxes: npt.NDArray[np.float64]

    @classmethod
    def nobody(cls) -> Labelled:
        """Return a frame without persons."""
        return cls(np.zeros(0, np.int64), np.zeros((0, 4)))


@dataclass(frozen=True, slots=True)
class Score:
    """The figures of one tracker.

    Attributes:
        mota: 1 is perfect, less than 0 is worse than telling nothing.
        idf1: 0 to 1.
        switches: how often a person's number changed.
        false_positives: told boxes that are nobody.
        misses: persons in frames in which no box was told for them.
        fragmentations: how often a person was lost and found again.
    """

    mota: float
    idf1: float
    switches: int
    false_positives: int
    misses: int
    fragmentations: int


def score(
    truth: Mapping[int, Labelled], told: Mapping[int, Labelled], ignored: Mapping[int, Labelled] | None = None, same: float = SAME
) -> Score:
    """Compare what was told with what is true.

    Args:
        truth: by frame.
        told: by frame; only these frames count, so that leaving some out is not a mistake.
        ignored: what is neither right nor wrong to tell, by frame.
        same: intersection over union from which two boxes are the same person's.

    Raises:
        UsageError: motmetrics is not installed.
    """
    if importlib.util.find_spec("motmetrics") is None:
        msg = "motmetrics is not installed, which counts the figures: pip install motmetrics"
        raise UsageError(msg)
    import motmetrics  # noqa: PLC0415 - nothing else needs it

    book = motmetrics.MOTAccumulator()
    for frame in sorted(told):
        true, said, neither = truth.get(frame, Labelled.nobody()), told[frame], (ignored or {}).get(frame, Labelled.nobody())
        wrong = (overlap(said.boxes, true.boxes) < same).all(axis=1)
        counts = ~(wrong & (overlap(said.boxes, neither.boxes) >= same).any(axis=1))
        said = Labelled(said.numbers[counts], said.boxes[counts])
        shared = overlap(true.boxes, said.boxes)
        distance = np.where(shared >= same, 1 - shared, np.nan)
        book.update(true.numbers.tolist(), said.numbers.tolist(), distance, frameid=frame)
    row = motmetrics.metrics.create().compute(book, metrics=list(_FIGURES), name="all").iloc[0]
    mota, idf1, *others = (float(row[name]) for name in _FIGURES)
    return Score(mota, idf1, *(int(count) for count in others))
