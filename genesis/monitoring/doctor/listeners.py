"""Who listens on a port of this machine, as far as the system tells us."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path

_LISTENS = "0A"
_TABLES = ("/proc/net/tcp", "/proc/net/tcp6")


@dataclass(frozen=True, slots=True)
class Listener:
    """A process that listens: its command line with spaces between the words."""

    pid: int
    command: str

    @property
    def ours(self) -> bool:
        """Whether it is a program of Genesis: of some installation, not necessarily of this one."""
        return "genesis" in self.command

    def __str__(self) -> str:
        """Return its name and pid; no arguments, which may hold secrets."""
        words = self.command.split() or ["?"]
        name = Path(words[0]).name
        module = words[words.index("-m") + 1] if "-m" in words[:-1] else ""
        return f"{name}{f' -m {module}' if module else ''} (pid {self.pid})"


def listener(port: int) -> Listener | None:
    """Return who listens on a TCP port; None where nobody does, or it is a process that we may not look at."""
    sockets = _sockets(port)
    if not sockets:
        return None
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            for link in (folder / "fd").iterdir():
                if str(link.readlink()) in sockets:
                    words = (folder / "cmdline").read_bytes().rstrip(b"\0").split(b"\0")
                    return Listener(int(folder.name), " ".join(word.decode("utf-8", "replace") for word in words))
    return None


def _sockets(port: int) -> set[str]:
    found = set()
    for table in _TABLES:
        with contextlib.suppress(OSError):
            for line in Path(table).read_text(encoding="ascii").splitlines()[1:]:
                words = line.split()
                if words[3] == _LISTENS and int(words[1].rpartition(":")[2], 16) == port:
                    found.add(f"socket:[{words[9]}]")
    return found
