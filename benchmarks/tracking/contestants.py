"""The trackers that are compared, all fed with the same detections: ours, and those of the package `trackers` where it is installed."""

from __future__ import annotations

import importlib.util
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.tracking.score import Labelled
from genesis.vision.tracking import Rules, Tracks, follow
from genesis.vision.types import Detections

PEERS = ("SORTTracker", "ByteTrackTracker")


@dataclass(frozen=True)
class Run:
    """What a tracker has told.

    Attributes:
        name: of the tracker.
        told: by frame.
        ms: milliseconds a frame, median.
        state: bytes of the largest state as JSON; None: it cannot be carried from one process to another.
    """

    name: str
    told: dict[int, Labelled]
    ms: float
    state: int | None


def ours(found: Sequence[Detections], fps: float, size: tuple[int, int], rules: Rules) -> Run:
    """Follow with our tracker; its state goes through JSON after every frame, as between two workers."""
    told, times, bytes_, carried = {}, [], [], "{}"
    for frame, detections in enumerate(found):
        state = Tracks.parse(json.loads(carried))
        boxes = np.round(detections.boxes.astype(np.float64), 1)  # as an event has them
        begun = time.perf_counter()
        done = follow(state, round(frame * 1000 / fps), boxes, detections.confidences, rules, size)
        times.append(time.perf_counter() - begun)
        carried = json.dumps(done.state.plain, separators=(",", ":"))
        bytes_.append(len(carried))
        told[frame] = _labelled(np.array(done.numbers, np.int64), detections, np.array(done.confirmed, bool))
    return Run("genesis", told, median(times) * 1000, max(bytes_))


def peers(found: Sequence[Detections], fps: float) -> list[Run]:
    """Follow with the peers, with their own defaults; none where they are not installed."""
    if importlib.util.find_spec("trackers") is None:
        return []
    import trackers  # noqa: PLC0415 - it may be missing

    return [_peer(f"trackers {name.removesuffix('Tracker')}", getattr(trackers, name), found, fps) for name in PEERS]


def _peer(name: str, make: Callable[..., Any], found: Sequence[Detections], fps: float) -> Run:
    import supervision  # noqa: PLC0415 - comes with trackers

    tracker, told, times = make(frame_rate=fps), {}, []
    for frame, detections in enumerate(found):
        given = supervision.Detections(xyxy=detections.boxes, confidence=detections.confidences, class_id=np.zeros(len(detections), int))
        begun = time.perf_counter()
        said = tracker.update(given)
        times.append(time.perf_counter() - begun)
        known = said.tracker_id >= 0
        told[frame] = Labelled(said.tracker_id[known].astype(np.int64), said.xyxy[known].astype(np.float64))
    return Run(name, told, median(times) * 1000, None)


def _labelled(numbers: npt.NDArray[np.int64], found: Detections, told: npt.NDArray[np.bool_]) -> Labelled:
    return Labelled(numbers[told], found.boxes[told].astype(np.float64))
