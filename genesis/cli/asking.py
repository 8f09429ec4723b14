"""Ask before something that can't be undone; try something that is undone at once."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from genesis.errors import UsageError

if TYPE_CHECKING:
    from genesis.storage.database import Database

Result = TypeVar("Result")


def confirm(what: str, *, yes: bool, dry_run: bool = True) -> None:
    """Ask whether to go on, unless that was answered on the command line.

    Args:
        what: the command's name, for the message.
        yes: it was.
        dry_run: whether the command has an option `--dry-run`.

    Raises:
        UsageError: there is nobody to ask.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        look = ", or --dry-run to only see what would be done" if dry_run else ""
        msg = f"{what}: nobody to ask, since this is no terminal: add --yes to do it{look}"
        raise UsageError(msg)
    click.confirm("Go on?", abort=True, err=True)


def tried(database: Database, action: Callable[[Any], Result]) -> Result:
    """Return what an action in a transaction returns, and take back what it did."""

    def act(cursor: Any) -> None:
        raise _UndoneError(action(cursor))

    try:
        database.run(act)
    except _UndoneError as undone:
        result: Result = undone.result
        return result
    raise AssertionError  # pragma: no cover - act always raises


class _UndoneError(Exception):
    def __init__(self, result: Any) -> None:
        super().__init__()
        self.result = result
