"""`python -m genesis.capture`: cameras and recordings into the pipeline."""

from __future__ import annotations

import json
import logging
import os
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from genesis.errors import GenesisError, UsageError

if TYPE_CHECKING:
    from genesis.capture.results import Results
    from genesis.capture.runner import Mode, Report
    from genesis.settings import Camera, Settings

_WRONG_USE = 2


@click.command(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.option(
    "--source",
    "sources",
    multiple=True,
    metavar="S",
    help="0 (a camera of this machine), rtsp://..., http://..., a video file, a folder, or 'sample'. Repeatable.",
)
@click.option("--camera", "names", multiple=True, metavar="NAME", help="Names the sources, in order. Alone: which cameras of the settings.")
@click.option("--fps", type=click.FloatRange(0, 1000), help="Frames taken per second; 0: as fast as the pipeline goes. Default: its own.")
@click.option("--once/--loop", "once", default=True, help="End with the recording (default), or begin it again. Cameras never end.")
@click.option("--max-frames", type=click.IntRange(min=1), help="End each camera after so many published frames.")
@click.option("--mode", type=click.Choice(["sync", "event", "dual"]), help="sync: no Redis; event: publish; dual: both. Default: as set.")
@click.option(
    "--events", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="sync, dual: write every event there, as JSON lines."
)
@click.option(
    "--draw", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="sync, dual: draw the persons into a video (.webm)."
)
@click.option("--config", type=click.Path(path_type=Path), metavar="FILE", help="Default: $GENESIS_CONFIG or configs/settings.yaml.")
@click.option("--json", "as_json", is_flag=True, help="Print the final summary as JSON.")
@click.option("--quiet", is_flag=True, help="Log nothing below WARNING, and print no summary but --json's.")
def main(  # noqa: PLR0913 - one for each option
    *,
    sources: tuple[str, ...],
    names: tuple[str, ...],
    fps: float | None,
    once: bool,
    max_frames: int | None,
    mode: Mode | None,
    events: Path | None,
    draw: Path | None,
    config: Path | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Read cameras and recordings, and run the pipeline on their frames or publish them as events.

    \b
    python -m genesis.capture --source sample
    python -m genesis.capture --source rtsp://user:password@10.0.0.7/1 --camera door --source 0 --camera desk
    python -m genesis.capture --source clip.mp4 --fps 0 --mode event

    Exit code: 0 if all cameras ended normally (Ctrl-C is normal), 1 if one failed, 2 for wrong use.
    """  # noqa: D301 - click's mark for lines that stay as they are
    from genesis import logs, settings  # noqa: PLC0415 - --help answers at once
    from genesis.capture import runner  # noqa: PLC0415
    from genesis.telemetry.vitals import Vitals  # noqa: PLC0415

    try:
        loaded = settings.load(config)
        if config is not None:
            # For code of the user's that asks for the settings itself.
            os.environ[settings.CONFIG_VARIABLE] = str(config)
        logs.configure_from(loaded, role="capture", quiet=quiet)
        cameras = _with_fps(_from_options(sources, names) if sources else _from_settings(names, loaded), fps)
        results = _results(mode or loaded.event_driven.mode, events, draw, fps, silent=quiet or as_json)
        with Vitals(loaded, "capture", f"{socket.gethostname()}-{os.getpid()}") as vitals:
            report = runner.run(cameras, loaded, mode=mode, loop=not once, max_frames=max_frames, observe=results, vitals=vitals)
        for path in results.close() if results else ():
            logging.getLogger(__name__).info("written: %s", path)
    except GenesisError as error:
        logs.complain(error)
        sys.exit(_WRONG_USE if isinstance(error, UsageError) else 1)
    if as_json:
        click.echo(json.dumps(report.as_dict(), indent=2))
    elif not quiet:
        click.echo(summary(report))
    if runner.stuck_readers():
        logs.tell_rest()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(report.exit_code)
    sys.exit(report.exit_code)


def _results(mode: str, events: Path | None, draw: Path | None, fps: float | None, *, silent: bool) -> Results | None:
    if mode == "event":
        if events or draw:
            msg = "--events and --draw show what sync and dual mode find in this process; in event mode the workers find it"
            raise UsageError(msg)
        return None
    from genesis.capture.results import Results  # noqa: PLC0415

    return Results(None if silent else click.echo, events, draw, fps)


def summary(report: Report) -> str:
    """Return one line per camera for a person."""
    lines = []
    for camera in report.cameras:
        dropped = ", ".join(f"{count} {reason}" for reason, count in camera.dropped.items()) or "none"
        thinned = f", {camera.thinned} left out by --fps" if camera.thinned else ""
        lines.append(
            f"{camera.camera}: {camera.frames} frames in {camera.seconds:.1f} s ({camera.fps:.1f} fps), "
            f"dropped: {dropped}{thinned}; {camera.ended}"
        )
    return "\n".join(lines)


def _from_options(sources: tuple[str, ...], names: tuple[str, ...]) -> list[Camera]:
    from genesis.capture.naming import name_all  # noqa: PLC0415
    from genesis.settings import Camera  # noqa: PLC0415

    if "" in sources:
        msg = "--source '': expected a camera index, a URL, a file, a folder, or 'sample'"
        raise UsageError(msg)
    return [Camera(name=name, source=source) for name, source in zip(name_all(sources, names), sources, strict=True)]


def _from_settings(names: tuple[str, ...], settings: Settings) -> list[Camera]:
    known = {camera.name: camera for camera in settings.cameras}
    unknown = [name for name in names if name not in known]
    if unknown:
        msg = f"--camera {unknown[0]!r}: no such camera in the settings (there: {', '.join(known) or 'none'}); or give its --source"
        raise UsageError(msg)
    return [known[name] for name in dict.fromkeys(names)] if names else list(known.values())


def _with_fps(cameras: list[Camera], fps: float | None) -> list[Camera]:
    return cameras if fps is None else [camera.model_copy(update={"fps": fps}) for camera in cameras]


if __name__ == "__main__":
    main(prog_name="python -m genesis.capture")
