"""`genesis doctor`: what is wrong with the installation, or may go wrong, and what to do?"""

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
@click.option("--cameras/--no-cameras", default=True, show_default=True, help="Ask the cameras of the settings whether they would answer.")
def command(*, as_json: bool, cameras: bool) -> None:
    """Examine the installation: what is wrong, or endangers the promise that nothing is lost, and what to do about it.

    The servers: redis.url, frame_cache.url and celery.broker_url are asked for their settings, and on the first one is tried what
    Genesis relies on, with keys of its own below the prefix, which are removed; the database of storage.dsn.

    The programs, by their signs of life: who is missing, hangs, or is of another release; what waits in the streams and among
    the dead letters. This machine: weights, packages, disk, memory, ports. Cameras that give no frames are asked, without taking
    their stream. And what strangers could read or reach.

    Nothing else is changed, and all of it takes seconds. Exit code 1 if there is an error; a warning is none.
    """
    import msgspec  # noqa: PLC0415 - --help stays quick
    from rich.console import Console  # noqa: PLC0415

    from genesis.cli.doctor_models import model_checks  # noqa: PLC0415
    from genesis.cli.launch import interruptible  # noqa: PLC0415
    from genesis.cli.running import settings_in_force  # noqa: PLC0415
    from genesis.monitoring.doctor import examine  # noqa: PLC0415
    from genesis.subscriptions import load_subscriptions  # noqa: PLC0415

    settings = settings_in_force(lambda where: click.echo(f"genesis: of the `genesis up` that runs here ({where})", err=True))
    registry = load_subscriptions(settings.handlers)
    interruptible()
    told = Console(stderr=True)
    with told.status("examining") as status:
        report = examine(
            settings, registry, lambda what: status.update(f"examining {what}"), cameras=cameras,
            further=lambda seen: model_checks(settings, seen),
        )  # fmt: skip
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(report), indent=2).decode())
    else:
        show(report, Console())
    sys.exit(0 if report.fine else 1)


def show(report: Report, console: Console) -> None:
    """Print the findings, worst first; advice is one line each, so that it can be copied."""
    width = min(_WIDEST, max((len(row.about) for row in report.findings), default=0)) + 1
    for row in report.findings:
        _show(row, console, width)
    counts = {level: sum(row.level == level for row in report.findings) for level in NAMES}
    line = ", ".join(f"{count} {NAMES[level]}{'s' * (level in _PLURAL and count != 1)}" for level, count in counts.items() if count)
    console.print(f"{line}. {_verdict(report)}", style="bold", markup=False, highlight=False, soft_wrap=True)


def _verdict(report: Report) -> str:
    if report.errors:
        return "Events may be lost, or nothing runs: correct the errors first."
    if report.warnings:
        return "It works; the warnings tell what may be lost or slow, and when."
    return "Nothing is wrong, as far as can be told."


STYLES = {"error": "bold red", "warning": "yellow", "unknown": "cyan", "ok": "green"}
NAMES = {"error": "error", "warning": "warning", "unknown": "can't tell", "ok": "ok"}
_PLURAL = ("error", "warning")
_LEVEL = 11  # columns
_WIDEST = 30


def _show(row: Finding, console: Console, width: int) -> None:
    from rich.text import Text  # noqa: PLC0415

    head = Text.assemble((f"{NAMES[row.level]:<{_LEVEL}}", STYLES[row.level]), (f"{row.about:<{width}}", "dim"), row.found)
    indent = " " * (_LEVEL + width)
    console.print(head, soft_wrap=True)
    if row.why:
        lines = textwrap.fill(row.why, max(console.width, 80), initial_indent=indent, subsequent_indent=indent)
        console.print(Text(lines, style="dim"), soft_wrap=True)
    if row.advice:
        console.print(Text(f"{indent}-> {row.advice}"), soft_wrap=True)
