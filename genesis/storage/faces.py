"""The embeddings in the gallery, and the models that made them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from psycopg2 import sql

from genesis.storage.vectors import EmbeddingError, literal

Cursor = Any  # psycopg2's, which carries no types

MOST_INDEXED = 2000
"""Largest dimension that pgvector's HNSW index takes; longer embeddings (VGG-Face's) are always searched exactly."""
MOST_UNKNOWN = 20
"""Embeddings of one unknown identity, per model: enough to find it again, and no gallery of somebody who never asked for one."""

_MODEL = "SELECT dimension, known, unknown FROM face_models WHERE model = %s"
_NEW_MODEL = "INSERT INTO face_models (model, dimension) VALUES (%s, %s) ON CONFLICT (model) DO NOTHING RETURNING model"
_INDEX = """
    CREATE INDEX {how} {name} ON face_embeddings
    USING hnsw ((embedding::vector({dimension})) vector_cosine_ops) WHERE model = {model}
"""
# Else there would be copies of embeddings in the statistics.
_NO_STATISTICS = "ALTER INDEX {name} ALTER COLUMN 1 SET STATISTICS 0"
# One that is not valid was being built when its session ended.
_INDEXED = (
    "SELECT c.relname, i.indisvalid FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE i.indrelid = 'face_embeddings'::regclass"
)
_ADD = """
    INSERT INTO face_embeddings (identity_id, kind, model, embedding, source, origin, crop, size, sharpness, frontal)
    VALUES (%s, %s, %s, %s::vector, %s, %s, %s, %s, %s, %s) ON CONFLICT (identity_id, model, origin) DO NOTHING
"""
_SURPLUS = """
    DELETE FROM face_embeddings WHERE id IN (
        SELECT id FROM face_embeddings WHERE identity_id = %s AND model = %s ORDER BY size * sharpness DESC, id LIMIT NULL OFFSET %s
    )
"""
_STORED = """
    SELECT model, source, origin, crop, size, sharpness, frontal, created FROM face_embeddings WHERE identity_id = %s ORDER BY source, id
"""


@dataclass(frozen=True, slots=True, eq=False)
class NewFace:
    """A face for the gallery.

    Attributes:
        embedding: (dimension,) float32.
        source: where it comes from.
        sha256: of the photo's file; or the id of the sighting's event.
        crop: SHA-256 of the stored picture of the face; empty if none is stored.
        size: shorter side of the face in pixels.
        sharpness: variance of the Laplacian.
        frontal: 0 (profile) to 1.
    """

    embedding: npt.NDArray[np.float32]
    source: Literal["photo", "sighting"]
    sha256: str
    crop: str = ""
    size: float = 0.0
    sharpness: float = 0.0
    frontal: float = 0.0


@dataclass(frozen=True, slots=True)
class StoredFace:
    """A face in the gallery, without its embedding; `origin` is the SHA-256 of the photo, or the id of the sighting's event."""

    model: str
    source: str
    origin: str
    crop: str
    size: float
    sharpness: float
    frontal: float
    created: Any


@dataclass(frozen=True, slots=True)
class ModelGallery:
    """What the gallery holds of one model: its dimension, and how many embeddings of known and of unknown people."""

    model: str
    dimension: int
    known: int
    unknown: int


def model_gallery(cursor: Cursor, model: str) -> ModelGallery | None:
    """Return what the gallery holds of a model; None: it was never used. Costs the same however much that is."""
    cursor.execute(_MODEL, (model,))
    row = cursor.fetchone()
    return ModelGallery(model, *row) if row else None


def register_model(cursor: Cursor, model: str, dimension: int) -> None:
    """See that a model is known with its dimension, and has its index.

    Raises:
        EmbeddingError: it is known with another dimension.
    """
    found = model_gallery(cursor, model)
    if found is None:
        cursor.execute(_NEW_MODEL, (model, dimension))
        if cursor.fetchone() is not None:
            build_index(cursor, model, dimension)
            return
        found = model_gallery(cursor, model)  # another was quicker
    if found is not None:
        check_dimension(found, dimension)


def check_dimension(gallery: ModelGallery, dimension: int) -> None:
    """Refuse an embedding that is not as long as its model's.

    Raises:
        EmbeddingError: it is not.
    """
    if gallery.dimension != dimension:
        msg = (
            f"model {gallery.model!r}: an embedding of {dimension} numbers, and those in the gallery have {gallery.dimension}: "
            f"another model must have another name"
        )
        raise EmbeddingError(msg)


def build_index(cursor: Cursor, model: str, dimension: int, *, how: str = "") -> None:
    """Make the HNSW index of a model, unless its embeddings are too long for one.

    Args:
        cursor: outside of a transaction if the index is built concurrently.
        model: whose.
        dimension: of its embeddings.
        how: `CONCURRENTLY` lets others write meanwhile, and takes longer.
    """
    if dimension > MOST_INDEXED:
        return
    name = sql.Identifier(index_name(model))
    cursor.execute(sql.SQL(_INDEX).format(how=sql.SQL(how), name=name, dimension=sql.Literal(dimension), model=sql.Literal(model)))
    cursor.execute(sql.SQL(_NO_STATISTICS).format(name=name))


def drop_indexes(cursor: Cursor) -> None:
    """Remove the HNSW indexes of all models."""
    cursor.execute("SELECT model FROM face_models")
    for (model,) in cursor.fetchall():
        cursor.execute(sql.SQL("DROP INDEX IF EXISTS {}").format(sql.Identifier(index_name(model))))


def mend_indexes(cursor: Cursor) -> int:
    """Build the HNSW indexes that are missing, or were never finished, while others work on; return how many those are.

    Args:
        cursor: outside of a transaction.
    """
    cursor.execute(_INDEXED)
    valid = dict(cursor.fetchall())
    cursor.execute("SELECT model, dimension FROM face_models WHERE dimension <= %s", (MOST_INDEXED,))
    wanted = [(model, dimension) for model, dimension in cursor.fetchall() if not valid.get(index_name(model))]
    for model, dimension in wanted:
        cursor.execute(sql.SQL("DROP INDEX IF EXISTS {}").format(sql.Identifier(index_name(model))))
        build_index(cursor, model, dimension, how="CONCURRENTLY")
    return len(wanted)


def index_name(model: str) -> str:
    """Return the name of a model's index; a model's own name may be anything."""
    return f"face_embeddings_hnsw_{hashlib.sha256(model.encode()).hexdigest()[:16]}"


def add_faces(cursor: Cursor, identity_id: str, kind: str, model: str, faces: Sequence[NewFace]) -> int:
    """Put faces into the gallery; return how many are new there. The model is registered, and the identity locked, by the caller."""
    added = 0
    for face in faces:
        values = (face.source, face.sha256, face.crop, float(face.size), float(face.sharpness), float(face.frontal))
        cursor.execute(_ADD, (identity_id, kind, model, literal(face.embedding), *values))
        added += cursor.rowcount
    return added


def drop_surplus(cursor: Cursor, identity_id: str, model: str) -> None:
    """Keep the best embeddings of an unknown identity."""
    cursor.execute(_SURPLUS, (identity_id, model, MOST_UNKNOWN))


def stored_faces(cursor: Cursor, identity_id: str) -> list[StoredFace]:
    """Return the faces of an identity, photos first, the oldest first."""
    cursor.execute(_STORED, (identity_id,))
    return [StoredFace(*row) for row in cursor.fetchall()]
