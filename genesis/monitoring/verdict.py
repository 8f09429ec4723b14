"""How an installation is, in one word, and why: decided from a look at it alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal

import msgspec

from genesis.monitoring.roll import at_work, gone, unserved
from genesis.monitoring.status import CameraStatus, GroupStatus, Status
from genesis.settings import Settings

Word = Literal["healthy", "idle", "attention", "trouble"]
"""healthy: work is done, and nothing is wrong. idle: nothing runs and nothing waits. attention: it works, and somebody should look.
trouble: something is not done, or not seen."""

OLD_LEASES = 5  # pending for longer than this many leases: whoever has it does not get on
SILENT_SECONDS = 30.0  # a camera that should give frames was not heard of for this long
NEARLY_FULL = 0.9  # of the frame cache


class Reason(msgspec.Struct, frozen=True):
    """Something that is not as it should be; `grave`: something is not done or not seen because of it."""

    text: str
    grave: bool = False


class Verdict(msgspec.Struct, frozen=True):
    """The word, and the reasons for it, gravest first."""

    word: Word
    reasons: tuple[Reason, ...] = ()


def judge(status: Status, settings: Settings) -> Verdict:
    """Judge a look at an installation.

    Args:
        status: what was seen.
        settings: of the installation; leases and limits on unsettled work are used.
    """
    found = sorted(_reasons(status, settings), key=lambda reason: not reason.grave)
    if any(reason.grave for reason in found):
        return Verdict("trouble", tuple(found))
    if found:
        return Verdict("attention", tuple(found))
    works = any(program.role != "exporter" for program in at_work(status.programs))
    return Verdict("healthy" if works or status.backlog else "idle")


def _reasons(status: Status, settings: Settings) -> Iterator[Reason]:
    yield from _hands(status)
    yield from _cameras(status)
    for stream in status.streams:
        short = stream.stream.removeprefix(f"{status.prefix}:")
        for group in stream.groups:
            yield from _group(f"{short}/{group.group}", group, settings, expected=stream.exists)
    yield from _programs(status)
    if letters := {
        stream.stream.removeprefix(f"{status.prefix}:"): stream.dead_letters for stream in status.streams if stream.dead_letters
    }:
        where = ", ".join(f"{short} {count}" for short, count in letters.items())
        yield Reason(f"{_counted(sum(letters.values()), 'dead letter')} ({where})")
    cache = status.cache
    if cache.error:
        yield Reason(f"frame cache: {cache.error}", grave=True)
    elif cache.limit and cache.bytes > NEARLY_FULL * cache.limit:
        yield Reason(f"frame cache {cache.bytes / cache.limit:.0%} full")


def _hands(status: Status) -> Iterator[Reason]:
    """Look whether somebody does the work that is there, or would be."""
    waits = f"{_counted(status.backlog, 'delivery waits', 'deliveries wait')}" if status.backlog else ""
    if not at_work(status.programs):
        if status.programs:
            last = min(program.age for program in status.programs)
            yield Reason(f"nothing runs any more, for {last:.0f} s{f', and {waits}' if waits else ''}", grave=True)
        elif waits:
            yield Reason(f"nothing runs, and {waits}", grave=True)
        return
    if {program.role for program in status.programs} == {"exporter"} and not waits:
        return
    if not at_work(status.programs, "bridge"):
        yield Reason("no bridge runs", grave=True)
    missing = unserved(status)
    if waiting := sorted(queue for queue, count in missing.items() if count):
        yield Reason(f"no worker for {_listed(waiting)}: {_counted(sum(missing.values()), 'entry waits', 'entries wait')}", grave=True)
    if idle := sorted(queue for queue, count in missing.items() if not count):
        yield Reason(f"no worker for {_listed(idle)}")


def _cameras(status: Status) -> Iterator[Reason]:
    captured = {camera for capture in at_work(status.programs, "capture") for camera in capture.cameras}
    for camera in status.cameras:
        if camera.state == "lost":
            yield Reason(f"camera {camera.camera} is lost", grave=True)
        elif _silent(camera, captured):
            yield Reason(f"camera {camera.camera} was not heard of for {camera.age:.0f} s", grave=True)


def _silent(camera: CameraStatus, captured: Iterable[str]) -> bool:
    # One that is read by nobody any more belongs to a session that was cut off; it is told of for as long as that is news.
    return camera.state == "live" and camera.age > SILENT_SECONDS and (camera.camera in captured or camera.age < 3600)  # noqa: PLR2004


def _group(name: str, group: GroupStatus, settings: Settings, *, expected: bool) -> Iterator[Reason]:
    pressure, backlog = settings.event_driven.backpressure, group.pending + group.lag
    if not group.exists:
        if expected:
            yield Reason(f"group {name} is missing")
        return
    if pressure.enabled and backlog >= pressure.max_pending:
        yield Reason(f"{name} is full: {backlog} of {pressure.max_pending} unsettled", grave=True)
    elif pressure.enabled and backlog >= pressure.block_threshold:
        yield Reason(f"{name} is nearly full: {backlog} of {pressure.max_pending} unsettled")
    if group.oldest_pending is not None and group.oldest_pending > OLD_LEASES * settings.delivery.lease_seconds:
        yield Reason(f"{name}: an entry is pending for {group.oldest_pending:.0f} s")


def _programs(status: Status) -> Iterator[Reason]:
    for program in at_work(status.programs):
        if program.ailing:
            yield Reason(f"{program.title} has stopped going on: {', '.join(program.ailing)}", grave=True)
    for program in gone(status.programs) if at_work(status.programs) else ():
        yield Reason(f"{program.title} gave no sign of life for {program.age:.0f} s")


def _listed(names: Iterable[str]) -> str:
    names = list(names)
    return f"queue {names[0]}" if len(names) == 1 else f"queues {', '.join(names)}"


def _counted(count: int, one: str, many: str = "") -> str:
    return f"{count} {one if count == 1 else many or f'{one}s'}"
