"""`genesis report`: who was there, for how long, and what went on, over some days."""

from __future__ import annotations

import importlib.util
import json
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from genesis.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from genesis.report.figures import Figures
    from genesis.settings import Settings
    from genesis.storage.span import Span

FILE = "report.html"
SINCE = "7d"
_PACKAGES = ("jinja2", "matplotlib")
_INSTALL = "pip install 'genesis[report]'"


@click.command("report")
@click.option("--camera", "cameras", multiple=True, metavar="C", help="Of this camera; repeatable.")
@click.option("--since", default=SINCE, show_default=True, metavar="WHEN", help="Since: `12h`, `7d`, `4w` ago, or an ISO time.")
@click.option("--until", metavar="WHEN", help="Until, in the same way; now, if it is left out.")
@click.option(
    "-o", "--output", "file", type=click.Path(dir_okay=False, path_type=Path), help=f"The page (default: {FILE}; with --json: none)."
)
@click.option("--open", "show", is_flag=True, help="Open the page.")
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
def command(*, cameras: tuple[str, ...], since: str, until: str | None, file: Path | None, show: bool, as_json: bool) -> None:
    """Tell who was there, for how long, what went on in zones and over lines, and how the cameras worked.

    \b
      genesis report                                 the last seven days, as report.html
      genesis report --camera door --since 24h --open
      genesis report --since 2026-01-01 --until 2026-02-01 -o january.html

    The page is one file with everything in it, faces and names too. Times are those of alerts.time_zone, else of this
    machine. The exit code is 1 if nothing was stored in that time.
    """  # noqa: D301 - click wants the character itself
    from genesis.embedded.database import open_database  # noqa: PLC0415 - --help stays quick
    from genesis.settings import current  # noqa: PLC0415

    settings, wanted = current(), file if as_json and not show else file or Path(FILE)
    if wanted is not None:
        _require_packages()
    span, now = _span(cameras, since, until, settings)
    with open_database(settings) as database:
        from genesis.report.figures import gather  # noqa: PLC0415 - --help loads no SQL

        figures = database.run(lambda cursor: gather(cursor, span))
    if figures is None:
        click.echo(f"nothing in that time ({_said(span)})", err=True)
        raise SystemExit(1)
    if as_json:
        from genesis.report.figures import plain  # noqa: PLC0415

        click.echo(json.dumps(plain(figures), indent=1))
    if wanted is not None:
        _write(figures, settings, wanted, now, quiet=as_json)
        if show:
            from genesis.cli.screen import present  # noqa: PLC0415

            present([wanted.absolute()])


def _require_packages() -> None:
    """Raise where what makes the page is missing.

    Raises:
        UsageError: it is.
    """
    missing = [name for name in _PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        msg = f"{' and '.join(missing)} not installed, without which there is no page: {_INSTALL}; --json alone needs none"
        raise UsageError(msg)


def _span(cameras: Sequence[str], since: str, until: str | None, settings: Settings) -> tuple[Span, datetime]:
    """Return the span that is meant, and the present.

    Raises:
        UsageError: a time can't be read, or the end lies before the begin.
    """
    from datetime import datetime, timezone  # noqa: PLC0415 - --help stays quick
    from zoneinfo import ZoneInfo  # noqa: PLC0415

    from genesis.cli.sightings import moment  # noqa: PLC0415
    from genesis.storage.span import Span  # noqa: PLC0415

    now = datetime.now(timezone.utc)
    begin, end = moment(since, "--since") or now, moment(until, "--until") or now
    if begin >= end:
        msg = f"--since {since!r} is not before {f'--until {until!r}' if until else 'now'}"
        raise UsageError(msg)
    zone = settings.alerts.time_zone
    return Span(begin, end, tuple(dict.fromkeys(cameras)), ZoneInfo(zone) if zone else None), now


def _said(span: Span) -> str:
    from genesis.cli.terminal import safe  # noqa: PLC0415 - --help stays quick
    from genesis.report.words import moment  # noqa: PLC0415

    which = f"; cameras {safe(', '.join(span.cameras), 200)}" if span.cameras else ""
    return f"{moment(span, span.since)} to {moment(span, span.until)}{which}"


def _write(figures: Figures, settings: Settings, file: Path, now: datetime, *, quiet: bool) -> None:
    """Write the page, whole or not at all, for us alone.

    Raises:
        UsageError: it can't be written.
    """
    from genesis.cli.people import counted  # noqa: PLC0415 - --help stays quick
    from genesis.cli.terminal import safe  # noqa: PLC0415
    from genesis.report.page import page  # noqa: PLC0415

    text = page(figures, settings.data_dir, now)
    try:
        handle, temporary = tempfile.mkstemp(dir=file.absolute().parent, prefix=f".{file.name[:50]}.")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as written:
                written.write(text)
            Path(temporary).replace(file)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as error:
        msg = f"{file}: can't be written: {error.strerror}"
        raise UsageError(msg) from error
    visits = counted(figures.totals.visits, "visit")
    click.echo(f"wrote {safe(str(file), 400)}: {visits}, {_said(figures.span)}", err=quiet)
