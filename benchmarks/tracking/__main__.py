"""How well persons are followed: `python -m benchmarks.tracking FOLDER_OR_VIDEO [--truth FILE]`.

Detects with the detector of an installation, follows with our tracker and its peers, and compares with the truth. Only what a
tracker has told by the time of a frame counts: nothing is smoothed or filled in afterwards.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Any, get_args

import click
import numpy as np

from benchmarks.tracking.contestants import Run, ours, peers
from benchmarks.tracking.footage import Footage, count, open_footage, read_detections, write_detections
from benchmarks.tracking.score import SAME, Score, score
from genesis.cache.codec import Codec, decode, encode
from genesis.errors import GenesisError, UsageError
from genesis.settings import Detection, Tracking
from genesis.vision.tracking import Rules
from genesis.vision.types import Detections

CODECS = get_args(Codec)


@click.command()
@click.argument("path", metavar="FOLDER_OR_VIDEO", type=click.Path(path_type=Path))
@click.option("--truth", type=click.Path(path_type=Path), help="Truth file; a folder has its own in gt/gt.txt.")
@click.option("--detections", type=click.Path(path_type=Path), help="Follow these (a MOTChallenge det.txt) instead of detecting.")
@click.option("--keep", type=click.Path(path_type=Path), help="Write the detections to this file, for --detections of another run.")
@click.option("--weights", default="yolo11n.pt", show_default=True, help="The detector's weights.")
@click.option("--codec", default="i420", show_default=True, type=click.Choice(CODECS), help="Store each frame in this form before looking.")
@click.option("--data-dir", type=click.Path(path_type=Path), default=Path("data"), show_default=True, help="Where fetched weights are.")
@click.option("--offline", is_flag=True, help="Fetch no weights.")
@click.option("--fps", type=click.FloatRange(min=0, min_open=True), help="Frames a second, where the footage says nothing or is wrong.")
@click.option("--max-frames", type=click.IntRange(min=1), help="Look at no more than the first so many.")
@click.option("--confirm-hits", type=click.IntRange(1, 30), help="As tracking.confirm_hits in the settings.")
@click.option("--confirm-score", type=click.FloatRange(0, 1), help="As tracking.confirm_score in the settings.")
@click.option("--peers/--no-peers", "with_peers", default=True, show_default=True, help="Compare with SORT and ByteTrack of `trackers`.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def main(  # noqa: PLR0913 - an argument for each option
    *,
    path: Path,
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
) -> None:
    """Measure following on footage whose truth is known: a MOTChallenge folder, or a video with a truth file."""
    try:
        footage = open_footage(path, truth, fps)
        if detections:
            found = read_detections(detections, count(footage, max_frames))
        else:
            found = detect(footage, Detection(weights=weights, offline=offline), codec, data_dir, max_frames)
        if keep:
            write_detections(keep, found)
        given = {"confirm_hits": confirm_hits, "confirm_score": confirm_score}
        rules = Rules.of(Tracking.model_validate({name: value for name, value in given.items() if value is not None}))
        runs = [ours(found, footage.fps, footage.size, rules), *(peers(found, footage.fps) if with_peers else [])]
        rows = [(run, score(footage.truth, run.told, footage.ignored)) for run in runs]
    except GenesisError as error:
        click.echo(f"benchmarks.tracking: {error}", err=True)
        sys.exit(2 if isinstance(error, UsageError) else 1)
    if as_json:
        click.echo(json.dumps([_plain(run, figures) for run, figures in rows], indent=2))
        return
    persons = sum(len(footage.truth[frame].numbers) for frame in footage.truth if frame < len(found))
    looks = sum(map(len, found))
    click.echo(f"{path}: {len(found)} frames at {footage.fps:g} fps, {persons} true boxes, {looks} detections; same from IoU {SAME:g}")
    click.echo(table(rows))
    if with_peers and len(rows) == 1:
        click.echo("peers left out: the package trackers is not installed (pip install trackers)")


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


def table(rows: list[tuple[Run, Score]]) -> str:
    """Return the figures as lines."""
    lines = [f"{'tracker':<20} {'MOTA':>6} {'IDF1':>6} {'switches':>8} {'FP':>6} {'FN':>6} {'lost':>5} {'ms/frame':>8} {'state':>9}"]
    for run, figures in rows:
        state = "-" if run.state is None else f"{run.state:,} B"
        counts = f"{figures.switches:>8} {figures.false_positives:>6} {figures.misses:>6} {figures.fragmentations:>5}"
        lines.append(f"{run.name:<20} {figures.mota:>6.3f} {figures.idf1:>6.3f} {counts} {run.ms:>8.2f} {state:>9}")
    return "\n".join(lines)


def _plain(run: Run, figures: Score) -> dict[str, Any]:
    return {"tracker": run.name, **asdict(figures), "ms": round(run.ms, 3), "state": run.state}


if __name__ == "__main__":
    main(prog_name="python -m benchmarks.tracking")
