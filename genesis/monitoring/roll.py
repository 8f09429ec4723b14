"""Who is at work and who is missing, told from the programs' last signs of life."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from genesis.monitoring.status import ProgramStatus, Status


def at_work(programs: Iterable[ProgramStatus], role: str = "") -> tuple[ProgramStatus, ...]:
    """Return the programs, all or of one role, whose last sign of life is recent."""
    return tuple(program for program in programs if program.alive and role in {"", program.role})


def unserved(status: Status) -> dict[str, int]:
    """Return the queues that no worker serves, each with the entries that wait for one."""
    served = {queue for worker in at_work(status.programs, "worker") for queue in worker.queues}
    waiting: dict[str, int] = {}
    for stream in status.streams:
        for group in stream.groups:
            if group.queue and group.queue not in served:
                waiting[group.queue] = waiting.get(group.queue, 0) + group.pending + group.lag
    return waiting


def gone(programs: Sequence[ProgramStatus]) -> tuple[ProgramStatus, ...]:
    """Return the programs that fell silent without an end in order, and whose work nobody else does."""
    return tuple(program for program in programs if not program.alive and not _replaced(program, at_work(programs, program.role)))


def read_twice(programs: Sequence[ProgramStatus]) -> dict[str, tuple[ProgramStatus, ...]]:
    """Return the cameras that several captures read, with those captures."""
    readers: dict[str, list[ProgramStatus]] = {}
    for capture in at_work(programs, "capture"):
        for camera in capture.cameras:
            readers.setdefault(camera, []).append(capture)
    return {camera: tuple(captures) for camera, captures in sorted(readers.items()) if len(captures) > 1}


def _replaced(program: ProgramStatus, others: Sequence[ProgramStatus]) -> bool:
    """Tell whether others of its role do what it did: one that was started again has another name, most often."""
    if program.role == "worker":
        return bool(program.queues) and set(program.queues) <= {queue for other in others for queue in other.queues}
    if program.role == "capture":
        return set(program.cameras) <= {camera for other in others for camera in other.cameras} and bool(others)
    return bool(others)
