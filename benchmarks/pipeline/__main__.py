"""`python -m benchmarks.pipeline`: throughput, latency, memory, and how cost grows, with a video and the detectors that are here."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click

from benchmarks.pipeline.tables import backlog_table, cameras_table, draw_rates, headline, latency_table, memory_table, rates_table
from benchmarks.reports import Options, Report, options
from genesis.errors import GenesisError, UsageError

_MOST_ROUNDS = 2  # of what is only compared with itself
PARTS = ("throughput", "latency", "backlog", "cameras")


@click.command(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.option("--source", envvar="BENCH_FOOTAGE", type=click.Path(path_type=Path), help="A video ($BENCH_FOOTAGE).  [default: the sample]")
@click.option(
    "--weights", envvar="BENCH_WEIGHTS", help="YOLO weights ($BENCH_WEIGHTS).  [default: those of the settings, if they are here]"
)
@click.option("--part", "parts", multiple=True, type=click.Choice(PARTS), help="Only this; may be given again.  [default: all]")
@click.option("--detector", "chosen", multiple=True, type=click.Choice(["yolo", "hog"]), help="Only this one.  [default: all]")
@click.option("--frames", type=click.IntRange(min=4), help="Frames of a throughput round with YOLO; HOG gets a quarter of them.")
@options(rounds=3)
def main(
    *, source: Path | None, weights: str | None, parts: tuple[str, ...], chosen: tuple[str, ...], frames: int | None, asked: Options
) -> None:
    """Measure the pipeline beside the bare detector loop."""
    report = Report("pipeline", "Pipeline: from a file to settled events", asked)
    try:
        with tempfile.TemporaryDirectory(prefix="genesis-pipeline-") as folder:
            _measure(
                report, asked, _footage(source, Path(folder)), _detectors(report, weights, chosen), parts or PARTS, frames, Path(folder)
            )
    except GenesisError as error:
        click.echo(f"benchmarks.pipeline: {error}", err=True)
        sys.exit(2 if isinstance(error, UsageError) else 1)
    report.write()


def _measure(
    report: Report,
    asked: Options,
    source: str,
    detectors: Mapping[str, Mapping[str, Any]],
    parts: tuple[str, ...],
    frames: int | None,
    folder: Path,
) -> None:
    counts = {"yolo": frames or (80 if asked.quick else 240), "hog": max(4, (frames or (80 if asked.quick else 240)) // 4)}
    counts = {name: min(count, _length(source)) for name, count in counts.items()}
    if "throughput" in parts:
        for name, detection in detectors.items():
            _throughput(report, asked, source, name, detection, counts[name])
    if "latency" in parts:
        _latency(report, asked, source, detectors, folder)
    if "backlog" in parts:
        _backlog(report, asked)
    if "cameras" in parts and detectors:
        name = next(iter(detectors))
        _cameras(report, asked, source, name, detectors[name], counts[name])


def _throughput(report: Report, asked: Options, source: str, name: str, detection: Mapping[str, Any], frames: int) -> None:
    from benchmarks.pipeline.throughput import Run, bare, event, sync  # noqa: PLC0415 - --help stays quick

    contestants: dict[str, Callable[[], Run]] = {
        "bare loop": lambda: bare(source, detection, frames, 1),
        "two bare loops": lambda: bare(source, detection, frames, 2),
        "sync mode": lambda: sync(source, detection, frames),
        "event mode, 1 worker": lambda: event(source, detection, frames, 1),
        "event mode, 2 workers": lambda: event(source, detection, frames, 2),
        "event mode, 4 workers": lambda: event(source, detection, frames, 4),
        "event mode, 2 workers and all other groups": lambda: event(source, detection, frames, 2, whole=True, looks=True),
    }
    if asked.quick:
        contestants = {who: measure for who, measure in contestants.items() if "1 worker" not in who and "4 workers" not in who}
    runs: dict[str, list[Run]] = {who: [] for who in contestants}
    for number in range(asked.rounds):
        for who, measure in contestants.items():
            click.echo(f"{name}, round {number + 1}: {who}", err=True)
            runs[who].append(measure())
    report.table(rates_table(name, runs))
    report.figures["headline"] = " ".join(filter(None, [report.figures.get("headline"), headline(name, runs)]))
    report.table(memory_table(name, runs))
    report.plot(lambda axes: draw_rates(axes, runs), name=name)
    report.figures[name] = {
        who: [{"rate": run.rate, "cost": run.cost, "cpu": run.cpu, "persons": run.persons, "memory": run.memory} for run in some]
        for who, some in runs.items()
    }


def _latency(report: Report, asked: Options, source: str, detectors: Mapping[str, Mapping[str, Any]], folder: Path) -> None:
    from benchmarks.pipeline.latency import Latency, latency, plain, small_clip  # noqa: PLC0415

    rates, cameras = ((15.0,), (1, 4)) if asked.quick else ((5.0, 15.0), (1, 2, 4, 8))
    played: dict[str, tuple[str, Mapping[str, Any]]] = {"hog, 128x96": (small_clip(source, folder / "small.avi"), {"detector": "hog"})}
    if "yolo" in detectors and not asked.quick:
        played["yolo"] = (source, detectors["yolo"])
    for name, (video, detection) in played.items():
        found: list[Latency] = []
        for fps in rates:
            for count in cameras:
                click.echo(f"latency, {name}: {count} cameras at {fps:g} fps", err=True)
                found.append(latency(video, detection, count, fps, 4.0 if asked.quick else 6.0))
                if found[-1].saturated:
                    break
        report.table(latency_table(name, found))
        report.figures[f"latency, {name}"] = [plain(one) for one in found]


def _backlog(report: Report, asked: Options) -> None:
    from benchmarks.pipeline.backlog import Cost, cost  # noqa: PLC0415

    sizes, events = ((1_000, 10_000), 1_000) if asked.quick else ((1_000, 10_000, 100_000), 4_000)
    costs: dict[int, list[Cost]] = {size: [] for size in sizes}
    for number in range(asked.rounds):
        for size in sizes:
            click.echo(f"backlog, round {number + 1}: {size} wait", err=True)
            costs[size].append(cost(size, events))
    report.table(backlog_table(costs))
    report.figures["backlog"] = {str(size): [{"seconds": one.seconds, "cpu": one.cpu} for one in some] for size, some in costs.items()}


def _cameras(report: Report, asked: Options, source: str, name: str, detection: Mapping[str, Any], frames: int) -> None:
    from benchmarks.pipeline.throughput import Run, event  # noqa: PLC0415

    counts = (1, 4) if asked.quick else (1, 2, 4, 8)
    runs: dict[int, list[Run]] = {count: [] for count in counts}
    for number in range(min(asked.rounds, _MOST_ROUNDS)):
        for count in counts:
            click.echo(f"cameras, round {number + 1}: {count}", err=True)
            runs[count].append(event(source, detection, frames, 2, cameras=count))
    report.table(cameras_table(name, runs))
    report.figures["cameras"] = {
        str(count): [{"rate": run.rate, "cost": run.cost, "cpu": run.cpu} for run in some] for count, some in runs.items()
    }


def _footage(source: Path | None, folder: Path) -> str:
    if source is None:
        from genesis.capture.sample import sample_clip  # noqa: PLC0415

        return str(sample_clip(folder))
    if not source.is_file():
        msg = f"--source {source}: no such file"
        raise UsageError(msg)
    return str(source.absolute())


def _length(source: str) -> int:
    import cv2  # noqa: PLC0415

    video, count = cv2.VideoCapture(source), 0
    while video.grab():
        count += 1
    if not count:
        msg = f"--source {source}: no frame can be read"
        raise UsageError(msg)
    return count


def _detectors(report: Report, weights: str | None, chosen: tuple[str, ...]) -> dict[str, Mapping[str, Any]]:
    """Return the settings of each detector that is wanted and can be used; tell why one can't."""
    from genesis.settings import current  # noqa: PLC0415
    from genesis.vision.detectors.weights import ModelUnavailableError, locate  # noqa: PLC0415

    settings = current()
    found: dict[str, Mapping[str, Any]] = {}
    if not chosen or "yolo" in chosen:
        asked = settings.detection.model_copy(update={"offline": True, **({"weights": weights} if weights else {})})
        try:
            path = locate(asked, settings.data_dir).path.absolute()
        except ModelUnavailableError as error:
            if weights:
                raise
            report.say(f"YOLO was left out: {error}.")
        else:
            found["yolo"] = {**_kept(settings.detection), "detector": "yolo", "weights": str(path), "offline": True}
    if not chosen or "hog" in chosen:
        found["hog"] = {**_kept(settings.detection), "detector": "hog"}
    return found


def _kept(detection: Any) -> dict[str, Any]:
    return {name: getattr(detection, name) for name in ("confidence", "iou", "min_height", "image_size", "device", "threads")}


if __name__ == "__main__":
    main(prog_name="python -m benchmarks.pipeline")
