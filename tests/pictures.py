"""Pictures that the tests store."""

from __future__ import annotations

import numpy as np

from genesis.cache import Frame


def noise(seed: int = 0, width: int = 40, height: int = 30) -> Frame:
    """Return a picture of noise, the same one for the same seed."""
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
