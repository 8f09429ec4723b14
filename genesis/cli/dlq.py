"""`genesis dlq`: look at the dead letters, replay them once their cause is mended, or drop them."""

from __future__ import annotations

import sys
from itertools import islice
from typing import TYPE_CHECKING, Any

import click

from genesis.cli.choice import filters, is_filtered, open_graveyard, selection_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import Console

    from genesis.bus.deadletters import DeadLetter
    from genesis.bus.graveyard import Graveyard
    from genesis.bus.plan import Plan
    from genesis.cli.removal import Verb

ROWS = 50  # of a table, unless said otherwise
WIDE = 200  # columns of a table that goes into a file or another program


@click.group("dlq")
def command() -> None:
    """Look at the dead letters, replay or drop them.

    A dead letter is an event that a group could not handle. It holds the event as it was and why it was
    buried. Its id is STREAM/MILLISECONDS-NUMBER, as `genesis dlq list` shows it.
    """


@command.command("list")
@filters
@click.option("--limit", type=click.IntRange(min=1), help=f"Show no more than this many (a table: {ROWS}; JSON: all).")
@click.option("--json", "as_json", is_flag=True, help="As a JSON array.")
def list_letters(*, chosen: dict[str, Any], limit: int | None, as_json: bool) -> None:
    """List dead letters, the newest first.

    runs: how often its handler failed. given: how often it was given to a worker. replays: how often it
    had been replayed before.
    """
    from genesis.cli import letters  # noqa: PLC0415 - --help stays quick

    graveyard = open_graveyard()
    found = graveyard.select(selection_of(graveyard, chosen), newest_first=True)
    if as_json:
        between = "[\n"
        for letter in islice(found, limit):
            click.echo(between + letters.as_json(letters.summary(letter)), nl=False)
            between = ",\n"
        click.echo("[]" if between == "[\n" else "\n]")
        return
    shown = list(islice(found, limit or ROWS))
    if not shown:
        click.echo("no dead letters" + (" that these filters choose" if is_filtered(chosen) else ""))
        return
    console = _console()
    console.print(letters.table(shown, graveyard.now(), console.width))
    if next(found, None) is not None:
        count = "" if is_filtered(chosen) else f" of {sum(graveyard.lengths().values()):,}"
        click.echo(f"the newest {len(shown)}{count} (--limit shows more, `genesis dlq stats` counts them)")


@command.command()
@click.argument("name", metavar="ID")
@click.option("--json", "as_json", is_flag=True, help="As JSON, with every field.")
def show(*, name: str, as_json: bool) -> None:
    """Show one dead letter: the event, why it was buried, and the traceback."""
    from rich.console import Console  # noqa: PLC0415 - --help stays quick
    from rich.text import Text  # noqa: PLC0415

    from genesis.cli import letters  # noqa: PLC0415

    letter = open_graveyard().find(name)
    if as_json:
        click.echo(letters.as_json(letters.whole(letter), indent=2))
        return
    console = Console()
    for line, style in letters.full(letter):
        console.print(Text(line, style=style), soft_wrap=True)


