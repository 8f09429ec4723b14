"""What `genesis model export` does: look whether it can be done, do it, measure, and tell."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from genesis.cli.figures import size
from genesis.cli.model_frames import spread
from genesis.cli.people import counted
from genesis.cli.terminal import safe
from genesis.errors import SourceError
from genesis.settings import Detection, Settings
from genesis.vision.detectors import load_detector
from genesis.vision.detectors.weights import Weights, locate
from genesis.vision.export import Form, Format, Precision, check_place, export
from genesis.vision.export_check import IOU, compare, size_of
from genesis.vision.export_pictures import MOST_PICTURES, write_dataset

CHECKED_FRAMES = 24
"""Spread over the recording; each is run twice by each form."""
_FASTER = 1.05  # times as fast: less is noise
_SAME = 0.9  # share of boxes: below it somebody should look
_PATH = 400  # characters shown


@dataclass(frozen=True, slots=True)
class Wish:
    """What was asked for; `image_size` in pixels, None: that of the settings."""

    format: Format
    int8: bool = False
    half: bool = False
    image_size: int | None = None


@dataclass(frozen=True, slots=True)
class Job:
    """What will be done.

    Attributes:
        settings: of this installation.
        before: the detection as it is now, with the weights that are exported.
        after: the detection with what they are exported to.
        weights: that are exported.
        form: what is made.
        target: file or folder that is written.
        use: what has to be written into the settings.
    """

    settings: Settings
    before: Detection
    after: Detection
    weights: Weights
    form: Form
    target: Path
    use: dict[str, str | int]


def planned(settings: Settings, weights: str | None, wish: Wish, *, folder: Path | None, force: bool) -> Job:
    """Look at all that can be seen to be wrong before anything heavy is loaded.

    Args:
        settings: of this installation.
        weights: a file, or what `detection.weights` may name; None: what it names.
        wish: what to make of them.
        folder: that it is written into; None: `models` in the data folder.
        force: what is there is replaced.

    Raises:
        UsageError: one line that says what is wrong and what to do.
    """
    wanted = settings.detection
    precision: Precision = "int8" if wish.int8 else "half" if wish.half else "full"
    form = Form(wish.format, precision, wanted.image_size if wish.image_size is None else wish.image_size)
    form.require_packages()
    found = locate(wanted.model_copy(update={"weights": weights or wanted.weights}), settings.data_dir)
    target = (folder or settings.data_dir / "models") / form.name(found.path)
    check_place(found, target, force=force)
    before = wanted.model_copy(update={"detector": "yolo", "weights": str(found.path)})
    use: dict[str, str | int] = {"detection.weights": target.name if folder is None else str(target.absolute())}
    if form.image_size != wanted.image_size:
        use["detection.image_size"] = form.image_size
    after = before.model_copy(update={"weights": str(target), "image_size": form.image_size})
    return Job(settings, before, after, found, form, target, use)


def run(job: Job, *, check: str, calibrate: str) -> dict[str, Any]:
    """Export, then measure both forms in turns.

    Args:
        job: see `planned`.
        check: recording that both forms are tried on.
        calibrate: recording that INT8 is adjusted to.

    Returns:
        The figures, for a program.

    Raises:
        UsageError: one line: of the pictures, the weights, the exporter or the disk.
    """
    data_dir, int8 = job.settings.data_dir, job.form.precision == "int8"
    frames = list(spread(job.settings, check, CHECKED_FRAMES))
    if not frames:
        msg = f"source {check!r}: no frame that can be read"
        raise SourceError(msg)
    pictures = spread(job.settings, calibrate, MOST_PICTURES) if int8 else iter(())
    first = load_detector(job.before, data_dir=data_dir)
    count, shown = 0, safe(calibrate, _PATH)
    with tempfile.TemporaryDirectory(prefix="genesis-calibration-") as temporary:
        dataset = None
        if int8:
            dataset, count = write_dataset(pictures, Path(temporary) / "pictures", job.form.image_size)
            click.echo(f"INT8 is adjusted to {counted(count, 'picture')} of {shown}", err=True)
            if calibrate == "sample":
                click.echo("the sample clip is not what your cameras see: --calibrate with a recording of theirs is better", err=True)
        click.echo(f"exporting {safe(str(job.weights.path), _PATH)} to {job.form} ...", err=True)
        export(job.weights, job.form, job.target, job.before, data_dir=data_dir, dataset=dataset)
    second = load_detector(job.after, data_dir=data_dir)
    click.echo(f"measuring both on {counted(len(frames), 'frame')} of {safe(check, _PATH)} ...", err=True)
    result = compare(first, second, frames)
    columns = ((job.weights.path, "PyTorch", job.before, first), (job.target, str(job.form), job.after, second))
    forms = [
        {
            "path": str(path),
            "form": name,
            "bytes": size_of(path),
            "image_size": used.image_size,
            "device": getattr(detector, "device", "cpu"),
            "threads": used.threads,
            "milliseconds": round(result.milliseconds[index], 2),
            "persons": result.persons[index],
        }
        for index, (path, name, used, detector) in enumerate(columns)
    ]
    return {
        "forms": forms,
        "source": check,
        "frames": result.frames,
        "iou": IOU,
        "matched": result.matched,
        "share": result.share,
        "speedup": round(result.speedup, 3),
        "calibrated_with": count,
        "settings": job.use,
    }


def tell(figures: dict[str, Any]) -> None:
    """Show the figures, and what to write into the settings."""
    from rich.text import Text  # noqa: PLC0415 - a program that reads JSON needs none of it

    from genesis.cli.model_list import plain_table  # noqa: PLC0415
    from genesis.cli.screen import console  # noqa: PLC0415

    rows = plain_table(
        ("weights", ""), ("form", ""), ("size", "right"), ("image size", "right"), ("runs on", ""), ("ms per frame", "right"),
        ("persons", "right"),
    )  # fmt: skip
    for form in figures["forms"]:
        threads = f", {counted(form['threads'], 'thread')}" if form["device"] == "cpu" and form["threads"] else ""
        rows.add_row(
            Text(safe(form["path"], _PATH)), form["form"], size(form["bytes"]), str(form["image_size"]), f"{form['device']}{threads}",
            f"{form['milliseconds']:.1f}", f"{form['persons']:,}",
        )  # fmt: skip
    console().print(rows)
    where = f"{counted(figures['frames'], 'frame')} of {safe(figures['source'], _PATH)}"
    click.echo(f"speed      {figures['speedup']:.2f} times as fast (medians, {where})")
    click.echo(f"agreement  {_agreement(figures)}")
    if figures["speedup"] < _FASTER:
        click.echo("\nit is not faster here: there is no need to use it. If you want to, write into the settings:")
    else:
        click.echo("\nto use it, write into the settings:")
    for key, value in figures["settings"].items():
        click.echo(f"  {key}: {value}")


def _agreement(figures: dict[str, Any]) -> str:
    share = figures["share"]
    if share is None:
        return "not known: neither found anybody; --check a recording with people in it"
    doubt = "" if share >= _SAME else "; look at what it finds before you use it"
    return f"{100 * share:.1f} % of the boxes are matched (overlap of at least {figures['iou']:g}){doubt}"
