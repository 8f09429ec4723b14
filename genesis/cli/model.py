"""`genesis model`: the weights that there are, and a faster form of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

import click

from genesis.errors import UsageError


@click.group("model")
def command() -> None:
    """Look at the weights of the networks, and make a faster form of the detector's.

    \b
      genesis model list
      genesis model export                                        the weights of the settings, for OpenVINO
      genesis model export --int8 --calibrate yard.mp4 --check door.mp4
    """  # noqa: D301 - click wants the character itself


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="As a JSON object.")
def list_models(*, as_json: bool) -> None:
    """List the weights where the settings look for them, and say which are used.

    That is the working folder and `models` in the data folder. Nothing is fetched.
    """
    from genesis.cli import model_list  # noqa: PLC0415 - --help stays quick
    from genesis.cli.screen import console  # noqa: PLC0415
    from genesis.settings import current  # noqa: PLC0415

    settings = current()
    rows, verdicts = model_list.rows(settings), model_list.verdicts(settings)
    if as_json:
        click.echo(json.dumps({"models": [model_list.as_json(row) for row in rows], "used": verdicts}, indent=1))
        return
    if rows:
        console().print(model_list.table(rows))
        click.echo("")
    else:
        click.echo(f"no weights in this folder, nor in {settings.data_dir / 'models'}")
    for about, told in verdicts.items():
        click.echo(f"{about}: {told}")


@command.command()
@click.argument("weights", required=False)
@click.option(
    "--format", "form", type=click.Choice(["openvino", "onnx"]), default="openvino", show_default=True,
    help="openvino: the fastest on Intel and AMD processors. onnx: for ONNX Runtime, also where OpenVINO is not to be had.",
)  # fmt: skip
@click.option("--int8", is_flag=True, help="8-bit integers: smallest, fastest with OpenVINO, a little less accurate (see --calibrate).")
@click.option("--half", is_flag=True, help="Numbers of 16 bits: half the size on disk, no faster on a processor.")
@click.option(
    "--imgsz", type=int, metavar="N",
    help="Longer side of the network's input in pixels, a multiple of 32: less is faster and misses small persons.  [default: "
    "detection.image_size]",
)  # fmt: skip
@click.option(
    "--calibrate", metavar="SRC",
    help="Video or folder of images of your cameras that --int8 is adjusted to.  [default: that of --check, else the sample clip]",
)  # fmt: skip
@click.option(
    "--to", type=click.Path(file_okay=False, path_type=Path), help="Folder to write it into.  [default: models in the data folder]"
)
@click.option("--check", metavar="SRC", help="Video or folder of images that both forms are tried on.  [default: the sample clip]")
@click.option("--force", is_flag=True, help="Replace what is there.")
@click.option("--json", "as_json", is_flag=True, help="The figures as a JSON object.")
def export(
    *,
    weights: str | None,
    form: Literal["openvino", "onnx"],
    int8: bool,
    half: bool,
    imgsz: int | None,
    calibrate: str | None,
    to: Path | None,
    check: str | None,
    force: bool,
    as_json: bool,
) -> None:
    """Make a faster form of the detector's WEIGHTS, and measure it beside them on this machine.

    WEIGHTS is a .pt file, or what `detection.weights` may name; that is taken, unless said. The settings stay as they
    are: the line that makes use of the new form is printed.
    """
    if int8 and half:
        msg = "--int8 and --half: give one of them"
        raise UsageError(msg)
    if calibrate is not None and not int8:
        msg = "--calibrate is for --int8 alone: nothing else is adjusted to pictures"
        raise UsageError(msg)
    from genesis.cli import model_export  # noqa: PLC0415 - --help stays quick
    from genesis.settings import current  # noqa: PLC0415

    job = model_export.planned(current(), weights, model_export.Wish(form, int8=int8, half=half, image_size=imgsz), folder=to, force=force)
    figures = model_export.run(job, check=check or "sample", calibrate=calibrate or check or "sample")
    if as_json:
        click.echo(json.dumps(figures, indent=1))
    else:
        model_export.tell(figures)
