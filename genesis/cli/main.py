"""The group of all subcommands, and the one place where an error becomes a line and an exit code.

Subcommands are imported when they are run, so that `genesis --help` is there at once.
"""

from __future__ import annotations

import importlib
import os
import sys
from typing import Any

import click

import genesis
from genesis.errors import GenesisError, UsageError

# name: module, one line of help
COMMANDS = {
    "run": ("genesis.cli.run", "Play a clip through the whole event pipeline and report."),
    "up": ("genesis.cli.up", "Run everything on this machine until Ctrl-C."),
    "init": ("genesis.cli.init", "Create the streams and groups."),
    "status": ("genesis.cli.status", "Show cameras, streams, programs and the frame cache; --watch keeps a screen."),
    "trace": ("genesis.cli.trace", "Show what came of one event, group by group."),
    "health": ("genesis.cli.health", "Say whether the programs of this machine go on; for health checks."),
    "dlq": ("genesis.cli.dlq", "Look at the dead letters, replay or drop them."),
    "doctor": ("genesis.cli.doctor", "Say what is wrong or may go wrong, and what to do."),
    "identity": ("genesis.cli.identity", "Enrol people, name the unknown, merge and remove."),
    "sightings": ("genesis.cli.sightings", "Show who was seen where and when."),
    "zones": ("genesis.cli.zones", "Show the zones and lines of the cameras, drawn into a picture."),
    "alerts": ("genesis.cli.alerts", "Show the alerts and the rules; try whether somebody is told."),
    "model": ("genesis.cli.model", "List the weights that are there, make a faster form of the detector's."),
    "report": ("genesis.cli.visits", "Tell who was there, for how long, and what went on, as a page."),
    "erase": ("genesis.cli.erase", "Remove everything that is known of a person."),
    "db": ("genesis.cli.db", "Show the database, bring its schema up to date, sweep it."),
    "compare": ("genesis.cli.compare", "Show where sync and event mode disagree."),
    "config": ("genesis.cli.config", "Check and show the settings."),
}


class Commands(click.Group):
    """Subcommands by name, imported when they are needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of the help text."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a subcommand."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(COMMANDS[cmd_name][0]).command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of subcommands without importing them."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the subcommand; an unknown one is answered with the known ones."""
        if args and args[0] not in COMMANDS:
            ctx.fail(f"no command {args[0]!r} (commands: {', '.join(COMMANDS)})")
        return super().resolve_command(ctx, args)

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Run a command; our own errors are one line, with exit code 2 for a wrong use and 1 for all else."""
        try:
            return super().main(*args, **kwargs)
        except GenesisError as error:
            from genesis.masking import mask  # noqa: PLC0415 - --help stays quick

            click.echo(f"genesis: {mask(str(error))}", err=True)
            sys.exit(2 if isinstance(error, UsageError) else 1)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option("--config", type=click.Path(dir_okay=False), help="Settings file (default: configs/settings.yaml).")
@click.version_option(genesis.__version__, prog_name="genesis")
def main(config: str | None) -> None:
    """Cameras in, knowledge out: who was where, when, with no event lost.

    The parts can also be run one by one, on one machine or many:

    \b
      python -m genesis.capture --source rtsp://...   cameras to events
      python -m genesis.bridge                        events to Celery tasks
      celery -A genesis worker -Q detection           tasks to more events
      celery -A genesis flower                        watch the workers
    """  # noqa: D301 - click's mark for lines that stay as they are
    from genesis.logs import configure  # noqa: PLC0415 - --help stays quick

    configure(quiet=True)
    if config:
        from genesis.settings import CONFIG_VARIABLE  # noqa: PLC0415 - --help stays quick

        os.environ[CONFIG_VARIABLE] = config
