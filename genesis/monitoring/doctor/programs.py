"""Whether the programs of the installation are all there and well, told from their signs of life on the ledger."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from genesis.monitoring.doctor.findings import Finding
from genesis.monitoring.roll import at_work, gone, read_twice, unserved
from genesis.monitoring.status import ProgramStatus, Status
from genesis.settings import Settings

ABOUT = "programs"
_START = "genesis up; or each by itself: python -m genesis.bridge, celery -A genesis worker, python -m genesis.capture --mode event"
_AGAIN = {
    "bridge": "python -m genesis.bridge",
    "capture": "python -m genesis.capture",
    "exporter": "python -m genesis.monitoring",
}


def check_programs(status: Status, settings: Settings, version: str) -> Iterable[Finding]:
    """Look who is at work, and who is missing.

    Args:
        status: a look at the installation.
        settings: of it.
        version: of this release.
    """
    working = [program for program in at_work(status.programs) if program.role != "exporter"]
    if not working:
        yield _nobody(status, settings)
        return
    found = [
        *_bridge(status), *_queues(status), *_ailing(working), *_gone(status.programs), *_captures(status, settings),
        *_releases(status, version),
    ]  # fmt: skip
    yield from found or [Finding("ok", ABOUT, "programs", f"{_counted(working)} give signs of life, and every queue is served")]


def _nobody(status: Status, settings: Settings) -> Finding:
    waits = f", and {status.backlog} deliveries wait" if status.backlog else ""
    silent = [program for program in status.programs if program.role != "exporter"]
    if silent:
        last = min(silent, key=lambda program: program.age)
        return Finding(
            "error", ABOUT, "programs",
            f"nothing runs any more{waits}: the last sign of life, of {last.title}, is {last.age:.0f} s old",
            "They did not end in order: were killed, or their machine was, or they can't reach the ledger. What is published is safe.",
            f"look into their logs, and start them again: {_START}",
        )  # fmt: skip
    if waits:
        return Finding("warning", ABOUT, "programs", f"nothing runs{waits}", "They are safe there, and nothing is done with them.", _START)
    idle = "sync mode needs no programs beside capture" if settings.event_driven.mode == "sync" else f"to start: {_START}"
    return Finding("ok", ABOUT, "programs", f"nothing runs, and nothing waits ({idle})")


def _bridge(status: Status) -> Iterator[Finding]:
    if not at_work(status.programs, "bridge"):
        yield Finding(
            "error", ABOUT, "bridge", f"no bridge runs, and {status.backlog} deliveries wait",
            "It puts events into the workers' queues: without it nothing goes on, and publishing is refused once the streams are full.",
            _AGAIN["bridge"],
        )  # fmt: skip


def _queues(status: Status) -> Iterator[Finding]:
    missing = unserved(status)
    if not missing:
        return
    names, waiting = sorted(missing), sum(missing.values())
    yield Finding(
        "error" if waiting else "warning", ABOUT, "queues",
        f"no worker serves {', '.join(names)} ({f'{waiting} deliveries wait' if waiting else 'nothing waits yet'})",
        "What is for a queue waits until a worker serves it; once its stream is full, capture and the other workers are refused.",
        f"celery -A genesis worker -Q {','.join(names)}",
    )  # fmt: skip


def _ailing(working: Iterable[ProgramStatus]) -> Iterator[Finding]:
    for program in working:
        if program.ailing:
            yield Finding(
                "error", ABOUT, "ailing", f"{program.title} (pid {program.pid} on {program.host}) has stopped going on: "
                f"{', '.join(program.ailing)}",
                "It is alive, but this part of it has not moved for longer than it ever should.",
                f"look into its log, and start it again: kill {program.pid} on {program.host}, then {_again(program)}",
            )  # fmt: skip


def _gone(programs: tuple[ProgramStatus, ...]) -> Iterator[Finding]:
    for program in gone(programs):
        if program.role == "bridge":
            continue  # told by that no bridge runs
        yield Finding(
            "warning", ABOUT, "silent",
            f"{program.title} (pid {program.pid} on {program.host}) gave no sign of life for {program.age:.0f} s",
            "It did not end in order: it was killed, hangs, or can't reach the ledger. It is forgotten after an hour.",
            f"look into its log; if it is gone: {_again(program)}",
        )  # fmt: skip


def _captures(status: Status, settings: Settings) -> Iterator[Finding]:
    for camera, captures in read_twice(status.programs).items():
        yield Finding(
            "warning", ABOUT, "captures", f"camera {camera} is read by {' and '.join(f'{row.name} on {row.host}' for row in captures)}",
            "Each of its frames is published, detected and counted more than once, and people are followed twice.",
            f"stop all but one of them, or give their cameras different names: kill {captures[-1].pid} on {captures[-1].host}",
        )  # fmt: skip
    read = {camera for capture in at_work(status.programs, "capture") for camera in capture.cameras}
    unread = [camera.name for camera in settings.cameras if camera.name not in read]
    if unread and settings.event_driven.mode != "sync":
        yield Finding(
            "warning", ABOUT, "captures", f"no capture reads {', '.join(unread)}",
            "Nothing is seen there, though the settings name it under cameras.", _AGAIN["capture"],
        )  # fmt: skip


def _releases(status: Status, version: str) -> Iterator[Finding]:
    working = at_work(status.programs)
    if {program.version for program in working} <= {version}:
        return
    others = ", ".join(f"{program.title} {program.version}" for program in working if program.version != version)
    yield Finding(
        "warning", ABOUT, "releases", f"programs of other releases than this one ({version}): {others}",
        "A newer release may publish what an older one can't read; that becomes dead letters.",
        "upgrade the older ones, workers and bridges first and capture last",
    )  # fmt: skip


def _again(program: ProgramStatus) -> str:
    if program.role == "worker":
        return f"celery -A genesis worker -Q {','.join(program.queues)}"
    return _AGAIN.get(program.role, "start it as before")


def _counted(programs: Iterable[ProgramStatus]) -> str:
    roles = Counter(program.role for program in programs)
    return ", ".join(f"{count} {role}{'' if count == 1 else 's'}" for role, count in roles.items())
