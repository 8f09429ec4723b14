"""`genesis sightings`: who was seen where and when."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from rich.console import RenderableType

    from genesis.settings import Settings
    from genesis.storage.sightings import Sighting

ROWS = 50  # of a table or a sheet, unless said otherwise
_NAME = 60  # characters shown
_UNLIMITED = None


@click.command("sightings")
@click.option("--person", "who", metavar="WHO", help="Of this person: name, unknown-N or id.")
@click.option("--camera", metavar="C", help="Of this camera.")
@click.option("--since", metavar="WHEN", help="Since: `10m`, `2h`, `3d` ago, or an ISO time.")
@click.option("--until", metavar="WHEN", help="Until, in the same way.")
@click.option("--unknown", is_flag=True, help="Only of people without a name.")
@click.option(
    "--limit", type=click.IntRange(min=1), help=f"No more than this many, the newest (a table, --open: {ROWS}; --json, --export: all)."
)
@click.option("--json", "as_json", is_flag=True, help="As a JSON array.")
@click.option("--open", "show", is_flag=True, help="Show the faces on a contact sheet.")
@click.option(
    "--export", "folder", type=click.Path(file_okay=False, path_type=Path),
    help="Write the faces, sightings.csv, sightings.json and a contact sheet into this folder.",
)  # fmt: skip
def command(
    *,
    who: str | None,
    camera: str | None,
    since: str | None,
    until: str | None,
    unknown: bool,
    limit: int | None,
    as_json: bool,
    show: bool,
    folder: Path | None,
) -> None:
    """Show who was seen where and when, the newest first.

    A sighting is one decision about one person: who it is, after how many looks (attempts), how sure (score), and how far the
    face was from the nearest enrolled one (distance; up to the threshold it may be the same person).

    \b
      genesis sightings --person Ada --since 2d
      genesis sightings --unknown --open
      genesis sightings --camera door --since 2026-01-31T08:00 --export faces/
    """  # noqa: D301 - click wants the character itself
    from genesis.embedded.database import open_database  # noqa: PLC0415 - --help stays quick
    from genesis.settings import current  # noqa: PLC0415

    settings = current()
    wanted = limit or (_UNLIMITED if as_json or folder else ROWS)
    begin, end = moment(since, "--since"), moment(until, "--until")
    with open_database(settings) as database:
        found, more = database.run(lambda cursor: _found(cursor, who, camera, (begin, end), wanted, unknown=unknown))
    if folder is not None or show:
        _write(found, settings, folder, who, more=more, show=show)
    if as_json:
        from genesis.cli.sheets import sighting_json  # noqa: PLC0415

        click.echo(json.dumps([sighting_json(sighting) for sighting in found], indent=1))
    elif folder is None and not show:
        _list(found, more=more, filtered=any((who, camera, since, until, unknown)))


def moment(text: str | None, option: str) -> datetime | None:
    """Return the time that was typed (by this machine's clock and zone); None for none.

    Args:
        text: `10m` (ago), or an ISO time.
        option: with which it was typed, for the message.

    Raises:
        UsageError: it can't be read.
    """
    import time  # noqa: PLC0415
    from datetime import datetime, timezone  # noqa: PLC0415

    from genesis.bus.selection import parse_since  # noqa: PLC0415 - --help stays quick
    from genesis.errors import UsageError  # noqa: PLC0415

    if text is None:
        return None
    try:
        return datetime.fromtimestamp(parse_since(text, time.time_ns() // 1_000_000) / 1000, timezone.utc)
    except UsageError as error:
        raise UsageError(str(error).replace("--since", option, 1)) from None
    except (ValueError, OverflowError, OSError):
        msg = f"{option} {text!r}: no clock has such a time"
        raise UsageError(msg) from None


def _found(
    cursor: Any, who: str | None, camera: str | None, between: tuple[datetime | None, datetime | None], wanted: int | None, *, unknown: bool
) -> tuple[list[Sighting], bool]:
    """Return the sightings, and whether there are more."""
    from genesis.storage.identities import find  # noqa: PLC0415 - --help loads no SQL
    from genesis.storage.sightings import Filters, sightings  # noqa: PLC0415

    identity_id = find(cursor, who).id if who is not None else None
    limit = None if wanted is None else wanted + 1
    found = sightings(cursor, Filters(identity_id, camera, *between, unknown=unknown, limit=limit))
    return found[:wanted], wanted is not None and len(found) > wanted


def _list(found: Sequence[Sighting], *, more: bool, filtered: bool) -> None:
    from genesis.cli.people import counted  # noqa: PLC0415
    from genesis.cli.screen import console  # noqa: PLC0415

    if not found:
        click.echo("no sightings" + (" that these filters choose" if filtered else " yet"))
        return
    console().print(_table(found))
    if more:
        click.echo(f"the newest {counted(len(found), 'sighting')} (--limit shows more)")


def _table(found: Sequence[Sighting]) -> RenderableType:
    from rich import box  # noqa: PLC0415 - --help stays quick
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    from genesis.cli.people import local  # noqa: PLC0415
    from genesis.cli.sheets import NOBODY  # noqa: PLC0415
    from genesis.cli.terminal import safe  # noqa: PLC0415

    rows = Table(box=box.SIMPLE_HEAD, header_style="bold", padding=(0, 1, 0, 0))
    rows.add_column("number", justify="right", no_wrap=True)
    rows.add_column("time", no_wrap=True)
    for name in ("camera", "who"):
        rows.add_column(name, overflow="fold")
    for name in ("score", "distance", "attempts"):
        rows.add_column(name, justify="right", no_wrap=True)
    rows.add_column("track", overflow="fold")
    for one in found:
        who = Text(safe(one.label or NOBODY, _NAME), style="green" if one.kind == "known" else "yellow")
        score = "-" if one.score is None else f"{one.score:.0%}"
        limit = "" if one.threshold is None else f" / {one.threshold:.3f}"
        distance = "-" if one.distance is None else f"{one.distance:.3f}{limit}"
        track = Text(safe(one.track or "-", _NAME))
        rows.add_row(str(one.id), local(one.time), Text(safe(one.camera, _NAME)), who, score, distance, str(one.attempts), track)
    return rows


def _write(found: Sequence[Sighting], settings: Settings, folder: Path | None, who: str | None, *, more: bool, show: bool) -> None:
    from genesis.cli import sheets  # noqa: PLC0415 - --help stays quick
    from genesis.cli.people import counted  # noqa: PLC0415
    from genesis.cli.screen import present  # noqa: PLC0415
    from genesis.storage.crops import Crops  # noqa: PLC0415

    if not found:
        click.echo("no sightings, so nothing was written", err=True)
        return
    crops = Crops(settings.data_dir)
    heading = "Sightings" if who is None else f"Sightings of {sheets.drawable(found[0].label or who, 'one person')}"
    note = f"{'the newest ' if more else ''}{counted(len(found), 'sighting')}   {sheets.span(one.time for one in found)}"
    if folder is None:
        made = sheets.write_sheets((sheets.sighting_tile(one, crops) for one in found), sheets.sheet_folder(), heading, note)
    else:
        exported = sheets.export(found, crops, folder, heading, note)
        made = exported.sheets
        gone = f"; {counted(exported.gone, 'picture is', 'pictures are')} no longer there" if exported.gone else ""
        click.echo(f"wrote {counted(exported.pictures, 'picture')} of {counted(len(found), 'sighting')} to {folder}{gone}", err=True)
    if show:
        present(made)
