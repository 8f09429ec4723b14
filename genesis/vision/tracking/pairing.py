"""Which detection is which track: how well each fits, and the best pairs of all."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from genesis.vision.tracking.motion import Boxes

Matrix = npt.NDArray[np.float64]


def likeness(tracks: Boxes, detections: Boxes, margin: npt.NDArray[np.float64]) -> Matrix:
    """Return how well each detection fits each track, (n, m), 0 to 1.

    It is the intersection over union of the boxes, both grown by a margin on each side, as in C-BIoU (Yang et al., "Hard to Track
    Objects with Irregular Motions and Similar Appearances? Make It Easier by Buffering the Matching Space", WACV 2023), times the
    square of the ratio of the heights: these are what two persons who pass each other differ in (Yang et al., "Hybrid-SORT", AAAI 2024).

    Args:
        tracks: (n, 4), where the tracks are expected; no side is 0.
        detections: (m, 4); no side is 0.
        margin: (n,), pixels by which each track may be elsewhere.
    """
    a, b, grown = tracks[:, None, :], detections[None, :, :], 2 * margin[:, None]
    width = np.minimum(a[..., 2], b[..., 2]) - np.maximum(a[..., 0], b[..., 0]) + grown
    height = np.minimum(a[..., 3], b[..., 3]) - np.maximum(a[..., 1], b[..., 1]) + grown
    shared = width.clip(0) * height.clip(0)
    overlap = shared / (_area(a, grown) + _area(b, grown) - shared)
    tall, other = a[..., 3] - a[..., 1], b[..., 3] - b[..., 1]
    fits: Matrix = overlap * (np.minimum(tall, other) / np.maximum(tall, other)) ** 2
    return fits


def best_pairs(gain: Matrix) -> list[tuple[int, int]]:
    """Pair rows with columns, each at most once, so that the gains add up to the most.

    Shortest augmenting paths (Jonker and Volgenant, Computing 1987), in the form of Crouse ("On Implementing 2D Rectangular
    Assignment Algorithms", IEEE TAES 2016); SciPy has the same, but is a large thing to need for this alone.

    Args:
        gain: (n, m), 0 where a row and a column may not be a pair, else more.

    Returns:
        Pairs of row and column, by row.
    """
    rows, columns = np.flatnonzero(gain.any(axis=1)), np.flatnonzero(gain.any(axis=0))
    small = gain[np.ix_(rows, columns)]
    favourites = small.argmax(axis=1) if small.size else np.zeros(0, np.intp)
    if len(set(favourites.tolist())) == len(rows):  # nobody is in anybody's way, as nearly always
        chosen = list(enumerate(favourites.tolist()))
    elif len(rows) <= len(columns):
        chosen = list(enumerate(_assigned(-small)))
    else:
        chosen = [(row, column) for column, row in enumerate(_assigned(-small.T))]
    return sorted((int(rows[row]), int(columns[column])) for row, column in chosen if small[row, column] > 0)


def _assigned(cost: Matrix) -> list[int]:
    """Return the column of each row so that the costs add up to the least; there are no more rows than columns."""
    rows, columns = cost.shape
    row_price, column_price = np.zeros(rows), np.zeros(columns)
    row_of, column_of = [-1] * columns, [-1] * rows
    for row in range(rows):
        shortest, before = np.full(columns, np.inf), np.full(columns, -1)
        open_, visited = np.ones(columns, bool), []
        here, length = row, 0.0
        while True:
            visited.append(here)
            way = length + cost[here] - row_price[here] - column_price
            better = open_ & (way < shortest)
            shortest[better], before[better] = way[better], here
            column = int(np.where(open_, shortest, np.inf).argmin())
            length, open_[column] = float(shortest[column]), False
            if row_of[column] < 0:
                break
            here = row_of[column]
        row_price[row] += length
        for other in visited[1:]:
            row_price[other] += length - shortest[column_of[other]]
        column_price[~open_] -= length - shortest[~open_]
        here = -1
        while here != row:
            here = int(before[column])
            row_of[column], column_of[here], column = here, column, column_of[here]
    return column_of


def _area(boxes: npt.NDArray[np.float64], grown: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    area: npt.NDArray[np.float64] = (boxes[..., 2] - boxes[..., 0] + grown) * (boxes[..., 3] - boxes[..., 1] + grown)
    return area
