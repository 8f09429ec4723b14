"""Where the programs serve metrics and health: a file each, in the form in which Prometheus discovers its targets.

A program that ends in order removes its file. One that is killed leaves it, so that Prometheus and `genesis health` miss it; started
again it takes the same port, and with it the same file.
"""

from __future__ import annotations

import glob
import json
import os
import socket
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path("run", "targets")  # below the data folder
_EVERYWHERE = {"0.0.0.0", "::", ""}  # noqa: S104 - nothing listens here


@dataclass(frozen=True, slots=True)
class Target:
    """One program.

    Attributes:
        role: bridge, capture, worker or exporter.
        program: its name within the role.
        address: host and port, as in a URL.
        file: that tells of it.
    """

    role: str
    program: str
    address: str
    file: Path

    @property
    def here(self) -> str:
        """The address for who asks on the same machine, whose own name need not be known to any name server."""
        host, _, port = self.address.rpartition(":")
        return f"127.0.0.1:{port}" if host == socket.gethostname() else self.address


def told(data_dir: Path, *, role: str, program: str, host: str, port: int) -> Target:
    """Write the file of a program.

    Args:
        data_dir: the data folder.
        role: see `Target`.
        program: likewise.
        host: where the program listens; if that is everywhere, the machine's name is told.
        port: likewise.

    Raises:
        OSError: the file can't be written.
    """
    machine = socket.gethostname()
    name = machine if host in _EVERYWHERE else host
    address = f"[{name}]:{port}" if ":" in name else f"{name}:{port}"
    # Programs of several machines may share a data folder.
    target = Target(role, program, address, data_dir / FOLDER / f"{machine}-{port}.json")
    target.file.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps([{"targets": [address], "labels": {"role": role, "program": program}}])
    aside = target.file.with_suffix(f".{os.getpid()}")
    aside.write_text(text, encoding="utf-8")
    aside.replace(target.file)
    return target


def targets(data_dir: Path) -> list[Target]:
    """Return the programs of this machine that tell of themselves; a file that is none of ours is left out."""
    found = []
    for file in sorted((data_dir / FOLDER).glob(f"{glob.escape(socket.gethostname())}-*.json")):
        try:
            row = json.loads(file.read_text(encoding="utf-8"))[0]
            labels = row["labels"]
            found.append(Target(str(labels["role"]), str(labels["program"]), str(row["targets"][0]), file))
        except (OSError, ValueError, LookupError, TypeError):
            continue
    return found
