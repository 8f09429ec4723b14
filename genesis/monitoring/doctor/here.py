"""What of an installation is on this machine: its programs, its servers, the file of its settings."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable
from pathlib import Path

from genesis.monitoring.doctor.facts import Facts
from genesis.monitoring.doctor.machine import CHILD_BYTES
from genesis.monitoring.roll import at_work
from genesis.monitoring.status import ProgramStatus, Status
from genesis.settings import CONFIG_VARIABLE, DEFAULT_FILE


def programs_here(status: Status | None) -> tuple[ProgramStatus, ...]:
    """Return the programs at work on this machine."""
    host = socket.gethostname()
    return tuple(program for program in at_work(status.programs) if program.host == host) if status else ()


def ports_here(status: Status | None) -> frozenset[int] | None:
    """Return the ports that programs at work here serve their metrics on; None where nobody knows."""
    return None if status is None else frozenset(program.port for program in programs_here(status) if program.port)


def children_here(status: Status | None) -> dict[str, int]:
    """Return the worker children here, by that of their queues which says most about their size."""
    found: dict[str, int] = {}
    for worker in programs_here(status):
        if worker.role == "worker":
            queue = next((name for name in CHILD_BYTES if name in worker.queues), "others")
            found[queue] = found.get(queue, 0) + worker.children
    return found


def memory_of(servers: Iterable[Facts]) -> int:
    """Return the bytes that the Redis servers on this machine may take; where they have no limit, those that they use."""
    here = {str(facts.info.get("run_id")): facts.number("maxmemory") or facts.number("used_memory") for facts in servers if facts.here}
    return sum(here.values())


def settings_file() -> Path | None:
    """Return the file that the settings come from; None if there is none."""
    file = Path(os.environ.get(CONFIG_VARIABLE) or DEFAULT_FILE)
    return file if file.is_file() else None
