"""How quickly and how surely the nearest person is found: `python -m benchmarks.search [--sizes 10k,100k] [--dims 128,512] [--peers]`.

Random embeddings have no neighbours worth the name, and would mislead: here each person has some faces that are near each other,
and all people lie in fewer dimensions than their embeddings have, as faces do. Half of the questions are further faces of people in
the gallery, half are strangers. What is true is counted out with NumPy.
"""

from __future__ import annotations

import contextlib
import io
import shutil
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import click
import numpy as np
import numpy.typing as npt

from genesis.errors import GenesisError
from genesis.settings import Storage
from genesis.storage.database import Database
from genesis.storage.faces import build_index, index_name
from genesis.storage.schema import upgrade
from genesis.storage.search import search
from genesis.storage.server import PostgresServer

FACES = 5  # of each person
LATENT = 48  # dimensions in which people differ
SPREAD = 0.45  # of one person's faces, against the distance of people: cosine distances of about 0.15
QUESTIONS = 200
RUNS = 3
MODEL = "benchmark"
COPIED_AT_ONCE = 20_000
PEER_QUESTIONS = 5  # DeepFace's find takes seconds

Faces = npt.NDArray[np.float32]
Ask = Callable[[Faces], int | None]
"""Asks one question: (dimension,) float32; returns the number of the nearest person."""


