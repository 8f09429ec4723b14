"""What waits in the streams: too much, for too long, or among the dead letters."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from genesis.monitoring.doctor.findings import Finding
from genesis.monitoring.status import GroupStatus, Status
from genesis.monitoring.verdict import OLD_LEASES
from genesis.settings import Settings

ABOUT = "streams"


def check_backlog(status: Status, settings: Settings, cli: str = "redis-cli") -> Iterable[Finding]:
    """Look at what waits.

    Args:
        status: a look at the installation.
        settings: of it.
        cli: how redis-cli reaches the ledger.
    """
    found = [*_full(status, settings), *_old(status, settings, cli), *_letters(status)]
    yield from found or [Finding("ok", ABOUT, "backlog", f"{status.backlog} deliveries wait, none of them for long, and no dead letters")]


def _groups(status: Status) -> Iterator[tuple[str, GroupStatus]]:
    for stream in status.streams:
        for group in stream.groups:
            if group.exists:
                yield f"{group.group} of {stream.stream}", group


def _full(status: Status, settings: Settings) -> Iterator[Finding]:
    pressure = settings.event_driven.backpressure
    for name, group in _groups(status) if pressure.enabled else ():
        backlog = group.pending + group.lag
        if backlog < pressure.block_threshold:
            continue
        why = "publishing is refused: cameras drop frames, recordings wait" if backlog >= pressure.max_pending else "it is nearly full"
        more = f"more workers for its queue: celery -A genesis worker -Q {group.queue}" if group.queue else "somebody who serves it"
        yield Finding(
            "error" if backlog >= pressure.max_pending else "warning", ABOUT, "backlog",
            f"{name} has {backlog} unsettled entries of {pressure.max_pending}",
            f"This group does not keep up, and {why}.", f"{more}; or fewer frames (cameras[].fps), or a faster detector",
        )  # fmt: skip


def _old(status: Status, settings: Settings, cli: str) -> Iterator[Finding]:
    for name, group in _groups(status):
        if group.oldest_pending is None or group.oldest_pending <= OLD_LEASES * settings.delivery.lease_seconds:
            continue
        yield Finding(
            "warning", ABOUT, "pending", f"{name} has an entry that is pending for {group.oldest_pending:.0f} s",
            f"That is more than {OLD_LEASES} leases (delivery.lease_seconds {settings.delivery.lease_seconds:g}): whoever has it does not "
            "get on, or waits for something outside.",
            f"{cli} XPENDING {name.rpartition(' ')[2]} {group.group} - + 10 names who has it; then look into that worker's log",
        )  # fmt: skip


def _letters(status: Status) -> Iterator[Finding]:
    there = {stream.stream.removeprefix(f"{status.prefix}:"): stream.dead_letters for stream in status.streams if stream.dead_letters}
    if there:
        yield Finding(
            "warning", ABOUT, "dead-letters", f"{sum(there.values())} dead letters: {', '.join(f'{n} {c}' for n, c in there.items())}",
            "Each is an event that a handler gave up. They are kept until somebody replays or drops them.",
            "genesis dlq stats; mend the cause; genesis dlq replay",
        )  # fmt: skip
