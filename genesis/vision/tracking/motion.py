"""Where a person should be by now: a Kalman filter in continuous time, for all tracks at once.

As in SORT (Bewley et al., "Simple Online and Realtime Tracking", ICIP 2016) a box has a centre, a size and a velocity. Frames
come when they come, so that time is in seconds, not in frames: between two looks the velocity is an Ornstein-Uhlenbeck process
(Uhlenbeck and Ornstein, "On the Theory of the Brownian Motion", Physical Review 1930), that is, persons keep going for some
seconds, and no faster than persons do; the size is a random walk. This process composes exactly: one step of a second is the same as
ten of a tenth. So a track is kept as it was last seen, and nothing is reckoned for one that is hidden until it is needed.

All lengths are relative to the person's height, as in ByteTrack (Zhang et al., "ByteTrack: Multi-Object Tracking by Associating
Every Detection Box", ECCV 2022): nothing here hangs on the camera's resolution. Both axes are alike and independent, so that one
2x2 covariance, kept as three numbers, serves both.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Rows = npt.NDArray[np.float64]
"""(n, 10), pixels and seconds, a row for each track: x and y of the centre, width, height, velocity in x and in y; then the
variance of a coordinate of the centre, its covariance with the velocity, the velocity's variance, and the variance of the size."""
Boxes = npt.NDArray[np.float64]
"""(n, 4), `x1 y1 x2 y2`, pixels."""

KEEPS_GOING = 3.0
"""Seconds after which a velocity has forgotten about two thirds of what it was."""
SPEED = 0.5
"""Standard deviation of velocities, in heights a second; walking is about 0.8 across the picture, less along the line of sight."""
JITTER = 0.05
"""Standard deviation of a detection's centre, in heights."""
SIZE_JITTER = 0.1
"""Standard deviation of a detection's width and height, in heights."""
SIZE_DRIFT = 0.1
"""Standard deviation of what the width and height have changed by after a second, in heights."""
LEAST_HEIGHT = 8.0
"""Pixels; what is less tall moves and jitters as if it were so."""

_LEAST_SIDE = 1.0
_CENTRE, _SIZE, _VELOCITY = slice(0, 2), slice(2, 4), slice(4, 6)
_PLACE, _BOTH, _SPEED, _EXTENT = 6, 7, 8, 9  # the variances
COLUMNS = 10


def solid(boxes: npt.NDArray[np.floating[Any]]) -> Boxes:
    """Return boxes with their corners in order and no side shorter than a pixel, which is what all else here expects.

    Args:
        boxes: (n, 4).
    """
    upper, lower = boxes[:, :2].astype(np.float64), boxes[:, 2:].astype(np.float64)
    centre, half = (upper + lower) / 2, np.maximum(np.abs(lower - upper), _LEAST_SIDE) / 2
    return np.hstack([centre - half, centre + half])


def begun(boxes: Boxes) -> Rows:
    """Return the rows of tracks that were seen once.

    Args:
        boxes: (n, 4).
    """
    rows = np.zeros((len(boxes), COLUMNS))
    rows[:, _CENTRE], rows[:, _SIZE] = _measured(boxes)
    height = heights(rows)
    rows[:, _PLACE] = (JITTER * height) ** 2
    rows[:, _SPEED] = (SPEED * height) ** 2
    rows[:, _EXTENT] = (SIZE_JITTER * height) ** 2
    return rows


def expected(rows: Rows, seconds: npt.NDArray[np.float64]) -> Rows:
    """Return what should have become of tracks since they were last seen.

    Args:
        rows: (n, 10).
        seconds: (n,), since then.
    """
    later = rows.copy()
    height = heights(rows)
    kept = np.exp(-seconds / KEEPS_GOING)  # share of the velocity
    way = KEEPS_GOING * (1 - kept)  # seconds that the velocity of before would go on for, if it lasted
    free = (SPEED * height) ** 2
    place, both, speed = rows[:, _PLACE], rows[:, _BOTH], rows[:, _SPEED]
    later[:, _CENTRE] += rows[:, _VELOCITY] * way[:, None]
    later[:, _VELOCITY] *= kept[:, None]
    wander = free * KEEPS_GOING**2 * (2 * seconds / KEEPS_GOING - 3 + 4 * kept - kept**2)
    later[:, _PLACE] = place + 2 * way * both + way**2 * speed + wander
    later[:, _BOTH] = kept * (both + way * speed) + free * KEEPS_GOING * (1 - kept) ** 2
    later[:, _SPEED] = kept**2 * speed + free * (1 - kept**2)
    later[:, _EXTENT] += (SIZE_DRIFT * height) ** 2 * seconds
    return later


def corrected(rows: Rows, boxes: Boxes) -> Rows:
    """Return tracks after they were seen.

    Args:
        rows: (n, 10), as expected.
        boxes: (n, 4), where they were seen.
    """
    after = rows.copy()
    centre, size = _measured(boxes)
    height = heights(rows)
    place, both = rows[:, _PLACE], rows[:, _BOTH]
    total = place + (JITTER * height) ** 2
    surprise = centre - rows[:, _CENTRE]
    after[:, _CENTRE] += (place / total)[:, None] * surprise
    after[:, _VELOCITY] += (both / total)[:, None] * surprise
    after[:, _PLACE] = place - place**2 / total
    after[:, _BOTH] = both - both * place / total
    after[:, _SPEED] = rows[:, _SPEED] - both**2 / total
    gain = rows[:, _EXTENT] / (rows[:, _EXTENT] + (SIZE_JITTER * height) ** 2)
    after[:, _SIZE] += gain[:, None] * (size - rows[:, _SIZE])
    after[:, _EXTENT] = (1 - gain) * rows[:, _EXTENT]
    return after


def boxes_of(rows: Rows) -> Boxes:
    """Return (n, 4): the boxes of tracks."""
    half = rows[:, _SIZE] / 2
    return np.hstack([rows[:, _CENTRE] - half, rows[:, _CENTRE] + half])


def deviation(rows: Rows) -> npt.NDArray[np.float64]:
    """Return (n,): the standard deviation of a coordinate of each centre, in pixels."""
    root: npt.NDArray[np.float64] = np.sqrt(rows[:, _PLACE].clip(0))
    return root


def heights(rows: Rows) -> npt.NDArray[np.float64]:
    """Return (n,): the heights of tracks, in pixels, but never very small ones."""
    return np.maximum(rows[:, 3], LEAST_HEIGHT)


def _measured(boxes: Boxes) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    return (boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]
