"""Embeddings on their way to PostgreSQL and back."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from genesis.errors import PermanentError

Embedding = npt.NDArray[np.float32]

MAX_DIMENSION = 16_000  # of pgvector's type


class EmbeddingError(PermanentError):
    """An embedding can't be compared: empty, not finite, or not of its model's dimension. Look at what made it, then replay."""


def literal(embedding: npt.NDArray[Any]) -> str:
    """Return an embedding as pgvector reads it.

    Args:
        embedding: (dimension,) numbers.

    Raises:
        EmbeddingError: it has no direction: NaN, infinite, all zero; or is not one row of numbers.
    """
    values = np.asarray(embedding, np.float32)
    if values.ndim != 1 or not 0 < values.size <= MAX_DIMENSION:
        msg = f"an embedding of shape {values.shape}: expected one row of 1 to {MAX_DIMENSION} numbers"
        raise EmbeddingError(msg)
    if not np.isfinite(values).all() or not values.any():
        msg = "an embedding with NaN, infinite or only zero values can't be compared"
        raise EmbeddingError(msg)
    return "[" + ",".join(["%.9g"] * values.size) % tuple(values.tolist()) + "]"


def parse(text: str) -> Embedding:
    """Return what pgvector wrote; (dimension,) float32."""
    return np.array(text[1:-1].split(","), np.float32)


def unpacked(packed: bytes) -> Embedding:
    """Return the embedding of an event, little-endian float32; (dimension,) float32.

    Raises:
        EmbeddingError: its length is no multiple of four bytes.
    """
    if not packed or len(packed) % 4:
        msg = f"an embedding of {len(packed)} bytes: expected 4 for each number"
        raise EmbeddingError(msg)
    return np.frombuffer(packed, "<f4").astype(np.float32)
