"""`genesis db`: what the database is, its schema, its sweep."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from genesis.embedded.database import Report


@click.group("db")
def command() -> None:
    """Show the database, bring its schema up to date, sweep it.

    It is the embedded PostgreSQL below data_dir, or the one that storage.dsn names.
    """


@command.command()
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def status(*, as_json: bool) -> None:
    """Show server, schema, and what is stored."""
    from genesis.embedded.database import report  # noqa: PLC0415 - --help stays quick
    from genesis.settings import current  # noqa: PLC0415

    found = report(current())
    if as_json:
        click.echo(json.dumps(found.as_dict(), indent=2))
    elif not found.exists:
        click.echo(f"there is no database yet in {found.where}: it is made when it is first needed")
    else:
        from rich.console import Console  # noqa: PLC0415

        Console().print(_render(found))


@command.command()
def upgrade() -> None:
    """Bring the schema up to date, or make it; what is stored stays."""
    from genesis.embedded.database import upgrade as upgrade_database  # noqa: PLC0415 - --help stays quick
    from genesis.settings import current  # noqa: PLC0415

    before, after = upgrade_database(current())
    if before == after:
        click.echo(f"the schema is up to date (revision {after})")
    else:
        click.echo(f"the schema was brought from {f'revision {before}' if before else 'nothing'} to revision {after}")


@command.command()
def sweep() -> None:
    """Remove what is older than its retention, as the bridge does by itself."""
    from genesis.embedded.database import sweep as sweep_database  # noqa: PLC0415 - --help stays quick
    from genesis.settings import current  # noqa: PLC0415

    removed = {name: count for name, count in sweep_database(current()).items() if count}
    told = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in removed.items())
    click.echo(f"removed: {told or 'nothing: nothing is older than its retention'}")


def _render(found: Report) -> object:
    from rich.table import Table  # noqa: PLC0415 - --help stays quick

    facts = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    facts.add_column(style="bold", no_wrap=True)
    facts.add_column(overflow="fold")
    facts.add_row("where", found.where)
    facts.add_row("server", f"PostgreSQL {found.server}, pgvector {found.pgvector or 'missing'}")
    facts.add_row("schema", found.schema_in_words)
    facts.add_row("size", f"{found.size_bytes / 1e6:.1f} MB")
    for name, count in found.rows.items():
        facts.add_row(name, str(count))
    return facts
