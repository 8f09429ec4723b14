"""Who looks like a face: the nearest identities in the gallery.

A small gallery is searched exactly; a large one through its HNSW index, which now and then misses one. How large it is is known
for known and unknown people apart: a few enrolled ones are always found exactly, however many strangers were seen.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from psycopg2 import sql

from genesis.storage.faces import MOST_INDEXED, ModelGallery, check_dimension, model_gallery
from genesis.storage.identities import Kind
from genesis.storage.vectors import literal
from genesis.telemetry.catalogue import SEARCH_SECONDS
from genesis.telemetry.instruments import observe

Cursor = Any  # psycopg2's, which carries no types

EF_SEARCH = 100  # candidates that the index keeps in sight
CANDIDATES = 50  # embeddings fetched at first: several may be one person's
MOST_CANDIDATES = 20_000  # as many as pgvector's iterative scan visits

_IDENTITY = (
    "i.id::text, i.name, i.label, i.kind, near.distance, i.erasing IS NOT NULL FROM near JOIN identities i ON i.id = near.identity_id"
)
_EXACT = """
    WITH near AS MATERIALIZED (
        SELECT identity_id, min(embedding <=> {vector}::vector) AS distance FROM face_embeddings
        WHERE model = {model} AND kind = ANY({kinds}) GROUP BY identity_id ORDER BY distance LIMIT {limit}
    ) SELECT """
_INDEXED = """
    WITH near AS MATERIALIZED (
        SELECT identity_id, embedding::vector({dimension}) <=> {vector}::vector({dimension}) AS distance FROM face_embeddings
        WHERE model = {model} AND {filter} ORDER BY embedding::vector({dimension}) <=> {vector}::vector({dimension}) LIMIT {limit}
    ) SELECT """
# Sorting all of them instead would give the same, and take a second.
_FOR_INDEX = f"""
    SELECT set_config('hnsw.ef_search', '{EF_SEARCH}', true), set_config('hnsw.iterative_scan', 'relaxed_order', true),
        set_config('enable_sort', 'off', true)
"""
_NEAREST_OF = "SELECT min(embedding <=> %s::vector) FROM face_embeddings WHERE identity_id = %s AND model = %s"


@dataclass(frozen=True, slots=True)
class Match:
    """An identity, and the cosine distance of its nearest embedding: 0 (the same direction) to 2. `name` is None for unknown people."""

    identity_id: str
    name: str | None
    label: str
    kind: Kind
    distance: float
    erasing: bool


def search(
    cursor: Cursor,
    model: str,
    embedding: npt.NDArray[np.float32],
    *,
    exact_below: int,
    limit: int = 5,
    kinds: Sequence[Kind] = ("known",),
) -> list[Match]:
    """Return the nearest identities, each once, the nearest first.

    Args:
        cursor: of a transaction; settings of it are changed until it ends.
        model: that made the embedding.
        embedding: (dimension,) float32.
        exact_below: galleries with fewer embeddings of these kinds are searched exactly.
        limit: most identities.
        kinds: of identities to search among.

    Raises:
        EmbeddingError: the model's embeddings have another length, or this one has no direction.
    """
    vector = literal(embedding)
    gallery = model_gallery(cursor, model)
    if gallery is None:
        return []
    check_dimension(gallery, embedding.size)
    started = time.monotonic()
    found = (_exact if searched_exactly(gallery, kinds, exact_below) else _indexed)(cursor, gallery, vector, limit, kinds)
    observe(SEARCH_SECONDS, time.monotonic() - started)
    return found


def searched_exactly(gallery: ModelGallery, kinds: Sequence[Kind], exact_below: int) -> bool:
    """Tell how a gallery is searched."""
    count = sum(getattr(gallery, kind) for kind in set(kinds))
    return count < exact_below or gallery.dimension > MOST_INDEXED


def nearest_of(cursor: Cursor, identity_id: str, model: str, embedding: npt.NDArray[np.float32]) -> float | None:
    """Return the cosine distance of an identity's nearest embedding of a model; None if it has none."""
    cursor.execute(_NEAREST_OF, (literal(embedding), identity_id, model))
    found = cursor.fetchone()[0]
    return None if found is None else float(found)


def _exact(cursor: Cursor, gallery: ModelGallery, vector: str, limit: int, kinds: Sequence[Kind]) -> list[Match]:
    # Without the cast to a length the expression is not the index's, which therefore can't be used.
    query = sql.SQL(_EXACT).format(
        vector=sql.Literal(vector), model=sql.Literal(gallery.model), kinds=sql.Literal(list(kinds)), limit=sql.Literal(limit)
    )
    cursor.execute(query + sql.SQL(_IDENTITY))
    return _nearest_first(cursor.fetchall(), limit)


def _indexed(cursor: Cursor, gallery: ModelGallery, vector: str, limit: int, kinds: Sequence[Kind]) -> list[Match]:
    cursor.execute(_FOR_INDEX)
    candidates = max(CANDIDATES, limit)
    while True:
        query = sql.SQL(_INDEXED).format(
            vector=sql.Literal(vector),
            dimension=sql.Literal(gallery.dimension),
            model=sql.Literal(gallery.model),
            filter=sql.SQL("TRUE") if len(set(kinds)) > 1 else sql.SQL("kind = {}").format(sql.Literal(kinds[0])),
            limit=sql.Literal(candidates),
        )
        cursor.execute(query + sql.SQL(_IDENTITY))
        rows = cursor.fetchall()
        matches = _nearest_first(rows, limit)
        if len(matches) == limit or len(rows) < candidates or candidates >= MOST_CANDIDATES:
            return matches
        candidates *= 4


def _nearest_first(rows: Iterable[tuple[Any, ...]], limit: int) -> list[Match]:
    nearest: dict[str, Match] = {}
    for match in sorted((Match(*row) for row in rows), key=lambda match: match.distance):
        nearest.setdefault(match.identity_id, match)
    return list(nearest.values())[:limit]
