"""DeepFace's own searches, fed with the same embeddings: `find` with its file of representations, and `search` in pgvector.

Both look at a picture first; here that costs nothing, since the network is replaced by one that knows the answer.
"""

from __future__ import annotations

import contextlib
import importlib.util
import logging
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from unittest import mock

import numpy as np

if TYPE_CHECKING:
    from benchmarks.search import Contestant, Crowd, Faces

LARGEST_FOR_FIND = 10_000  # it reads its whole file for each question
NAME = "Dlib"  # of a model that DeepFace knows; only its thresholds are used
PICTURE = np.zeros((64, 64, 3), np.uint8)

_FILL = """
    INSERT INTO embeddings_dlib_skip_aligned_norm
        (img_name, face, face_shape, model_name, detector_backend, aligned, l2_normalized, embedding, face_hash, embedding_hash)
    SELECT ltrim(replace(identity_id::text, '-', ''), '0'), ''::bytea, '{1,1,3}', 'Dlib', 'skip', true, true, embedding, origin, origin
    FROM face_embeddings
"""
_INDEX = "embeddings_dlib_skip_aligned_norm_cosine_idx"


def contestants(stack: contextlib.ExitStack, dsn: str, crowd: Crowd) -> tuple[list[Contestant], list[str]]:
    """Return who can be asked as long as the stack is open, and why others can't."""
    os.environ["DEEPFACE_LOG_LEVEL"] = str(logging.ERROR)  # read when it is imported
    found, missing = [], []
    for reason, make in (
        (_why_no_find(crowd), lambda: _find(stack, crowd)),
        (_why_no_search(), lambda: _search(stack, dsn, crowd)),
    ):
        if reason:
            missing.append(reason)
        else:
            found.append(make())
    return found, missing


def _why_no_find(crowd: Crowd) -> str | None:
    if len(crowd.faces) > LARGEST_FOR_FIND:
        return f"DeepFace.find: it reads its file of all embeddings anew for each question; measured up to {LARGEST_FOR_FIND:,}"
    return None if importlib.util.find_spec("deepface") else "DeepFace.find: deepface is not installed"


def _why_no_search() -> str | None:
    if importlib.util.find_spec("psycopg") is None:
        return (
            "DeepFace.search with pgvector: psycopg 3 is not installed (pip install --target /tmp/x 'psycopg[binary]'; PYTHONPATH=/tmp/x)"
        )
    return None if importlib.util.find_spec("deepface") else "DeepFace.search: deepface is not installed"


def _find(stack: contextlib.ExitStack, crowd: Crowd) -> Contestant:
    from deepface.modules import modeling, recognition, representation  # noqa: PLC0415
    from deepface.modules.filestore import build_file_store  # noqa: PLC0415

    from benchmarks.search import PEER_QUESTIONS, QUESTIONS, Contestant  # noqa: PLC0415

    folder = stack.enter_context(tempfile.TemporaryDirectory())
    store = build_file_store(folder)
    path = store.join("ds_model_dlib_detector_skip_aligned_normalization_base_expand_0.npz")
    faces = [
        {
            "identity": f"{folder}/{person}.jpg", "hash": "", "embedding": embedding.tolist(),
            "target_x": 0, "target_y": 0, "target_w": 1, "target_h": 1,
        }
        for person, embedding in zip(crowd.persons, crowd.faces, strict=True)
    ]  # fmt: skip
    began = time.perf_counter()
    vars(recognition)["__save_representations"](store=store, datastore_path=path, datastore_format="npz", representations=faces)
    build = time.perf_counter() - began

    def ask(question: Faces) -> int | None:
        answer = [{"embedding": question.tolist(), "facial_area": {"x": 0, "y": 0, "w": 1, "h": 1}}]
        with (
            mock.patch.object(representation, "represent", return_value=answer),
            mock.patch.object(modeling, "build_model", return_value=SimpleNamespace(output_shape=crowd.dimension)),
        ):
            found = recognition.find(
                PICTURE, folder, model_name=NAME, detector_backend="skip", enforce_detection=False, refresh_database=False,
                silent=True, similarity_search=True, k=5, return_type="dict",
            )  # fmt: skip
        return int(Path(found[0][0]["identity"]).stem) if found and found[0] else None

    return Contestant("DeepFace.find", build, ask, every=QUESTIONS // (2 * PEER_QUESTIONS))


def _search(stack: contextlib.ExitStack, dsn: str, crowd: Crowd) -> Contestant:
    import psycopg  # noqa: PLC0415 - not among our packages
    from deepface.modules import datastore  # noqa: PLC0415
    from deepface.modules.database import pgvector  # noqa: PLC0415

    from benchmarks.search import Contestant  # noqa: PLC0415

    connection = stack.enter_context(psycopg.connect(dsn))
    stack.enter_context(mock.patch.object(pgvector, "build_model", return_value=SimpleNamespace(output_shape=crowd.dimension)))
    stack.enter_context(_fresh(pgvector))
    client = pgvector.PGVectorClient(connection=connection)
    client.initialize_database(model_name=NAME, detector_backend="skip", aligned=True, l2_normalized=True)
    connection.execute(f"DROP INDEX {_INDEX}")
    connection.execute(_FILL)
    connection.commit()
    connection.execute("SET maintenance_work_mem = '2GB'")
    began = time.perf_counter()
    connection.execute(
        f"CREATE INDEX {_INDEX} ON embeddings_dlib_skip_aligned_norm USING hnsw (embedding vector_cosine_ops)"  # as DeepFace has it
    )
    connection.commit()
    build = time.perf_counter() - began

    def ask(question: Faces) -> int | None:
        answer = [{"embedding": question.tolist(), "facial_area": {"x": 0, "y": 0, "w": 1, "h": 1}}]
        with mock.patch.object(datastore, "represent", return_value=answer):
            found = datastore.search(
                PICTURE, model_name=NAME, detector_backend="skip", enforce_detection=False, l2_normalize=True, search_method="ann",
                similarity_search=True, k=5, database_type="pgvector", connection=connection, return_type="dict",
            )  # fmt: skip
        connection.commit()
        return int(found[0][0]["img_name"] or "0", 16) if found and found[0] else None

    return Contestant("DeepFace.search, pgvector", build, ask)


@contextlib.contextmanager
def _fresh(pgvector: Any) -> Iterator[None]:
    """Let DeepFace forget which tables it has seen: each size has a database of its own."""
    with mock.patch.dict(pgvector._SCHEMA_CHECKED, clear=True):  # noqa: SLF001 - there is no other way
        yield
