"""`genesis run`: play a clip through the whole event pipeline, report, and leave nothing running."""

from __future__ import annotations

import itertools
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

HOG_FPS = 5.0  # what two cores keep up with

if TYPE_CHECKING:
    from collections.abc import Iterator

    from typing_extensions import Self

    from genesis.cli.play import Played
    from genesis.monitoring.status import Status


@click.command("run")
@click.option(
    "--source", "sources", multiple=True, metavar="S", help="A recording: video file, folder of images, or `sample` (default); repeatable."
)
@click.option("--camera", "names", multiple=True, metavar="NAME", help="Name of the source in the same place; repeatable.")
@click.option(
    "--fps",
    type=click.FloatRange(min=0),
    help="Frames per second to take (0: as fast as the pipeline takes them; default: the recording's own).",
)
@click.option("--max-frames", type=click.IntRange(min=1), help="End after this many frames of each source.")
@click.option("--report", "report_file", type=click.Path(dir_okay=False, path_type=Path), help="Write the report as JSON, too.")
@click.option(
    "--video",
    "video_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where the annotated video goes (default: below the data folder).",
)
@click.option("--no-video", is_flag=True, help="Draw no video.")
@click.option("--redis-url", metavar="URL", help="Use this Redis, under a key prefix of our own that is removed afterwards.")
@click.option("--detectors", type=click.IntRange(min=1), help="Worker children for detection (default: one a core, at most 4).")
def command(
    *,
    sources: tuple[str, ...],
    names: tuple[str, ...],
    fps: float | None,
    max_frames: int | None,
    report_file: Path | None,
    video_file: Path | None,
    no_video: bool,
    redis_url: str | None,
    detectors: int | None,
) -> None:
    """Play a clip through the whole event pipeline and report.

    Starts two embedded Redis servers and a PostgreSQL, the bridge, the workers and capture; plays the clip;
    waits until every event is settled; draws a video of what was found; stops everything. Exit code 0 only
    if every published frame is accounted for.

    It tries things out and leaves nothing behind: its database is its own and empty, so everybody is unknown,
    and who was enrolled is known to `genesis up` alone.
    """
    import msgspec  # noqa: PLC0415 - --help stays quick
    from rich.console import Console  # noqa: PLC0415

    from genesis.cli.launch import check_sources, choose_detector, interruptible, use  # noqa: PLC0415
    from genesis.cli.play import play  # noqa: PLC0415
    from genesis.cli.report import make_report, render  # noqa: PLC0415
    from genesis.embedded.stack import default_detectors  # noqa: PLC0415
    from genesis.settings import current  # noqa: PLC0415

    settings = current()
    sources = sources or ("sample",)
    check_sources(sources, names, settings)
    settings = use(choose_detector(settings))
    if fps is None and settings.detection.detector == "hog":
        fps = HOG_FPS
        click.echo(f"HOG is slow, so {fps:g} frames a second are played (--fps plays more)", err=True)
    runs = settings.data_dir.resolve() / "runs"
    folder = new_folder(runs)
    console = Console(stderr=True)
    interruptible()
    log_file = folder / "run.log"
    video = None if no_video else (video_file or folder / "annotated").resolve()
    try:
        with log_file.open("w", encoding="utf-8") as log, ProgressLine(console) as line, play(
            sources, names, settings=settings, folder=folder / "scratch", log=log, detectors=detectors or default_detectors(),
            fps=fps, max_frames=max_frames, redis_url=redis_url, recognise=True, progress=line,
        ) as played:  # fmt: skip
            if video is not None:
                line("drawing the video", None)
                video = draw(played, sources, names, video, fps)
            report = make_report(
                played.client, played.final, sources=sources, seconds=played.seconds, cache_peak=played.cache_peak,
                problems=played.problems, unknown=played.unknown_people(), video=str(video) if video else None,
            )  # fmt: skip
    except KeyboardInterrupt:
        console.print("stopped before the end")
        raise SystemExit(130) from None
    finally:
        shutil.rmtree(folder / "scratch", ignore_errors=True)
    Console().print(render(report))
    if report.video:
        click.echo(f"video  {report.video}")
    click.echo(f"log    {log_file}")
    if report_file:
        report_file.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n")
    sys.exit(0 if report.ok else 1)


