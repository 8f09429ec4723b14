"""Flower as the settings want it: where `celery -A genesis flower` listens, what it asks for, and what its list of tasks shows.

Flower has options of its own: variables (`FLOWER_PORT`), a file (`flowerconfig.py`) and the command line (`--port=`). What its user
says there wins. The settings become options within the process, so that a password is neither an argument nor a variable of it.
"""

from __future__ import annotations

import ipaddress
import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from genesis.errors import UsageError

if TYPE_CHECKING:
    from genesis.settings import Flower

logger = logging.getLogger(__name__)

NAME = "flower"
COLUMNS = "name,args,state,runtime,received,worker,uuid"
"""Of the list of tasks. The arguments tell camera, run and event; the last one, stream, group and entry, opens the task's own page."""


def runs_flower(argv: Sequence[str]) -> bool:
    """Tell whether a command line of Celery's is Flower's.

    Args:
        argv: program and arguments.
    """
    if NAME not in argv[1:]:
        return False
    from celery.bin.celery import celery  # noqa: PLC0415 - nobody else needs it

    return next((word for word in argv[1:] if word in celery.commands), "") == NAME


def prepare_flower(settings: Flower, argv: Sequence[str]) -> None:
    """Make the settings Flower's own options, below those of its user, and see that it can listen.

    Args:
        settings: of this installation.
        argv: program and arguments.

    Raises:
        UsageError: an option that can't be used, a port that is taken, or a page that the settings would show to everybody.
    """
    if "--help" in argv:
        return
    from flower.command import apply_env_options, apply_options  # noqa: PLC0415 - it runs, so it is there
    from tornado.options import Error, options  # noqa: PLC0415

    options.port = settings.port
    options.max_tasks = settings.max_tasks
    options.basic_auth = [settings.basic_auth] if settings.basic_auth else []
    options.tasks_columns = COLUMNS
    if "read_only" in options:  # not in older ones
        options.read_only = True  # a task that is revoked there would come again and again, and never run
    options.enable_events = False  # it would turn on the events of every worker, which cost those that did not ask for them dearly
    try:
        apply_env_options()
        apply_options(argv[0], argv[argv.index(NAME) + 1 :])
    except (Error, ValueError, OSError) as error:
        msg = f"Flower's options: {error}"
        raise UsageError(msg) from error
    chosen = bool(options.address or options.unix_socket)
    options.address = options.address or settings.address
    if not options.unix_socket:
        _check_exposed(options, chosen=chosen)
        _check_port(options.address, options.port)


def _check_exposed(options: Any, *, chosen: bool) -> None:
    """Refuse a page that everybody can read, unless Flower itself was asked for that."""
    if options.basic_auth or options.auth or _is_loopback(options.address):
        return
    if chosen:
        logger.warning("Flower listens on %s and asks nobody who they are: set flower.basic_auth, or let a proxy ask", options.address)
        return
    msg = (
        f"flower.address {options.address!r} would show Flower to the whole network: set flower.basic_auth (user:password), or leave "
        "the address at 127.0.0.1; `celery -A genesis flower --address=...` does it all the same"
    )
    raise UsageError(msg)


def _check_port(address: str, port: int) -> None:
    from tornado.netutil import bind_sockets  # noqa: PLC0415 - of Flower

    try:
        sockets = bind_sockets(port, address)
    except OSError as error:
        msg = f"Flower can't listen on {address}:{port} ({error.strerror or error}): choose another flower.port, or end what is there"
        raise UsageError(msg) from error
    for one in sockets:
        one.close()


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return address == "localhost"
