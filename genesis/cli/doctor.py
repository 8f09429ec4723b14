"""`genesis doctor`: do the configured servers keep the promise, and what endangers it?"""

from __future__ import annotations

import sys
import textwrap
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rich.console import Console

    from genesis.monitoring.doctor import Finding, Report


@click.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def command(*, as_json: bool) -> None:
    """Examine the configured servers: what endangers the promise that nothing is lost, and what to do about it.

    It asks redis.url, frame_cache.url and celery.broker_url for their settings, and tries on the first one what Genesis relies on,
    with keys of its own below the prefix, which are removed; and whether the database of storage.dsn can be used. Nothing else is
    changed. Exit code 1 if there is an error; a warning is none.
    """
    import msgspec  # noqa: PLC0415 - --help stays quick
    from rich.console import Console  # noqa: PLC0415

    from genesis.cli.launch import interruptible  # noqa: PLC0415
    from genesis.monitoring.doctor import examine  # noqa: PLC0415
    from genesis.settings import current  # noqa: PLC0415
    from genesis.subscriptions import load_subscriptions  # noqa: PLC0415

    settings = current()
    registry = load_subscriptions(settings.handlers)
    interruptible()
    told = Console(stderr=True)
    with told.status("examining") as status:
        report = examine(settings, registry, lambda what: status.update(f"examining {what}"))
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(report), indent=2).decode())
    else:
        show(report, Console())
    sys.exit(0 if report.fine else 1)


def show(report: Report, console: Console) -> None:
    """Print the findings, worst first; advice is one line each, so that it can be copied."""
    for row in report.findings:
        _show(row, console)
    counts = {level: sum(row.level == level for row in report.findings) for level in NAMES}
    line = ", ".join(f"{count} {NAMES[level]}{'s' * (level in _PLURAL and count != 1)}" for level, count in counts.items() if count)
    console.print(f"{line}. {_verdict(report)}", style="bold", markup=False, highlight=False, soft_wrap=True)


def _verdict(report: Report) -> str:
    if report.errors:
        return "Events may be lost, or nothing runs: correct the errors first."
    if report.warnings:
        return "It works; the warnings tell what may be lost or slow, and when."
    return "Nothing is lost with these servers, as far as can be told."


STYLES = {"error": "bold red", "warning": "yellow", "unknown": "cyan", "ok": "green"}
NAMES = {"error": "error", "warning": "warning", "unknown": "can't tell", "ok": "ok"}


_PLURAL = ("error", "warning")
_INDENT = " " * 29


def _show(row: Finding, console: Console) -> None:
    from rich.text import Text  # noqa: PLC0415

    head = Text.assemble((f"{NAMES[row.level]:<11}", STYLES[row.level]), (f"{row.about:<18}", "dim"), row.found)
    console.print(head, soft_wrap=True)
    if row.why:
        lines = textwrap.fill(row.why, max(console.width, 80), initial_indent=_INDENT, subsequent_indent=_INDENT)
        console.print(Text(lines, style="dim"), soft_wrap=True)
    if row.advice:
        console.print(Text(f"{_INDENT}-> {row.advice}"), soft_wrap=True)
