"""How well faces are told apart: `python -m benchmarks.faces FOLDER`, where FOLDER has a folder of photographs for each person.

Every photograph is looked for among all others (rank 1), and every person is left out of the gallery in turn: nobody else may be
accepted in their place.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import click
import numpy as np
import numpy.typing as npt

from genesis.errors import GenesisError, UsageError
from genesis.settings import Recognition

if TYPE_CHECKING:
    from genesis.vision.faces import FaceEngine

RUNS = 3


@dataclass(frozen=True)
class Result:
    """What came of a folder; shares are of the photographs with a face, distances are cosine distances."""

    engine: str
    threshold: float
    people: int
    photos: int
    without_face: list[str]
    rank_1: float
    true_accept: float
    false_accept: float
    same: list[float]
    different: list[float]
    ms_per_photo: float


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--model", default="Dlib", show_default=True, help="One of DeepFace's models.")
@click.option("--detector", default="auto", show_default=True, help="One of DeepFace's face detectors.")
@click.option("--data-dir", type=click.Path(path_type=Path), default=Path("data"), show_default=True, help="Where weights are.")
@click.option("--offline", is_flag=True, help="Fetch no weights.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def main(*, folder: Path, model: str, detector: str, data_dir: Path, offline: bool, as_json: bool) -> None:
    """Measure recognition on a folder of labelled photographs."""
    from genesis.vision.faces import load_engine  # noqa: PLC0415 - --help stays quick

    try:
        photos = labelled(folder)
        engine = load_engine(Recognition(engine="deepface", model=model, detector=detector, offline=offline), data_dir=data_dir)
        result = measure(engine, photos)
    except GenesisError as error:
        click.echo(f"benchmarks.faces: {error}", err=True)
        sys.exit(2 if isinstance(error, UsageError) else 1)
    click.echo(json.dumps(asdict(result), indent=2) if as_json else table(result))


def labelled(folder: Path) -> list[tuple[str, Path]]:
    """Return the person and path of every photograph.

    Raises:
        UsageError: there are no two people with photographs.
    """
    if not folder.is_dir():
        msg = f"{folder}: no such folder (it needs a folder of photographs for each person)"
        raise UsageError(msg)
    found = [(person.name, photo) for person in sorted(folder.iterdir()) if person.is_dir() for photo in sorted(person.iterdir())]
    found = [(person, photo) for person, photo in found if photo.suffix.lower() in {".jpg", ".jpeg", ".png", ".webp", ".bmp"}]
    if len({person for person, _ in found}) < 2:
        msg = f"{folder}: needs a folder of photographs for each of at least two people"
        raise UsageError(msg)
    return found


def measure(engine: FaceEngine, photos: list[tuple[str, Path]]) -> Result:
    """Look at every photograph, then compare each with all others."""
    from genesis.vision.faces.photos import read_photo  # noqa: PLC0415

    people: list[str] = []
    embeddings: list[npt.NDArray[np.float32]] = []
    missed: list[str] = []
    times: list[float] = []
    for person, path in photos:
        picture = read_photo(path)
        for _ in range(RUNS):
            begun = time.perf_counter()
            (faces,) = engine.find([picture])
            times.append((time.perf_counter() - begun) * 1000)
        if not faces:
            missed.append(str(path))
            continue
        people.append(person)
        embeddings.append(faces[0].embedding)
    if len(set(people)) < 2:
        msg = f"faces of at least two people are needed: {len(missed)} of {len(photos)} photographs show none that is found"
        raise UsageError(msg)
    distances = 1 - np.array(embeddings) @ np.array(embeddings).T
    np.fill_diagonal(distances, np.inf)
    names = np.array(people)
    same = names[:, None] == names[None, :]
    nearest_same = np.where(same, distances, np.inf).min(axis=1)
    nearest_other = np.where(same, np.inf, distances).min(axis=1)
    again = np.isfinite(nearest_same)  # who has another photograph to be found by
    upper = np.triu_indices(len(names), 1)
    return Result(
        engine=engine.name,
        threshold=engine.threshold,
        people=len(set(people)),
        photos=len(photos),
        without_face=missed,
        rank_1=float((nearest_same < nearest_other)[again].mean()),
        true_accept=float((nearest_same <= engine.threshold)[again].mean()),
        false_accept=float((nearest_other <= engine.threshold).mean()),
        same=_spread(distances[upper][same[upper]]),
        different=_spread(distances[upper][~same[upper]]),
        ms_per_photo=round(median(times), 1),
    )


def _spread(values: npt.NDArray[Any]) -> list[float]:
    return [round(float(value), 4) for value in (values.min(), np.median(values), values.max())] if len(values) else []


def table(result: Result) -> str:
    """Return the result as lines."""
    rows = [
        ("engine", result.engine),
        ("people, photographs", f"{result.people}, {result.photos}"),
        ("without a face", f"{len(result.without_face)} {' '.join(result.without_face)}".rstrip()),
        ("right person nearest (rank 1)", f"{result.rank_1:.1%}"),
        (f"accepted at {result.threshold:g}", f"{result.true_accept:.1%}"),
        ("stranger accepted", f"{result.false_accept:.1%}"),
        ("distance, same person", "min {} median {} max {}".format(*result.same) if result.same else "-"),
        ("distance, other person", "min {} median {} max {}".format(*result.different)),
        ("ms for a photograph", f"{result.ms_per_photo:g} (median of {RUNS} looks at each)"),
    ]
    return "\n".join(f"{name:<30} {value}" for name, value in rows)


if __name__ == "__main__":
    main(prog_name="python -m benchmarks.faces")