@dataclass(frozen=True)
class Crowd:
    """People and questions: faces (n, dimension), persons (n,); questions (q, dimension), truth (q,): the nearest person."""

    faces: Faces
    persons: npt.NDArray[np.int64]
    questions: Faces
    truth: npt.NDArray[np.int64]

    @property
    def dimension(self) -> int:
        """Numbers in one embedding."""
        return int(self.faces.shape[1])

    @classmethod
    def of(cls, size: int, dimension: int, seed: int = 1) -> Crowd:
        """Make a crowd with `size` faces, always the same."""
        random = np.random.default_rng(seed)
        latent = min(LATENT, dimension)
        mix = np.linalg.qr(random.normal(size=(dimension, latent)))[0].T.astype(np.float32)
        people = size // FACES
        centres = random.normal(size=(people, latent)).astype(np.float32)
        persons = np.repeat(np.arange(people), FACES)
        own = np.concatenate([centres[random.integers(0, people, QUESTIONS // 2)], random.normal(size=(QUESTIONS // 2, latent))])
        faces = _normed((centres[persons] + SPREAD * random.normal(size=(len(persons), latent))).astype(np.float32) @ mix)
        questions = _normed((own + SPREAD * random.normal(size=own.shape)).astype(np.float32) @ mix)
        truth = np.concatenate([persons[np.argmax(some @ faces.T, axis=1)] for some in np.array_split(questions, 20)])
        return cls(faces, persons, questions, truth)


@dataclass(frozen=True)
class Row:
    """One line of the table: times in milliseconds, shares of the questions about people in the gallery, and about strangers."""

    who: str
    build_seconds: float | None
    p50: float
    p99: float
    recall: float
    recall_strangers: float


@click.command()
@click.option("--sizes", default="10k,100k", show_default=True, help="Embeddings in the gallery.")
@click.option("--dims", default="128,512", show_default=True, help="Numbers in one embedding.")
@click.option("--dsn", help="A server where a database may be made and dropped; without it one is started.")
@click.option("--peers", is_flag=True, help="DeepFace's own searches, too.")
def main(*, sizes: str, dims: str, dsn: str | None, peers: bool) -> None:
    """Measure the search."""
    click.echo(f"{FACES} faces of each person; {QUESTIONS} questions; medians of {RUNS} runs; one connection")
    try:
        with _server(dsn) as url:
            for size in map(_number, sizes.split(",")):
                for dimension in map(int, dims.split(",")):
                    with _database(url) as place:
                        _show(size, dimension, _measured(place, Crowd.of(size, dimension), peers=peers))
    except GenesisError as error:
        raise click.ClickException(str(error)) from None


def _measured(dsn: str, crowd: Crowd, *, peers: bool) -> list[Row]:
    upgrade(dsn)
    database = Database(Storage(statement_seconds=3600.0), dsn)
    with contextlib.closing(database):
        fill(database, crowd)
        build = _seconds(lambda: _build(database, crowd.dimension))
        rows = [
            row(crowd, "Genesis, exact", None, _asks(database, exact_below=len(crowd.faces) + 1)),
            row(crowd, "Genesis, HNSW", build, _asks(database, exact_below=0)),
        ]
        if peers:
            from benchmarks import search_peers  # noqa: PLC0415 - DeepFace takes seconds to import

            rows += search_peers.rows(dsn, crowd)
        return rows


def fill(database: Database, crowd: Crowd) -> None:
    """Put a crowd into the gallery, without an index."""
    database.run(lambda c: c.execute("INSERT INTO face_models (model, dimension) VALUES (%s, %s)", (MODEL, crowd.dimension)))
    database.run(lambda c: c.execute(f"DROP INDEX IF EXISTS {index_name(MODEL)}"))
    people = int(crowd.persons.max()) + 1
    identity = "INSERT INTO identities (id, kind, name, name_key) SELECT lpad(to_hex(n), 32, '0')::uuid, 'known', n, n"
    database.run(lambda c: c.execute(f"{identity} FROM generate_series(0, %s) n", (people - 1,)))
    columns = "identity_id, kind, model, embedding, source, origin"
    for start in range(0, len(crowd.faces), COPIED_AT_ONCE):
        part = slice(start, start + COPIED_AT_ONCE)
        packed = _packed(crowd.faces[part], crowd.persons[part], start)
        copy = f"COPY face_embeddings ({columns}) FROM STDIN WITH BINARY"
        database.run(lambda c, copy=copy, packed=packed: c.copy_expert(copy, io.BytesIO(packed)))
    database.outside(lambda c: c.execute("VACUUM ANALYZE"))


def _build(database: Database, dimension: int) -> None:
    def build(cursor: Any) -> None:
        cursor.execute("SET maintenance_work_mem = '2GB'")
        build_index(cursor, MODEL, dimension)

    database.outside(build)


def _asks(database: Database, *, exact_below: int) -> Ask:
    def ask(question: Faces) -> int | None:
        found = database.run(lambda c: search(c, MODEL, question, exact_below=exact_below))
        return int(found[0].label) if found else None

    return ask


def row(crowd: Crowd, who: str, build_seconds: float | None, ask: Ask, *, every: int = 1) -> Row:
    """Ask all questions, or every nth, some times over; return the figures."""
    asked = range(0, QUESTIONS, every)
    runs: list[tuple[float, float]] = []
    answers: list[int | None] = []
    ask(crowd.questions[0])
    for _ in range(RUNS):
        times = []
        answers = []
        for number in asked:
            began = time.perf_counter()
            answers.append(ask(crowd.questions[number]))
            times.append((time.perf_counter() - began) * 1000)
        runs.append((float(np.percentile(times, 50)), float(np.percentile(times, 99))))
    right = [answer == crowd.truth[number] for answer, number in zip(answers, asked, strict=True)]
    known = [one for one, number in zip(right, asked, strict=True) if number < QUESTIONS // 2]
    strangers = [one for one, number in zip(right, asked, strict=True) if number >= QUESTIONS // 2]
    return Row(who, build_seconds, median(p50 for p50, _ in runs), median(p99 for _, p99 in runs), _share(known), _share(strangers))


def _show(size: int, dimension: int, rows: Sequence[Row]) -> None:
    print(f"\n{size:,} embeddings of {dimension} numbers")
    print(f"  {'':28}{'build s':>9}{'p50 ms':>10}{'p99 ms':>10}{'recall@1':>10}{'strangers':>11}{'times HNSW':>12}")
    ours = rows[1].p50
    for one in rows:
        build = "" if one.build_seconds is None else f"{one.build_seconds:.1f}"
        shares = f"{one.recall:>10.3f}{one.recall_strangers:>11.3f}"
        print(f"  {one.who:28}{build:>9}{one.p50:>10.2f}{one.p99:>10.2f}{shares}{one.p50 / ours:>12.1f}", flush=True)


def _packed(faces: Faces, persons: npt.NDArray[np.int64], start: int) -> bytes:
    """Return rows as PostgreSQL copies them in, without a loop: every field has the same length in every row."""
    dimension = faces.shape[1]
    fields = (("identity", 16), ("kind", 5), ("model", len(MODEL)), ("embedding", 4 + 4 * dimension), ("source", 5), ("origin", 9))
    parts = [[(f"{name}_length", ">i4"), (name, f"V{length}")] for name, length in fields]
    rows = np.zeros(len(faces), np.dtype([("count", ">i2"), *(part for pair in parts for part in pair)]))
    rows["count"] = len(fields)
    for name, length in fields:
        rows[f"{name}_length"] = length
    identity = np.zeros((len(faces), 2), ">u8")
    identity[:, 1] = persons
    embedding = np.zeros(len(faces), np.dtype([("dimension", ">i2"), ("unused", ">i2"), ("values", ">f4", (dimension,))]))
    embedding["dimension"], embedding["values"] = dimension, faces
    rows["identity"] = identity.view("V16")[:, 0]
    rows["embedding"] = embedding.view(f"V{4 + 4 * dimension}")
    rows["kind"], rows["model"], rows["source"] = (np.void(text.encode()) for text in ("known", MODEL, "photo"))
    origins = np.char.mod("%09d", np.arange(start, start + len(faces))).astype("S9")
    rows["origin"] = origins.view("V9")
    return b"PGCOPY\n\xff\r\n\x00" + bytes(8) + rows.tobytes() + b"\xff\xff"


@contextlib.contextmanager
def _server(dsn: str | None) -> Iterator[str]:
    if dsn:
        yield dsn
        return
    folder = Path(tempfile.mkdtemp(prefix="genesis-benchmark-"))
    try:
        with PostgresServer(folder / "postgres", durable=False) as server:
            yield server.url("postgres")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _database(server: str) -> Iterator[str]:
    import psycopg2  # noqa: PLC0415 - --help stays quick

    name = f"benchmark_{uuid.uuid4().hex}"
    with contextlib.closing(psycopg2.connect(server)) as admin, admin.cursor() as cursor:
        admin.autocommit = True
        cursor.execute(f"CREATE DATABASE {name}")
        try:
            yield psycopg2.extensions.make_dsn(server, dbname=name)
        finally:
            cursor.execute(f"DROP DATABASE {name} WITH (FORCE)")


def _normed(vectors: Faces) -> Faces:
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def _share(right: Sequence[bool]) -> float:
    return sum(right) / len(right) if right else float("nan")


def _seconds(action: Callable[[], object]) -> float:
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


def _number(text: str) -> int:
    units = {"k": 1000, "m": 1_000_000}
    text = text.strip().lower()
    return int(text[:-1]) * units[text[-1]] if text[-1:] in units else int(text)


if __name__ == "__main__":
    main()
