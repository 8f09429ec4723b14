"""How well persons are followed: `python -m benchmarks.tracking FOLDER_OR_VIDEO [--truth FILE]`.

Detects with the detector of an installation, follows with our tracker and its peers, and compares with the truth. Only what a
tracker has told by the time of a frame counts: nothing is smoothed or filled in afterwards. Footage and truth may also be named in
`BENCH_FOOTAGE` and `BENCH_TRUTH`.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, replace
from itertools import islice
from pathlib import Path
from typing import Any, get_args

import click
import numpy as np

from benchmarks.reports import Options, Report, Table, middle, options
from benchmarks.tracking.contestants import Run, ours, peers
from benchmarks.tracking.footage import Footage, count, open_footage, read_detections, write_detections
from benchmarks.tracking.score import SAME, Score, score
from genesis.cache.codec import Codec, decode, encode
from genesis.errors import GenesisError, UsageError
from genesis.settings import Detection, Tracking
from genesis.vision.tracking import Rules
from genesis.vision.types import Detections

CODECS = get_args(Codec)


QUICK_FRAMES = 200


@click.command()
@click.argument("path", metavar="FOLDER_OR_VIDEO", type=click.Path(path_type=Path), envvar="BENCH_FOOTAGE", required=False)
@click.option("--truth", type=click.Path(path_type=Path), envvar="BENCH_TRUTH", help="Truth file; a folder has its own in gt/gt.txt.")
@click.option("--detections", type=click.Path(path_type=Path), help="Follow these (a MOTChallenge det.txt) instead of detecting.")
@click.option("--keep", type=click.Path(path_type=Path), help="Write the detections to this file, for --detections of another run.")
@click.option("--weights", default="yolo11n.pt", show_default=True, envvar="BENCH_WEIGHTS", help="The detector's weights.")
@click.option("--codec", default="i420", show_default=True, type=click.Choice(CODECS), help="Store each frame in this form before looking.")
@click.option("--data-dir", type=click.Path(path_type=Path), default=Path("data"), show_default=True, help="Where fetched weights are.")
@click.option("--offline", is_flag=True, help="Fetch no weights.")
@click.option("--fps", type=click.FloatRange(min=0, min_open=True), help="Frames a second, where the footage says nothing or is wrong.")
@click.option("--max-frames", type=click.IntRange(min=1), help=f"Look at no more than the first so many.  [quick: {QUICK_FRAMES}]")
@click.option("--confirm-hits", type=click.IntRange(1, 30), help="As tracking.confirm_hits in the settings.")
@click.option("--confirm-score", type=click.FloatRange(0, 1), help="As tracking.confirm_score in the settings.")
@click.option("--peers/--no-peers", "with_peers", default=True, show_default=True, help="Compare with SORT and ByteTrack of `trackers`.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, and write no report.")
@options(rounds=3)
def main(  # noqa: PLR0913 - an argument for each option
    *,
    path: Path | None,
    truth: Path | None,
    detections: Path | None,
    keep: Path | None,
    weights: str,
    codec: Codec,
    data_dir: Path,
    offline: bool,
    fps: float | None,
    max_frames: int | None,
    confirm_hits: int | None,
    confirm_score: float | None,
    with_peers: bool,
    as_json: bool,
    asked: Options,
) -> None:
    """Measure following on footage whose truth is known: a MOTChallenge folder, or a video with a truth file."""
    max_frames = max_frames or (QUICK_FRAMES if asked.quick else None)
    try:
        if path is None:
            msg = "name footage whose truth is known: a MOTChallenge folder, or a video and --truth (or set BENCH_FOOTAGE, BENCH_TRUTH)"
            raise UsageError(msg)
        footage = open_footage(path, truth, fps)
        if detections:
            found = read_detections(detections, count(footage, max_frames))
        else:
            found = detect(footage, Detection(weights=weights, offline=offline), codec, data_dir, max_frames)
        if keep:
            write_detections(keep, found)
        given = {"confirm_hits": confirm_hits, "confirm_score": confirm_score}
        rules = Rules.of(Tracking.model_validate({name: value for name, value in given.items() if value is not None}))
        rounds = [
            [ours(found, footage.fps, footage.size, rules), *(peers(found, footage.fps) if with_peers else [])] for _ in range(asked.rounds)
        ]
        runs = [replace(some[0], ms=middle(run.ms for run in some)) for some in zip(*rounds, strict=True)]
        rows = [(run, score(footage.truth, run.told, footage.ignored)) for run in runs]
    except GenesisError as error:
        click.echo(f"benchmarks.tracking: {error}", err=True)
        sys.exit(2 if isinstance(error, UsageError) else 1)
    if as_json:
        click.echo(json.dumps([_plain(run, figures) for run, figures in rows], indent=2))
        return
    persons = sum(len(footage.truth[frame].numbers) for frame in footage.truth if frame < len(found))
    looks = sum(map(len, found))
    about = f"{len(found)} frames at {footage.fps:g} fps, {persons} true boxes, {looks} detections; same from IoU {SAME:g}"
    report = Report("tracking", "Tracking: who keeps their number, and at what cost", asked)
    report.table(table(f"{path.name}: {about}", rows))
    if with_peers and len(rows) == 1:
        report.say("Peers were left out: the package trackers is not installed (pip install trackers).")
    report.plot(lambda axes: draw(axes, rows))
    report.figures |= {"footage": about, "trackers": [_plain(run, figures) for run, figures in rows], "headline": headline(rows)}
    report.say(str(report.figures["headline"]))
    report.write()


def detect(footage: Footage, settings: Detection, codec: Codec, data_dir: Path, most: int | None) -> list[Detections]:
    """Look at every frame as a worker would see it, and tell what it would tell."""
    from genesis.vision.detectors import load_detector  # noqa: PLC0415 - --help stays quick

    detector, told = load_detector(settings, data_dir=data_dir), []
    with click.progressbar(islice(footage.frames(), most), label=f"{detector.name}", file=sys.stderr) as frames:
        for frame in frames:
            (found,) = detector.detect([decode(encode(frame, codec))])
            # The digits that events have.
            told.append(Detections(np.round(found.boxes, 1), np.round(found.confidences, 4)))
    return told


def table(title: str, rows: list[tuple[Run, Score]]) -> Table:
    """Return the figures for a person."""
    columns = ("tracker", "MOTA", "IDF1", "switches", "FP", "FN", "lost", "ms a frame", "state")
    cells = [
        (
            run.name, f"{figures.mota:.3f}", f"{figures.idf1:.3f}",
            *(str(count) for count in (figures.switches, figures.false_positives, figures.misses, figures.fragmentations)),
            f"{run.ms:.2f}", "-" if run.state is None else f"{run.state:,} B",
        )
        for run, figures in rows
    ]  # fmt: skip
    return Table(title, columns, cells, "The same detections for all, of frames as they come out of the cache.")


def headline(rows: list[tuple[Run, Score]]) -> str:
    """Return the most telling figures in a sentence."""
    (run, figures), *others = rows
    told = f"Persons are followed with an IDF1 of {figures.idf1:.3f} and {figures.switches} changes of number in {run.ms:.2f} ms a frame"
    best = max(others, key=lambda row: row[1].idf1, default=None)
    return (
        f"{told}."
        if best is None
        else f"{told}; the best peer, {best[0].name}: {best[1].idf1:.3f}, {best[1].switches}, {best[0].ms:.2f} ms."
    )


def draw(axes: Any, rows: list[tuple[Run, Score]]) -> None:
    """Draw what following is worth."""
    places = np.arange(len(rows))
    axes.bar(places - 0.2, [figures.mota for _, figures in rows], 0.4, label="MOTA", color="#3b6ea5")
    axes.bar(places + 0.2, [figures.idf1 for _, figures in rows], 0.4, label="IDF1", color="#e0a458")
    axes.set_xticks(places, [run.name for run, _ in rows])
    axes.set_ylabel("1 is perfect")
    axes.legend(loc="lower right")


def _plain(run: Run, figures: Score) -> dict[str, Any]:
    return {"tracker": run.name, **asdict(figures), "ms": round(run.ms, 3), "state": run.state}


if __name__ == "__main__":
    main(prog_name="python -m benchmarks.tracking")
