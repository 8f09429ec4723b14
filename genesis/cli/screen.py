"""Where things are shown: the terminal's table, the desktop's own program for a picture."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from genesis.cli.terminal import safe

if TYPE_CHECKING:
    from rich.console import Console

WIDE = 200  # columns of a table that goes into a file or another program
_PATH = 400  # characters shown


def console() -> Console:
    """Return the terminal; where there is none, tables are wide enough for what is in them."""
    from rich.console import Console  # noqa: PLC0415 - --help stays quick

    made = Console()
    return made if made.is_terminal else Console(width=WIDE)


def present(files: Sequence[Path]) -> None:
    """Open the first of some pictures with the desktop's own program, and say where they are."""
    opened = bool(files) and show(files[0])
    where = ", ".join(safe(str(path), _PATH) for path in files)
    click.echo(where if opened else f"no desktop to open it on: {where}", err=True)


def opener() -> list[str] | None:
    """Return the command that opens a file here; None where there is no desktop."""
    if sys.platform == "darwin":
        return ["open"]
    if not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return None
    program = shutil.which("xdg-open")
    return [program] if program else None


def show(path: Path) -> bool:
    """Open a file, without waiting for the program; return False if there is none for it."""
    command = opener()
    if command is None:
        return False
    try:
        subprocess.Popen(  # noqa: S603 - the desktop's own program
            [*command, str(path)], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
    except OSError:
        return False
    return True
