"""`python -m genesis.chaos`: break a running system, and exit 1 if anything was lost or done twice."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from genesis.errors import GenesisError, UsageError

if TYPE_CHECKING:
    from genesis.chaos.report import Report
    from genesis.chaos.site import Wishes

_WIDTH = 180  # of the table where there is no terminal
_MOST_FINDINGS = 30


@click.command(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.option("--events", type=click.IntRange(min=1), default=20_000, show_default=True, help="Numbered events, at least.")
@click.option("--faults", type=click.IntRange(min=0), default=200, show_default=True, help="Faults.")
@click.option("--seed", type=int, help="Of the schedule; one is chosen, and told, when none is given.")
@click.option("--only", multiple=True, metavar="KIND", help="Faults of this kind only; may be given several times. --list tells the kinds.")
@click.option("--list", "listing", is_flag=True, help="List the kinds of faults.")
@click.option("--rate", type=click.FloatRange(min=0.1), default=20.0, show_default=True, help="Events published per second.")
@click.option("--lease", type=click.FloatRange(min=1.0), default=3.0, show_default=True, help="delivery.lease_seconds.")
@click.option("--overlap", type=click.FloatRange(0, 1), default=0.33, show_default=True, help="Share of faults that don't wait.")
@click.option("--max-deliveries", type=click.IntRange(min=1), default=5, show_default=True, help="delivery.max_deliveries.")
@click.option("--retention", type=click.IntRange(min=0), default=1_000_000, show_default=True, help="redis.retention.")
@click.option("--poison", type=click.IntRange(min=0), default=4, show_default=True, help="Sets of events that hurt whoever handles them.")
@click.option("--soak", type=click.FloatRange(min=60), metavar="SECONDS", help="No faults: see for so long that memory stays flat.")
@click.option("--folder", type=click.Path(path_type=Path, file_okay=False), help="For logs and data, which then stay there.")
@click.option("--json", "json_file", type=click.Path(path_type=Path, dir_okay=False), help="Write the report there, as JSON.")
@click.option("--markdown", "markdown_file", type=click.Path(path_type=Path, dir_okay=False), help="Write the table there, as Markdown.")
def main(  # noqa: PLR0913 - an argument for each option
    *,
    events: int,
    faults: int,
    seed: int | None,
    only: tuple[str, ...],
    listing: bool,
    rate: float,
    lease: float,
    overlap: float,
    max_deliveries: int,
    retention: int,
    poison: int,
    soak: float | None,
    folder: Path | None,
    json_file: Path | None,
    markdown_file: Path | None,
) -> None:
    """Break a running system on purpose, and count what was lost or done twice.

    Starts servers, bridges, workers and a publisher of its own, publishes numbered events, and breaks one after the other
    of these while the events go through three stages into a file. Exits 1 on any loss, duplicate or leak.
    """
    from genesis.chaos import plan  # noqa: PLC0415 - --help stays quick

    if listing:
        for kind in plan.KINDS:
            click.echo(f"{kind.name:20} {kind.told}")
        return
    with _told_in_one_line():
        kinds = plan.chosen(only)
        from genesis.chaos.site import Wishes  # noqa: PLC0415

        if soak is not None:
            raise SystemExit(_soaked(soak, Wishes(rate=rate, retention=1000, tasks_per_child=10_000_000), folder))
        from genesis.chaos.run import Run, carry_out, interruptible, new_seed, workplace  # noqa: PLC0415

        seed = new_seed() if seed is None else seed
        steps = tuple(plan.schedule(seed, faults, kinds, lease=lease, overlap=overlap))
        wishes = Wishes(rate=rate, lease=lease, max_deliveries=max_deliveries, retention=retention)
        click.echo(f"chaos: seed {seed}, {faults} faults, {events} events at {rate:g}/s, lease {lease:g} s")
        with workplace(folder) as place, interruptible():
            report = carry_out(Run(seed, steps, events, wishes, poison), place, click.echo)
    _write(report, json_file, markdown_file)
    _show(report)
    if not report.good:
        click.echo(f"run it again: {_command(seed)}")
        raise SystemExit(1)


@contextmanager
def _told_in_one_line() -> Iterator[None]:
    """Answer an error of ours, or Ctrl-C, with one line and an exit code."""
    try:
        yield
    except GenesisError as error:
        click.echo(f"genesis: {error}", err=True)
        raise SystemExit(2 if isinstance(error, UsageError) else 1) from None
    except KeyboardInterrupt:
        click.echo("genesis: chaos was interrupted", err=True)
        raise SystemExit(130) from None


def _soaked(seconds: float, wishes: Wishes, folder: Path | None) -> int:
    """Publish for a while without faults, show what that took, and return the exit code."""
    from genesis.chaos import soak  # noqa: PLC0415 - --help stays quick
    from genesis.chaos.run import interruptible, workplace  # noqa: PLC0415

    click.echo(f"soak: {seconds:g} s at {wishes.rate:g} events a second")
    with workplace(folder) as place, interruptible():
        found = soak.soak(seconds, wishes, place, click.echo)
    _console().print(soak.table(found))
    return 0 if all(series.flat for series in found) else 1


def _write(report: Report, json_file: Path | None, markdown_file: Path | None) -> None:
    import msgspec  # noqa: PLC0415 - --help stays quick

    from genesis.chaos.report import markdown  # noqa: PLC0415

    if json_file:
        json_file.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=2))
    if markdown_file:
        markdown_file.write_text(markdown(report), encoding="utf-8")


def _console() -> Any:
    from rich.console import Console  # noqa: PLC0415 - --help stays quick

    return Console() if sys.stdout.isatty() else Console(width=_WIDTH)


def _show(report: Report) -> None:
    from genesis.chaos.report import table  # noqa: PLC0415 - --help stays quick

    _console().print(table(report))
    for finding in report.findings[:_MOST_FINDINGS]:
        click.echo(f"WRONG: {finding}")
    if len(report.findings) > _MOST_FINDINGS:
        click.echo(f"... and {len(report.findings) - _MOST_FINDINGS} more (--json has them all)")
    click.echo(
        f"{report.events} events, {report.effects} effects, {sum(row.injected for row in report.rows)} faults in {report.seconds:.0f} s: "
        f"{report.lost} lost, {report.doubled} doubled, {len(report.findings)} findings (seed {report.seed})"
    )


def _command(seed: int) -> str:
    words = [word for index, word in enumerate(sys.argv[1:]) if not word.startswith("--seed") and sys.argv[index] != "--seed"]
    return shlex.join(["python", "-m", "genesis.chaos", *words, "--seed", str(seed)])


if __name__ == "__main__":
    main()
