"""`genesis compare`: show where sync and event mode disagree."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Iterable

    from genesis.cli.agreement import Agreement
    from genesis.events import PersonDetected
    from genesis.settings import Settings


@click.command("compare")
@click.argument("clip", required=False)
@click.option(
    "--iou",
    type=click.FloatRange(min=0.01, max=1),
    default=0.9,
    show_default=True,
    help="Overlap of two boxes that counts as the same person.",
)
@click.option(
    "--at-least",
    type=click.FloatRange(min=0, max=1),
    default=0.99,
    show_default=True,
    help="Share of matched persons below which the exit code is 1.",
)
@click.option("--max-frames", type=click.IntRange(min=1), help="Compare this many frames only.")
@click.option("--detectors", type=click.IntRange(min=1), help="Worker children for detection (default: one a core, at most 4).")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def command(*, clip: str | None, iou: float, at_least: float, max_frames: int | None, detectors: int | None, as_json: bool) -> None:
    """Show where sync and event mode disagree.

    With CLIP (a recording, or `sample`) it is played in both modes, the event mode on an installation of
    its own. Without CLIP, what dual mode has recorded is compared with what the workers have found since.
    """
    import msgspec  # noqa: PLC0415 - --help stays quick
    from rich.console import Console  # noqa: PLC0415

    from genesis.settings import current  # noqa: PLC0415

    result = _played(clip, current(), iou, max_frames, detectors) if clip else _recorded(current(), iou)
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(result), indent=2).decode())
    else:
        Console().print(render(result))
    sys.exit(0 if result.frames and result.share >= at_least else 1)


def _played(clip: str, settings: Settings, iou: float, max_frames: int | None, detectors: int | None) -> Agreement:
    from rich.console import Console  # noqa: PLC0415

    from genesis.cli.agreement import agreement, by_frame  # noqa: PLC0415
    from genesis.cli.journal import events  # noqa: PLC0415
    from genesis.cli.launch import check_sources, interruptible  # noqa: PLC0415
    from genesis.cli.play import play  # noqa: PLC0415
    from genesis.cli.run import ProgressLine, new_folder  # noqa: PLC0415
    from genesis.embedded.stack import default_detectors  # noqa: PLC0415
    from genesis.events import Keys, PersonDetected  # noqa: PLC0415

    check_sources((clip,), (), settings)
    interruptible()
    folder = new_folder(settings.data_dir.resolve() / "runs")
    try:
        with (
            (folder / "run.log").open("w", encoding="utf-8") as log,
            ProgressLine(Console(stderr=True)) as line,
            play(
                (clip,), ("clip",), settings=settings, folder=folder / "redis", log=log, fps=0, max_frames=max_frames,
                detectors=detectors or default_detectors(), progress=line,
            ) as played,
        ):  # fmt: skip
            distributed = [event for _, event in events(played.client, Keys(played.settings.redis.prefix), PersonDetected)]
            line("playing in sync mode", None)
            direct = play_directly(clip, settings, max_frames)
    finally:
        shutil.rmtree(folder / "redis", ignore_errors=True)
    return agreement(by_frame(direct, sessions=False), by_frame(distributed, sessions=False), iou)


def play_directly(clip: str, settings: Settings, max_frames: int | None) -> list[PersonDetected]:
    """Play a recording in sync mode in this process; return what was found. Nobody is recognised, nobody is told, and nothing is stored."""
    from genesis.capture.modes import SyncSink  # noqa: PLC0415
    from genesis.capture.runner import run  # noqa: PLC0415
    from genesis.events import PersonDetected  # noqa: PLC0415
    from genesis.settings import NO_DATABASE, Camera  # noqa: PLC0415
    from genesis.storage.holding import with_dsn  # noqa: PLC0415

    found: list[PersonDetected] = []

    def keep(event: Any, _: Any) -> None:
        if isinstance(event, PersonDetected) and not event.last:
            found.append(event)

    quiet = settings.alerts.model_copy(update={"notifiers": ()})
    settings = with_dsn(settings, NO_DATABASE).model_copy(update={"alerts": quiet})
    run([Camera(name="clip", source=clip, fps=0)], settings, sink=SyncSink(settings, keep), max_frames=max_frames)
    return found


def _recorded(settings: Settings, iou: float) -> Agreement:
    from genesis.capture.modes import dual_file  # noqa: PLC0415
    from genesis.cli.agreement import agreement, by_frame  # noqa: PLC0415
    from genesis.cli.journal import events  # noqa: PLC0415
    from genesis.connections import UNAVAILABLE, connect, explain  # noqa: PLC0415
    from genesis.errors import ServerUnavailableError, UsageError  # noqa: PLC0415
    from genesis.events import Keys, PersonDetected  # noqa: PLC0415

    file = dual_file(settings)
    if not file.is_file():
        msg = f"{file}: dual mode has recorded nothing yet; run `python -m genesis.capture --mode dual`, or name a clip to compare"
        raise UsageError(msg)
    client = connect(settings.redis.url, timeout=settings.redis.timeout_seconds)
    try:
        distributed = [event for _, event in events(client, Keys(settings.redis.prefix), PersonDetected)]
    except UNAVAILABLE as error:
        raise ServerUnavailableError(explain(error, settings.redis.url, "redis.url")) from error
    return agreement(by_frame(list(read_recording(file))), by_frame(distributed), iou)


def read_recording(file: Path) -> Iterable[PersonDetected]:
    """Yield the events of a recording of dual mode.

    Raises:
        UsageError: a line is not one; an unfinished last line is left out.
    """
    import msgspec  # noqa: PLC0415

    from genesis.errors import PermanentError, UsageError  # noqa: PLC0415
    from genesis.events import PersonDetected, decode  # noqa: PLC0415

    for number, line in enumerate(file.read_bytes().splitlines(keepends=True), start=1):
        if not line.endswith(b"\n"):
            return
        try:
            event = decode(msgspec.json.decode(line, type=dict[str, str]))
        except (PermanentError, msgspec.DecodeError) as error:
            msg = f"{file}:{number}: not a recorded event: {error}"
            raise UsageError(msg) from None
        if isinstance(event, PersonDetected):
            yield event


def render(result: Agreement) -> Any:
    """Return the comparison as something that rich can print."""
    from rich.table import Table  # noqa: PLC0415

    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(style="bold", no_wrap=True)
    table.add_column()
    table.add_row("frames in both", f"{result.frames} (only sync: {result.only_first}, only event: {result.only_second})")
    table.add_row("same number of persons", f"{result.same_count} of {result.frames} frames")
    table.add_row("identical to the digit", f"{result.identical} of {result.frames} frames")
    table.add_row("persons", f"sync {result.persons_first}, event {result.persons_second}")
    table.add_row(f"matched at IoU {result.iou:g}", f"{result.matched} ({result.share:.2%} of all persons), mean IoU {result.mean_iou:.4f}")
    for camera, number, unmatched in result.worst:
        table.add_row("", f"camera {camera}, frame {number}: {unmatched} persons without a match")
    return table
