"""How quickly and how surely the nearest person is found: `python -m benchmarks.search [--sizes 10k,100k] [--dims 128,512]`.

Random embeddings have no neighbours worth the name, and would mislead: here each person has some faces that are near each other,
and all people lie in fewer dimensions than their embeddings have, as faces do. Half of the questions are further faces of people in
the gallery, half are strangers. What is true is counted out with NumPy.
"""

from __future__ import annotations

import contextlib
import io
import shutil
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

import click
import numpy as np
import numpy.typing as npt

from benchmarks.reports import Options, Report, Table, options, times
from genesis.errors import GenesisError, UsageError
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
MODEL = "benchmark"
COPIED_AT_ONCE = 20_000
PEER_QUESTIONS = 5  # DeepFace's find takes seconds
HNSW = "Genesis, HNSW"

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
class Contestant:
    """Who is asked.

    Attributes:
        who: name.
        build_seconds: that the index took; None: there is none.
        ask: the search.
        every: only each so manieth question, for one that takes seconds.
    """

    who: str
    build_seconds: float | None
    ask: Ask
    every: int = 1


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
@click.option("--sizes", help="Embeddings in the gallery.  [default: 10k,100k; quick: 10k]")
@click.option("--dims", help="Numbers in one embedding.  [default: 128,512; quick: 128]")
@click.option("--dsn", help="A server where a database may be made and dropped; without it one is started.")
@click.option("--peers/--no-peers", default=True, show_default=True, help="DeepFace's own searches, too.")
@options(rounds=3)
def main(*, sizes: str | None, dims: str | None, dsn: str | None, peers: bool, asked: Options) -> None:
    """Measure the search."""
    report = Report("search", "Identity search: how quickly and how surely the nearest person is found", asked)
    found: dict[str, list[Row]] = {}
    try:
        wanted = _numbers("--sizes", sizes or ("10k" if asked.quick else "10k,100k"))
        dimensions = _numbers("--dims", dims or ("128" if asked.quick else "128,512"))
        with _server(dsn) as url:
            for size in wanted:
                for dimension in dimensions:
                    with _database(url) as place:
                        rows, missing = _measured(place, Crowd.of(size, dimension), asked.rounds, peers=peers)
                    name = f"{size:,} embeddings of {dimension} numbers"
                    report.table(table(name, rows))
                    for reason in missing:
                        report.say(f"Left out: {reason}.")
                    found[name] = rows
    except GenesisError as error:
        click.echo(f"benchmarks.search: {error}", err=True)
        sys.exit(2 if isinstance(error, UsageError) else 1)
    report.plot(lambda axes: draw(axes, found))
    report.figures |= {name: [asdict(one) for one in rows] for name, rows in found.items()}
    report.figures["headline"] = headline(found)
    report.say(str(report.figures["headline"]))
    report.write()


def _measured(dsn: str, crowd: Crowd, rounds: int, *, peers: bool) -> tuple[list[Row], list[str]]:
    """Return the rows, and why who is missing is missing."""
    upgrade(dsn)
    database, missing = Database(Storage(statement_seconds=3600.0), dsn), []
    with contextlib.closing(database), contextlib.ExitStack() as stack:
        fill(database, crowd)
        build = _seconds(lambda: _build(database, crowd.dimension))
        contestants = [
            Contestant("Genesis, exact", None, _asks(database, exact_below=len(crowd.faces) + 1)),
            Contestant(HNSW, build, _asks(database, exact_below=0)),
        ]
        if peers:
            from benchmarks import search_peers  # noqa: PLC0415 - DeepFace takes seconds to import

            others, missing = search_peers.contestants(stack, dsn, crowd)
            contestants += others
        return in_turns(crowd, contestants, rounds), missing


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


