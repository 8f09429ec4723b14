"""What another form of a detector's weights is worth here: how long a frame takes, and whether it finds the same persons."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np

from genesis.vision.boxes import overlap
from genesis.vision.detectors.base import Detector
from genesis.vision.tracking.pairing import best_pairs
from genesis.vision.types import Detections, Frame

IOU = 0.5
"""Overlap from which on two boxes are the same person."""


@dataclass(frozen=True, slots=True)
class Compared:
    """Two detectors on the same frames.

    Attributes:
        frames: number of them.
        milliseconds: median for a frame, of the first and of the second.
        persons: that each found in all frames.
        matched: pairs of boxes, one of each, that overlap by `IOU` at least.
    """

    frames: int
    milliseconds: tuple[float, float]
    persons: tuple[int, int]
    matched: int

    @property
    def share(self) -> float | None:
        """Matched boxes as a share of all boxes of both, 0 to 1; None where neither found anybody."""
        total = sum(self.persons)
        return 2 * self.matched / total if total else None

    @property
    def speedup(self) -> float:
        """How many times as fast the second is."""
        return self.milliseconds[0] / self.milliseconds[1]


def compare(first: Detector, second: Detector, frames: Sequence[Frame], clock: Callable[[], float] = time.perf_counter) -> Compared:
    """Run two detectors on the same frames, in turns, so that what else the machine does hits both.

    Args:
        first: the one there was.
        second: the other.
        frames: at least one, each (height, width, 3) uint8 BGR.
        clock: seconds.
    """
    # Untimed: an engine prepares itself for each size of picture when it meets the first one.
    found = [(first.detect([frame])[0], second.detect([frame])[0]) for frame in frames]
    taken: tuple[list[float], list[float]] = ([], [])
    for frame in frames:
        for detector, times in zip((first, second), taken, strict=True):
            started = clock()
            detector.detect([frame])
            times.append(1000 * (clock() - started))
    return Compared(
        frames=len(frames),
        milliseconds=(median(taken[0]), median(taken[1])),
        persons=(sum(len(one) for one, _ in found), sum(len(other) for _, other in found)),
        matched=sum(matched(one, other) for one, other in found),
    )


def matched(one: Detections, other: Detections, iou: float = IOU) -> int:
    """Return how many boxes of one frame can be paired, each once, so that the two of a pair overlap by `iou` at least."""
    shared = overlap(one.boxes, other.boxes)
    return len(best_pairs(np.where(shared >= iou, shared, 0)))


def size_of(path: Path) -> int:
    """Return the bytes of a file, or of all files in a folder."""
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file()) if path.is_dir() else path.stat().st_size
