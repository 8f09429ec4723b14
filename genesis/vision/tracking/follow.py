"""Following persons through a camera's frames, one frame at a time.

A small ByteTrack (Zhang et al., ECCV 2022): detections that are sure are paired with the tracks first, those that are not go to tracks
that are still without one, and a track begins as a supposition. It promises that the same frames give the same tracks to the
last bit, also when the state has been through JSON in between, and that no number is given twice. It knows nothing of looks: two
persons who are both out of sight for a while may come back with each other's number.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from genesis.vision.tracking import motion
from genesis.vision.tracking.pairing import best_pairs, likeness
from genesis.vision.tracking.rules import Rules
from genesis.vision.tracking.state import Live, Tracks

MARGIN = 1.5
"""A person is looked for within this many standard deviations of where they are expected ..."""
LARGEST_MARGIN = 0.5
"""... but not farther than this, in heights."""

_SCORES = 5  # confidences that are kept of a track that is not confirmed
_DIGITS = 3  # of pixels; the state is rounded when it is made, so that JSON changes nothing


@dataclass(frozen=True, slots=True)
class Track:
    """A confirmed track, as it is told.

    Attributes:
        number: of the track; no other one ever has it.
        first_ms: when it was first seen, before it was confirmed.
        last_ms: when it was last seen.
        hits: in how many frames it was seen.
    """

    number: int
    first_ms: int
    last_ms: int
    hits: int


@dataclass(frozen=True, slots=True)
class Followed:
    """What came of a frame.

    Attributes:
        state: the tracks after it.
        numbers: the track number of each detection, in their order, also of suppositions; 0 for one that is not sure and belongs to none.
        confirmed: whether that track is confirmed, for each detection.
        started: tracks that were confirmed in this frame, by number.
        ended: confirmed tracks that are over, by number.
    """

    state: Tracks
    numbers: tuple[int, ...] = ()
    confirmed: tuple[bool, ...] = ()
    started: tuple[Track, ...] = ()
    ended: tuple[Track, ...] = ()


def follow(
    state: Tracks,
    at_ms: int,
    boxes: npt.NDArray[np.floating[Any]],
    confidences: npt.NDArray[np.floating[Any]],
    rules: Rules,
    frame: tuple[int, int] | None = None,
) -> Followed:
    """Find a frame's detections among the tracks.

    Args:
        state: the tracks before the frame.
        at_ms: the frame's time; one before that of the last frame is taken for that one.
        boxes: (n, 4), `x1 y1 x2 y2` in pixels; may be empty, and boxes without area are followed as well.
        confidences: (n,), 0 to 1.
        rules: how to follow.
        frame: width and height of the picture in pixels; without them nobody is known to leave it, only to be unseen.

    Raises:
        ValueError: boxes are not (n, 4), or there are not n confidences.
    """
    scores = np.asarray(confidences, np.float64)
    if boxes.ndim != 2 or boxes.shape[1] != 4 or scores.shape != (len(boxes),):  # noqa: PLR2004 - corners of a box
        msg = f"boxes {boxes.shape} and confidences {scores.shape}: expected (n, 4) and (n,)"
        raise ValueError(msg)
    places, at_ms = motion.solid(boxes), max(at_ms, state.at_ms)
    live, rows = _expected(state, at_ms, rules, frame)
    found = _found(live, rows, at_ms, places, scores, rules)

    seen = _seen(live, rows, found, at_ms, places, scores, rules)
    begun = [index for index in range(len(places)) if index not in found.values() and scores[index] >= rules.sure]
    new = _begun(state.unused, begun, at_ms, places, scores, rules)
    # A supposition that is not seen again at once is dropped.
    kept = [seen.get(track.number, track) for track in live if track.confirmed or track.number in seen]

    number_of = {index: live[place].number for place, index in found.items()} | {
        index: track.number for index, track in zip(begun, new, strict=True)
    }
    numbers = tuple(number_of.get(index, 0) for index in range(len(boxes)))
    after = Tracks(state.unused + len(new), at_ms, (*kept, *new))
    confirmed = {track.number: track for track in after.live if track.confirmed}
    before = {track.number for track in state.live if track.confirmed}
    return Followed(
        after,
        numbers,
        tuple(number in confirmed for number in numbers),
        tuple(_told(track) for number, track in confirmed.items() if number not in before),
        tuple(_told(track) for track in state.live if track.confirmed and track.number not in confirmed),
    )


def finish(state: Tracks) -> Followed:
    """End all tracks, at the times when they were last seen; what comes next may be of any time, and its numbers are new ones."""
    return Followed(Tracks(state.unused), ended=tuple(_told(track) for track in state.live if track.confirmed))


def _expected(state: Tracks, at_ms: int, rules: Rules, frame: tuple[int, int] | None) -> tuple[list[Live], motion.Rows]:
    """Return the tracks that may be seen in a frame, and their rows at its time."""
    live = [track for track in state.live if at_ms - track.last_ms <= rules.lost_ms]
    rows = np.array([track.motion for track in live]).reshape(-1, motion.COLUMNS)
    rows = motion.expected(rows, np.array([at_ms - track.last_ms for track in live]) / 1000)
    if frame is None:
        return live, rows
    box = motion.boxes_of(rows)
    inside = np.minimum(box[:, 2:], frame) - np.maximum(box[:, :2], 0)
    share = inside.clip(0).prod(axis=1) / (box[:, 2:] - box[:, :2]).prod(axis=1)
    here = [place for place, track in enumerate(live) if track.last_ms == state.at_ms or share[place] >= rules.in_view]
    return [live[place] for place in here], rows[here]


def _found(
    live: Sequence[Live],
    rows: motion.Rows,
    at_ms: int,
    boxes: motion.Boxes,
    scores: npt.NDArray[np.float64],
    rules: Rules,
) -> dict[int, int]:
    """Return the detection of each track that has one: places in `live` and in `boxes`."""
    margin = np.minimum(MARGIN * motion.deviation(rows), LARGEST_MARGIN * motion.heights(rows))
    fits = likeness(motion.boxes_of(rows), boxes, margin)
    sure, free = scores >= rules.sure, np.ones(len(boxes), bool)
    rounds: tuple[tuple[Callable[[Live], bool], npt.NDArray[np.bool_]], ...] = (
        (lambda track: track.confirmed, sure),
        (lambda track: track.confirmed and at_ms - track.last_ms <= rules.unsure_ms, ~sure),
        (lambda track: not track.confirmed, sure | ~sure),
    )
    found: dict[int, int] = {}
    for wanted, eligible in rounds:
        waits = np.array([wanted(track) and place not in found for place, track in enumerate(live)], bool)
        allowed = (fits >= rules.fit) & waits[:, None] & (eligible & free)
        pairs = best_pairs(np.where(allowed, fits, 0.0))
        found.update(pairs)
        free[[index for _, index in pairs]] = False
    return found


def _seen(
    live: Sequence[Live],
    rows: motion.Rows,
    found: dict[int, int],
    at_ms: int,
    boxes: motion.Boxes,
    scores: npt.NDArray[np.float64],
    rules: Rules,
) -> dict[int, Live]:
    """Return the tracks that were found, by number, as they are after the frame."""
    places, indexes = list(found), list(found.values())
    corrected = np.round(motion.corrected(rows[places], boxes[indexes]), _DIGITS).tolist()
    seen = {}
    for place, index, row in zip(places, indexes, corrected, strict=True):
        track = live[place]
        last = (*track.scores, round(float(scores[index]), _DIGITS))[-_SCORES:]
        moved = msgspec.structs.replace(track, last_ms=at_ms, hits=track.hits + 1, motion=tuple(row), scores=last)
        seen[track.number] = _judged(moved, rules)
    return seen


def _begun(
    unused: int,
    indexes: Sequence[int],
    at_ms: int,
    boxes: motion.Boxes,
    scores: npt.NDArray[np.float64],
    rules: Rules,
) -> list[Live]:
    """Return new tracks for some of the detections, in their order."""
    rows = np.round(motion.begun(boxes[list(indexes)]), _DIGITS).tolist()
    return [
        _judged(
            Live(unused + count, at_ms, at_ms, 1, confirmed=False, motion=tuple(row), scores=(round(float(scores[index]), _DIGITS),)), rules
        )
        for count, (index, row) in enumerate(zip(indexes, rows, strict=True))
    ]


def _judged(track: Live, rules: Rules) -> Live:
    """Confirm a track if it has earned it; a confirmed one needs its confidences no more."""
    if track.confirmed or (track.hits >= rules.confirm_hits and median(track.scores) >= rules.confirm_score):
        return msgspec.structs.replace(track, confirmed=True, scores=())
    return track


def _told(track: Live) -> Track:
    return Track(track.number, track.first_ms, track.last_ms, track.hits)
