"""Embeddings as text and bytes, and those that can't be compared."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genesis.storage.vectors import EmbeddingError, literal, parse, unpacked

FLOATS = st.floats(width=32, allow_nan=False, allow_infinity=False)


@given(st.lists(FLOATS, min_size=1, max_size=20).filter(any))
def test_an_embedding_comes_back_bit_for_bit(values):
    embedding = np.array(values, np.float32)

    assert (parse(literal(embedding)) == embedding).all()
    assert (unpacked(embedding.astype("<f4").tobytes()) == embedding).all()


@pytest.mark.parametrize(
    "embedding",
    [np.zeros(4), np.array([1, np.nan]), np.array([1, np.inf]), np.zeros(0), np.ones((2, 2)), np.ones(16_001)],
    ids=["zero", "nan", "infinite", "empty", "two rows", "too long"],
)
def test_what_has_no_direction_is_refused(embedding):
    with pytest.raises(EmbeddingError):
        literal(embedding)


@pytest.mark.parametrize("packed", [b"", b"abc", b"12345"])
def test_bytes_that_are_no_float32_are_refused(packed):
    with pytest.raises(EmbeddingError, match=f"{len(packed)} bytes"):
        unpacked(packed)
