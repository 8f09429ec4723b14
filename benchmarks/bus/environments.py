"""The environments that the peers live in, made when they are first wanted: they want other versions of our own packages."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

import click

from genesis.errors import UsageError

ROOT = Path(__file__).parents[2]
OURS = "genesis"
REQUIREMENTS = {"main": "requirements.txt", "arq": "requirements-arq.txt"}
_DONE = "requirements.sha256"


def programs(environment: str) -> Path:
    """Return the folder of an environment's programs; make the environment if it is not there as it should be.

    Args:
        environment: `genesis` is the one that this runs in.

    Raises:
        UsageError: it can't be made.
    """
    if environment == OURS:
        return Path(sys.executable).parent
    folder, file = ROOT / "build" / "peers" / environment, ROOT / "benchmarks" / "peers" / REQUIREMENTS[environment]
    wanted = hashlib.sha256(file.read_bytes() + sys.version.encode()).hexdigest()
    done = folder / _DONE
    if not done.exists() or done.read_text(encoding="ascii") != wanted:
        click.echo(f"installing {file.name} into {folder} ...")
        shutil.rmtree(folder, ignore_errors=True)
        _do(sys.executable, "-m", "venv", str(folder))
        _do(str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", str(file))
        done.write_text(wanted, encoding="ascii")
    return folder / "bin"


def _do(*command: str) -> None:
    try:
        subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603 - ours
    except (OSError, subprocess.CalledProcessError) as error:
        words = (getattr(error, "stderr", "") or str(error)).strip().splitlines()
        msg = f"the peers can't be installed: {' '.join(command)}: {words[-1] if words else error}; choose contestants with --only"
        raise UsageError(msg) from None
