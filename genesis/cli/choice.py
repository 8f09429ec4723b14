"""Which dead letters a command line means, and the graveyard that they are in."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Callable
    from threading import Event as Signal

    from genesis.bus.graveyard import Graveyard
    from genesis.bus.selection import Selection


def filters(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that choose dead letters; the function gets them as one dictionary `chosen`."""
    names = ("streams", "groups", "errors", "reasons", "since")

    @wraps(function)
    def called(*args: Any, **kwargs: Any) -> Any:
        return function(*args, chosen={name: kwargs.pop(name) for name in names}, **kwargs)

    for option in (
        click.option("--since", metavar="WHEN", help="Buried since: `10m`, `2h`, `3d` ago, or an ISO time."),
        click.option("--reason", "reasons", multiple=True, metavar="R", help="Of this reason, such as `poison`; repeatable."),
        click.option(
            "--error", "errors", multiple=True, metavar="E",
            help="Of this error: `KeyError`, `psycopg2.*`, or type and message: `KeyError: *door*`; repeatable.",
        ),
        click.option("--group", "groups", multiple=True, metavar="G", help="Of this group; repeatable."),
        click.option("--stream", "streams", multiple=True, metavar="S", help="Of this stream, such as `zones`; repeatable."),
    ):  # fmt: skip
        called = option(called)
    return called


def open_graveyard(stopped: Signal | None = None) -> Graveyard:
    """Return the dead letters of this installation; nothing is sent yet."""
    from genesis.bus.graveyard import Graveyard  # noqa: PLC0415 - --help stays quick
    from genesis.cli.running import settings_in_force  # noqa: PLC0415

    return Graveyard(settings_in_force(), stopped=stopped)


def selection_of(graveyard: Graveyard, chosen: dict[str, Any]) -> Selection:
    """Return what the filters choose.

    Raises:
        UsageError: a stream, group or reason that there is not, or a time that can't be read.
    """
    from genesis.bus.selection import Selection  # noqa: PLC0415 - --help stays quick

    selection = Selection.of(graveyard.keys, graveyard.now(), **chosen)
    if selection.groups:
        graveyard.check_groups(selection)
    return selection


def is_filtered(chosen: dict[str, Any]) -> bool:
    """Tell whether any filter was given."""
    return any(value is not None and value != () for value in chosen.values())