def in_turns(crowd: Crowd, contestants: Sequence[Contestant], rounds: int) -> list[Row]:
    """Ask everybody their questions, round after round; return the figures, medians of the rounds."""
    taken: dict[str, list[tuple[float, float]]] = {one.who: [] for one in contestants}
    answers: dict[str, dict[int, int | None]] = {}
    for one in contestants:
        one.ask(crowd.questions[0])
    for _ in range(rounds):
        for one in contestants:
            answers[one.who], times_ = _asked(crowd, one)
            taken[one.who].append((float(np.percentile(times_, 50)), float(np.percentile(times_, 99))))
    return [_row(crowd, one, taken[one.who], answers[one.who]) for one in contestants]


def _asked(crowd: Crowd, one: Contestant) -> tuple[dict[int, int | None], list[float]]:
    answers, taken = {}, []
    for number in range(0, QUESTIONS, one.every):
        began = time.perf_counter()
        answers[number] = one.ask(crowd.questions[number])
        taken.append((time.perf_counter() - began) * 1000)
    return answers, taken


def _row(crowd: Crowd, one: Contestant, taken: Sequence[tuple[float, float]], answers: dict[int, int | None]) -> Row:
    right = {number: answer == crowd.truth[number] for number, answer in answers.items()}
    known = [value for number, value in right.items() if number < QUESTIONS // 2]
    strangers = [value for number, value in right.items() if number >= QUESTIONS // 2]
    p50, p99 = (median(some) for some in zip(*taken, strict=True))
    return Row(one.who, one.build_seconds, p50, p99, _share(known), _share(strangers))


def table(title: str, rows: Sequence[Row]) -> Table:
    """Return the rows for a person."""
    ours = next(row.p50 for row in rows if row.who == HNSW)
    cells = [
        (
            one.who, "" if one.build_seconds is None else f"{one.build_seconds:.1f}", f"{one.p50:.2f}", f"{one.p99:.2f}",
            f"{one.recall:.3f}", f"{one.recall_strangers:.3f}", times(one.p50, ours),
        )
        for one in rows
    ]  # fmt: skip
    note = f"{FACES} faces of each person; {QUESTIONS} questions, half of them strangers' faces; one connection."
    return Table(title, ("", "build s", "p50 ms", "p99 ms", "recall@1", "strangers", f"time of {HNSW}"), cells, note)


def headline(found: Mapping[str, Sequence[Row]]) -> str:
    """Return the most telling figures of the largest gallery in a sentence."""
    name, rows = list(found.items())[-1]
    ours = next(row for row in rows if row.who == HNSW)
    told = f"Among {name} the nearest person is found in {ours.p50:.1f} ms (recall of strangers' nearest {ours.recall_strangers:.2f})"
    peers = [f"{row.who} {row.p50:.1f} ms ({row.recall_strangers:.2f})" for row in rows if not row.who.startswith("Genesis")]
    return f"{'; '.join([told, *peers])}."


def draw(axes: Any, found: Mapping[str, Sequence[Row]]) -> None:
    """Draw the medians, a group for each gallery."""
    who = list(dict.fromkeys(row.who for rows in found.values() for row in rows))
    width = 0.8 / len(who)
    for place, name in enumerate(who):
        bars = [(group, row.p50) for group, rows in enumerate(found.values()) for row in rows if row.who == name]
        axes.bar([group + place * width for group, _ in bars], [value for _, value in bars], width, label=name)
    axes.set_xticks([group + 0.4 - width / 2 for group in range(len(found))], [name.replace(" embeddings of ", " x\n") for name in found])
    axes.set_yscale("log")
    axes.set_ylim(bottom=0.1)
    axes.set_ylabel("milliseconds a search, median")
    axes.legend()


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


def _numbers(option: str, text: str) -> list[int]:
    units = {"k": 1000, "m": 1_000_000}
    words = [word.strip().lower() for word in text.split(",")]
    try:
        return [int(word[:-1]) * units[word[-1]] if word[-1:] in units else int(word) for word in words]
    except ValueError:
        msg = f"{option} {text}: expected numbers with commas between them, such as 10k,100k"
        raise UsageError(msg) from None


if __name__ == "__main__":
    main(prog_name="python -m benchmarks.search")