def new_folder(runs: Path) -> Path:
    """Make a folder for this run, named by the time; only the newest few are kept.

    Raises:
        UsageError: it can't be made.
    """
    from datetime import datetime  # noqa: PLC0415
    from tempfile import mkdtemp  # noqa: PLC0415

    from genesis.errors import UsageError  # noqa: PLC0415

    keep = 10
    try:
        runs.mkdir(parents=True, exist_ok=True)
        for old in sorted(runs.iterdir())[: -keep + 1]:
            shutil.rmtree(old, ignore_errors=True)
        return Path(mkdtemp(prefix=datetime.now().astimezone().strftime("%Y%m%d-%H%M%S-"), dir=runs))
    except OSError as error:
        msg = f"data folder {runs}: {error.strerror or error}"
        raise UsageError(msg) from error


def draw(played: Played, sources: tuple[str, ...], names: tuple[str, ...], path: Path, fps: float | None) -> Path | None:
    """Draw the persons that were found into the first source's frames; return the video's path."""
    from genesis.capture.naming import name_all  # noqa: PLC0415
    from genesis.capture.pacing import ASSUMED_FPS, Schedule  # noqa: PLC0415
    from genesis.capture.results import caption  # noqa: PLC0415
    from genesis.capture.sources import open_source  # noqa: PLC0415
    from genesis.cli.journal import events  # noqa: PLC0415
    from genesis.events import Keys, PersonDetected  # noqa: PLC0415
    from genesis.vision.annotate import annotate  # noqa: PLC0415
    from genesis.vision.annotated_video import AnnotatedVideo  # noqa: PLC0415

    camera = name_all(sources, names)[0]
    keys = Keys(played.settings.redis.prefix)
    found = {event.number: event for _, event in events(played.client, keys, PersonDetected) if event.camera == camera}
    source = open_source(sources[0], played.settings)
    if not found or source.live:
        return None
    schedule = Schedule.of(source.fps, fps)
    first = found[min(found)]
    try:
        with AnnotatedVideo(path, float(schedule.native * schedule.share) or ASSUMED_FPS, (first.width, first.height)) as video:
            for number, image in enumerate(taken_frames(source, schedule)):
                if number > max(found):
                    break
                event = found.get(number)
                video.write(image if event is None else annotate(image, event.persons, caption(event)))
            return Path(video.path)
    finally:
        source.close()


def taken_frames(source: Any, schedule: Any) -> Iterator[Any]:
    """Yield the frames of a recording that its schedule takes, broken ones left out, as capture does."""
    from genesis.capture.sources.base import UnreadableFrameError  # noqa: PLC0415

    for index in itertools.count():
        try:
            image = source.read()
        except UnreadableFrameError:
            continue
        if image is None:
            return
        if schedule.takes(index):
            yield image


class ProgressLine:
    """Live progress on a terminal; a line per step elsewhere."""

    def __init__(self, console: Any) -> None:
        from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn  # noqa: PLC0415

        self._console = console
        self._live = Progress(SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn(), console=console, transient=True)
        self._task = self._live.add_task("starting")
        self._step = ""

    def __enter__(self) -> Self:
        """Begin to show."""
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End."""
        self._live.stop()

    def __call__(self, step: str, status: Status | None) -> None:
        """Show what is being done."""
        if step != self._step:
            self._step = step
            if not self._console.is_terminal:
                self._console.print(f"{step} ...", highlight=False)
        self._live.update(self._task, description=f"{step}{_figures(status)}")


def _figures(status: Status | None) -> str:
    if status is None:
        return ""
    lengths = {stream.stream.rpartition(":")[2]: stream for stream in status.streams}
    done = {group.group: sum(group.totals[name] for name in ("settled", "buried", "stale")) for group in lengths["frames"].groups}
    frames = lengths["frames"].length
    looked_at, results = done.get("detection-workers", 0), lengths["persons"].length
    return f": {frames} frames published, {looked_at} looked at, {results} results, {status.backlog} deliveries waiting"