def removal(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add what `replay` and `drop` have in common."""
    for option in (
        click.option("--yes", is_flag=True, help="Do not ask."),
        click.option("--dry-run", is_flag=True, help="Only say what would be done."),
        click.option("--all", "everything", is_flag=True, help="All dead letters."),
        click.option("--limit", type=click.IntRange(min=1), help="No more than this many, the oldest first."),
        filters,
        click.argument("names", metavar="[ID]...", nargs=-1),
    ):
        function = option(function)
    return function


@command.command()
@removal
@click.option("--rate", type=click.FloatRange(min=0, min_open=True), help="No more than this many a second.")
def replay(*, rate: float | None, **options: Any) -> None:
    """Put events back into their stream, for the group that failed and no other.

    The event keeps its id. Each dead letter is replayed once, however often this is run or interrupted. A
    full stream is waited for.
    """
    _remove("replay", rate=rate, **options)


@command.command()
@removal
def drop(**options: Any) -> None:
    """Remove dead letters for good. `genesis dlq export` makes a copy first."""
    _remove("drop", **options)


@command.command()
@filters
@click.option("--jsonl", is_flag=True, default=True, help="One JSON object a line (there is no other form).")
@click.argument("file", type=click.File("w", encoding="utf-8", lazy=False), default="-")
def export(*, chosen: dict[str, Any], jsonl: bool, file: Any) -> None:
    """Write dead letters to FILE (`-`, the default: to the terminal), the oldest first, with all that they hold.

    The event's own fields are written as they are, unmasked: they are an object, or a list of [name, value]
    where a name is not UTF-8 or comes twice; a value that is not UTF-8 is {"base64": "..."}.
    """
    from genesis.cli import letters  # noqa: PLC0415 - --help stays quick
    from genesis.cli.removal import Progress  # noqa: PLC0415

    del jsonl
    graveyard, count = open_graveyard(), 0
    selection = selection_of(graveyard, chosen)
    with Progress("exporting dead letters", None) as progress:
        for count, letter in enumerate(graveyard.select(selection), start=1):
            file.write(letters.as_json(letters.whole(letter, masked=False)) + "\n")
            progress.at(count)
        file.flush()
    click.echo(f"exported {count:,} dead letter{'' if count == 1 else 's'}" + ("" if file is sys.stdout else f" to {file.name}"), err=True)


@command.command()
@filters
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def stats(*, chosen: dict[str, Any], as_json: bool) -> None:
    """Count dead letters by stream, group, reason and error."""
    from genesis.cli import letters  # noqa: PLC0415 - --help stays quick
    from genesis.cli.removal import Progress  # noqa: PLC0415

    graveyard = open_graveyard()
    selection = selection_of(graveyard, chosen)
    with Progress("counting dead letters", None) as progress:
        rows = letters.shares(_counted(graveyard.select(selection), progress))
    total = sum(row.letters for row in rows)
    if as_json:
        click.echo(letters.as_json({"total": total, "by": [row.as_json() for row in rows]}, indent=2))
        return
    if rows:
        _console().print(letters.share_table(rows, graveyard.now()))
    click.echo(f"{total:,} dead letter{'' if total == 1 else 's'}")


def _counted(letters: Iterator[DeadLetter], progress: Any) -> Iterator[DeadLetter]:
    for number, letter in enumerate(letters, start=1):
        progress.at(number)
        yield letter


def _remove(
    verb: Verb,
    *,
    names: tuple[str, ...],
    chosen: dict[str, Any],
    limit: int | None,
    everything: bool,
    dry_run: bool,
    yes: bool,
    rate: float | None = None,
) -> None:
    import threading  # noqa: PLC0415 - --help stays quick

    from genesis.cli.removal import carry_out, confirm, told  # noqa: PLC0415
    from genesis.errors import UsageError  # noqa: PLC0415

    if sum((bool(names), is_filtered(chosen), everything)) != 1:
        ways = "ids (zones/1764052345123-0), filters (--stream, --group, --error, --reason, --since), or --all"
        msg = f"{verb}: which dead letters? Give one of these: {ways}"
        raise UsageError(msg)
    stopped = threading.Event()
    graveyard = open_graveyard(stopped)
    plan, missing = _plan(verb, graveyard, names, chosen, limit)
    for line in (*missing, *told(verb, plan)):
        click.echo(line)
    if dry_run:
        click.echo("(dry run: nothing was done)")
    elif plan.total:
        confirm(verb, yes=yes)
        sys.exit(carry_out(graveyard, verb, plan, stopped, rate) or bool(missing))
    sys.exit(bool(missing or plan.left))


def _plan(verb: Verb, graveyard: Graveyard, names: tuple[str, ...], chosen: dict[str, Any], limit: int | None) -> tuple[Plan, list[str]]:
    """Return the plan, and a line for each letter that was named and is not there."""
    from genesis.bus.plan import plan_named, plan_selected  # noqa: PLC0415
    from genesis.cache import FrameCache  # noqa: PLC0415
    from genesis.cli.removal import Progress  # noqa: PLC0415
    from genesis.errors import NoSuchLetterError  # noqa: PLC0415
    from genesis.settings import current  # noqa: PLC0415

    cache = FrameCache.of(current()) if verb == "replay" else None
    if not names:
        selection = selection_of(graveyard, chosen)
        with Progress("looking for dead letters", None) as progress:
            return plan_selected(graveyard, selection, limit, cache, progress.at), []
    found, missing = [], []
    for name in names:
        try:
            found.append(graveyard.find(name))
        except NoSuchLetterError as error:
            missing.append(str(error))
    return plan_named(graveyard, found[:limit], cache), missing


def _console() -> Console:
    from rich.console import Console  # noqa: PLC0415

    console = Console()
    return console if console.is_terminal else Console(width=WIDE)
