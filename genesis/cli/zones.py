"""`genesis zones`: which zones and lines the cameras have, and where they lie in the picture."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from genesis.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType

    from genesis.settings import Camera, Settings
    from genesis.vision.types import Frame

OUTPUT = Path("zones.png")
_NAMES = 20  # cameras that are named in a message
_HOW = """\
add them to the camera in the settings, with corners in shares of the frame (--grid shows them):
  zones:
    - {name: hall, polygon: [[0.1, 0.5], [0.9, 0.5], [0.9, 1], [0.1, 1]]}
  lines:
    - {name: doorstep, start: [0.2, 0.6], end: [0.8, 0.6]}"""


@click.group("zones")
def command() -> None:
    """Show the zones and lines of the cameras, as a table or drawn into a picture.

    \b
      genesis zones show --source rtsp://10.0.0.7/stream1 --grid
      genesis zones list
      genesis zones show --camera door --open
    """  # noqa: D301 - click wants the character itself


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="As a JSON array.")
def list_zones(*, as_json: bool) -> None:
    """List every camera's zones and lines.

    area: share of the frame. corners: x and y in shares of the frame; of a line its start and end.
    """
    from genesis.cli.screen import console  # noqa: PLC0415 - --help stays quick
    from genesis.settings import current  # noqa: PLC0415

    rows = [row for camera in current().cameras for row in _rows(camera)]
    if as_json:
        click.echo(json.dumps(rows, indent=1))
    elif rows:
        console().print(_table(rows))
    else:
        click.echo(f"no zones and no lines yet; {_HOW}")


@command.command()
@click.option("--camera", "name", metavar="NAME", help="Whose zones; the only camera of the settings, unless said.")
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), default=OUTPUT, show_default=True, help="File that is written."
)
@click.option("--picture", type=click.Path(path_type=Path), help="Draw on this image instead of the camera's newest frame.")
@click.option("--source", metavar="SRC", help="Draw on the first frame of this source: a video, a camera, ...")
@click.option("--grid", is_flag=True, help="Draw lines at every tenth of the frame, to read coordinates from.")
@click.option("--open", "show_it", is_flag=True, help="Open the file.")
def show(*, name: str | None, output: Path, picture: Path | None, source: str | None, grid: bool, show_it: bool) -> None:
    """Draw a camera's zones and lines into a picture.

    The picture is the newest frame of the camera while it is captured, unless another one is named.
    """
    from genesis.cli.people import counted  # noqa: PLC0415 - --help stays quick
    from genesis.cli.screen import present  # noqa: PLC0415
    from genesis.cli.stills import check_suffix, write_picture  # noqa: PLC0415
    from genesis.settings import current  # noqa: PLC0415

    if picture is not None and source is not None:
        msg = "--picture and --source: give one of them"
        raise UsageError(msg)
    check_suffix(output)
    settings = current()
    camera = _chosen(settings, name, elsewhere=picture is None and source is None)
    frame = _frame(settings, camera.name if camera else name, picture, source)
    from genesis.vision.overlay import draw  # noqa: PLC0415 - OpenCV loads slowly

    zones, lines = (camera.zones, camera.lines) if camera else ((), ())
    write_picture(output, draw(frame, zones, lines, grid=grid))
    size = f"{frame.shape[1]}x{frame.shape[0]}"
    click.echo(f"wrote {output} ({size}): {counted(len(zones), 'zone')} and {counted(len(lines), 'line')}{_of(camera, name)}")
    if not zones and not lines:
        click.echo(f"to have some, {_HOW}")
    if show_it:
        present([output])


def _chosen(settings: Settings, name: str | None, *, elsewhere: bool) -> Camera | None:
    """Return the camera of the settings that is meant; None for one that may be known elsewhere, or where none is needed.

    Raises:
        UsageError: there is no such camera, or it is not clear which one is meant.
    """
    by_name = {camera.name: camera for camera in settings.cameras}
    if name is not None:
        if name in by_name or elsewhere:
            return by_name.get(name)
        raise UsageError(_no_such(name, list(by_name)))
    if len(by_name) == 1:
        return settings.cameras[0]
    if elsewhere or by_name:
        which = f"which of {', '.join(list(by_name)[:_NAMES])}?" if by_name else "the settings have none; name one that is captured"
        msg = f"--camera NAME is missing: {which}"
        raise UsageError(msg)
    return None


def _frame(settings: Settings, camera: str | None, picture: Path | None, source: str | None) -> Frame:
    from genesis.cli.stills import INSTEAD, first_frame, newest_frame, read_picture  # noqa: PLC0415 - --help stays quick

    if picture is not None:
        return read_picture(picture)
    if source is not None:
        return first_frame(settings, source)
    names = [known.name for known in settings.cameras]
    frame = newest_frame(settings, camera or "")
    if frame is None:
        if camera not in names:
            raise UsageError(_no_such(camera or "", names))
        msg = f"camera {camera!r}: nothing was captured from it yet: {INSTEAD}"
        raise UsageError(msg)
    return frame


def _no_such(name: str, names: Sequence[str]) -> str:
    import difflib  # noqa: PLC0415 - only on the way out

    from genesis.cli.terminal import safe  # noqa: PLC0415

    near = next(iter(difflib.get_close_matches(name, names, n=1)), None)
    hint = f"did you mean {near!r}? " if near else ""
    known = f"cameras in the settings: {', '.join(names[:_NAMES])}" if names else "there is none in the settings"
    return f"no camera {safe(name, _NAMES * 4)!r}: {hint}({known})"


def _of(camera: Camera | None, name: str | None) -> str:
    if camera is not None:
        return f" of camera {camera.name}"
    return f": camera {name} is not in the settings" if name else ", since no camera is in the settings"


def _rows(camera: Camera) -> list[dict[str, Any]]:
    """Return a camera's zones and lines for programs."""
    zones = [{"camera": camera.name, "kind": "zone", **zone.model_dump(mode="json"), "area": round(zone.area, 6)} for zone in camera.zones]
    lines = [{"camera": camera.name, "kind": "line", **line.model_dump(mode="json")} for line in camera.lines]
    return [*zones, *lines]


def _table(rows: Sequence[dict[str, Any]]) -> RenderableType:
    from rich import box  # noqa: PLC0415 - --help stays quick
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    table = Table(box=box.SIMPLE_HEAD, header_style="bold", padding=(0, 1, 0, 0))
    for name in ("camera", "kind", "name"):
        table.add_column(name, no_wrap=True)
    table.add_column("area", justify="right", no_wrap=True)
    for name in ("corners", "settings"):
        table.add_column(name, overflow="fold")
    for row in rows:
        zone = row["kind"] == "zone"
        corners = row["polygon"] if zone else [row["start"], row["end"]]
        places = " ".join(f"{x:g},{y:g}" for x, y in corners)
        area = f"{row['area']:.1%}" if zone else "-"
        table.add_row(row["camera"], row["kind"], row["name"], area, Text(places), Text(_settings(row)))
    return table


def _settings(row: dict[str, Any]) -> str:
    if row["kind"] == "line":
        return f"hysteresis {row['hysteresis']:g}"
    loitering = f", loitering after {row['loitering_seconds']:g} s" if row["loitering_seconds"] is not None else ""
    return f"in after {row['inertia']} of {row['inertia_of']} looks, out after {row['exit_grace_seconds']:g} s{loitering}"
