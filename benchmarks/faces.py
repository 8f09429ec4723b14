"""How well faces are told apart: `python -m benchmarks.faces FOLDER`, where FOLDER has a folder of photographs for each person.

FOLDER may also be named in `BENCH_FACES`.

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

from benchmarks.reports import Options, Report, Table, options
from genesis.errors import GenesisError, UsageError
from genesis.settings import Recognition

if TYPE_CHECKING:
    from genesis.vision.faces import FaceEngine


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
@click.argument("folder", type=click.Path(path_type=Path), envvar="BENCH_FACES", required=False)
@click.option("--model", default="Dlib", show_default=True, help="One of DeepFace's models.")
@click.option("--detector", default="auto", show_default=True, help="One of DeepFace's face detectors.")
@click.option("--data-dir", type=click.Path(path_type=Path), default=Path("data"), show_default=True, help="Where weights are.")
@click.option("--offline", is_flag=True, help="Fetch no weights.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, and write no report.")
@options(rounds=3)
def main(*, folder: Path | None, model: str, detector: str, data_dir: Path, offline: bool, as_json: bool, asked: Options) -> None:
    """Measure recognition on a folder of labelled photographs ($BENCH_FACES)."""
    from genesis.vision.faces import load_engine  # noqa: PLC0415 - --help stays quick

    try:
        if folder is None:
            msg = "name a folder with a folder of photographs for each person (or set BENCH_FACES)"
            raise UsageError(msg)
        photos = labelled(folder)
        engine = load_engine(Recognition(engine="deepface", model=model, detector=detector, offline=offline), data_dir=data_dir)
        result = measure(engine, photos, asked.rounds)
    except GenesisError as error:
        click.echo(f"benchmarks.faces: {error}", err=True)
        sys.exit(2 if isinstance(error, UsageError) else 1)
    if as_json:
        click.echo(json.dumps(asdict(result), indent=2))
        return
    report = Report("faces", "Faces: who is told apart, and how quickly", asked)
    report.table(table(result, asked.rounds))
    if result.same:
        report.plot(lambda axes: draw(axes, result))
    report.figures |= {**asdict(result), "headline": headline(result)}
    report.say(str(report.figures["headline"]))
    report.write()


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


def measure(engine: FaceEngine, photos: list[tuple[str, Path]], rounds: int) -> Result:
    """Look at every photograph, as often as there are rounds, then compare each with all others.

    Raises:
        UsageError: there are no faces of two people.
    """
    from genesis.vision.faces.photos import read_photo  # noqa: PLC0415

    people: list[str] = []
    embeddings: list[npt.NDArray[np.float32]] = []
    missed: list[str] = []
    times: list[float] = []
    for person, path in photos:
        picture = read_photo(path)
        for _ in range(rounds):
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


def table(result: Result, rounds: int) -> Table:
    """Return the result for a person."""
    rows = [
        ("people, photographs", f"{result.people}, {result.photos}"),
        ("without a face", f"{len(result.without_face)} {' '.join(result.without_face)}".rstrip()),
        ("right person nearest (rank 1)", f"{result.rank_1:.1%}"),
        (f"accepted at {result.threshold:g}", f"{result.true_accept:.1%}"),
        ("stranger accepted", f"{result.false_accept:.1%}"),
        ("distance, same person", "min {} median {} max {}".format(*result.same) if result.same else "-"),
        ("distance, other person", "min {} median {} max {}".format(*result.different)),
        ("ms for a photograph", f"{result.ms_per_photo:g} (median of {rounds} looks at each)"),
    ]
    return Table(result.engine, ("", "figure"), rows)


def headline(result: Result) -> str:
    """Return the most telling figures in a sentence."""
    return (
        f"{result.rank_1:.0%} of {result.photos} photographs of {result.people} people find their own person first, "
        f"strangers are accepted for {result.false_accept:.0%}; {result.ms_per_photo:.0f} ms a photograph ({result.engine})."
    )


def draw(axes: Any, result: Result) -> None:
    """Draw how far photographs of the same person and of others are from each other, beside the threshold."""
    for place, (name, spread) in enumerate({"other person": result.different, "same person": result.same}.items()):
        least, typical, most = spread
        axes.barh(name, most - least, left=least, height=0.4, color=("#e0a458", "#3b6ea5")[place])
        axes.plot([typical], [name], "k|", markersize=22)
    axes.axvline(result.threshold, color="black", linestyle="--", label=f"threshold {result.threshold:g}")
    axes.set_xlim(left=0)
    axes.set_xlabel("cosine distance: least, median, most")
    axes.legend()


if __name__ == "__main__":
    main(prog_name="python -m benchmarks.faces")
