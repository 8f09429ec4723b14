"""Quantiles of durations from a small histogram, right to 2 % of the value, however many there were.

The buckets grow by a constant factor, as in DDSketch (Masson, Rim and Lee, "DDSketch: a fast and fully-mergeable quantile
sketch with relative-error guarantees", VLDB 2019), so that the answer never depends on luck or on the order of the values.
"""

from __future__ import annotations

from math import ceil, log

Histogram = tuple[tuple[int, int], ...]
"""Number of each bucket, from the smallest, and how many values are in it."""

ERROR = 0.02
"""Share by which a quantile may be wrong."""
LEAST_SECONDS = 0.001
"""Shorter durations are taken for this: nobody asks for less, and clocks of two machines differ by more."""
MOST_SECONDS = 100_000.0
"""Longer ones are taken for this, so that there are no more than 500 buckets."""

_GROWTH = (1 + ERROR) / (1 - ERROR)


def added(histogram: Histogram, seconds: float) -> Histogram:
    """Return the histogram with one more value."""
    inside = min(max(seconds, LEAST_SECONDS), MOST_SECONDS)
    bucket = ceil(log(inside / LEAST_SECONDS) / log(_GROWTH))
    counts = dict(histogram)
    counts[bucket] = counts.get(bucket, 0) + 1
    return tuple(sorted(counts.items()))


def quantile(histogram: Histogram, share: float) -> float | None:
    """Return a quantile in seconds, to a tenth of a millisecond; None when there are no values.

    Args:
        histogram: of the values.
        share: 0.5 is the median.
    """
    rank = max(1, ceil(share * sum(count for _, count in histogram)))
    seen = 0
    for bucket, count in histogram:
        seen += count
        if seen >= rank:
            # The middle of the bucket, as far from its one end as from the other in shares of the value.
            return round(LEAST_SECONDS * 2 * _GROWTH**bucket / (_GROWTH + 1), 4)
    return None
