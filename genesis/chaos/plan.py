"""What goes wrong, when, and for how long: a schedule made from a seed and from nothing else."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from genesis.errors import UsageError


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of fault.

    Attributes:
        name: as `--only` takes it.
        told: in words, for the table.
        seconds: how long it lasts, from and to.
        leases: and how many leases beside.
        pause: seconds before what was ended is started again, from and to.
        targets: how many processes it may choose from.
    """

    name: str
    told: str
    seconds: tuple[float, float] = (0.0, 0.0)
    leases: tuple[float, float] = (0.0, 0.0)
    pause: tuple[float, float] = (0.1, 1.0)
    targets: int = 1


PAST_LEASE = (1.2, 1.6)

KINDS: tuple[Kind, ...] = (
    Kind("kill-bridge", "kill -9 of a bridge", targets=2),
    Kind("kill-worker", "kill -9 of a worker's parent", targets=2),
    Kind("kill-child", "kill -9 of a worker's child", targets=4),
    Kind("kill-publisher", "kill -9 of the publisher"),
    Kind("kill-ledger", "kill -9 of the ledger", pause=(0.1, 4.0)),
    Kind("kill-volatile", "kill -9 of the volatile server: queues and frames are gone", pause=(0.1, 3.0)),
    Kind("freeze-bridge", "SIGSTOP of a bridge for longer than the lease", leases=PAST_LEASE, targets=2),
    Kind("freeze-worker", "SIGSTOP of a whole worker for longer than the lease", leases=PAST_LEASE, targets=2),
    Kind("freeze-child", "SIGSTOP of a worker's child for longer than the lease", leases=PAST_LEASE, targets=4),
    Kind("freeze-ledger", "SIGSTOP of the ledger", seconds=(1.0, 4.0)),
    Kind("freeze-volatile", "SIGSTOP of the volatile server", seconds=(1.0, 4.0)),
    Kind("disconnect-ledger", "CLIENT KILL of everyone on the ledger"),
    Kind("disconnect-volatile", "CLIENT KILL of everyone on the volatile server"),
    Kind("stall-ledger", "the network to the ledger stalls", seconds=(1.0, 4.0)),
    Kind("stall-volatile", "the network to the volatile server stalls", seconds=(1.0, 4.0)),
    Kind("reset-ledger", "the network to the ledger resets all connections, old and new", seconds=(0.3, 2.0)),
    Kind("reset-volatile", "the network to the volatile server resets all connections, old and new", seconds=(0.3, 2.0)),
    Kind("delay-ledger", "the network to the ledger takes 50 ms each way", seconds=(1.0, 3.0)),
    Kind("lose-answers", "the ledger does what it is asked, and its answers are lost", seconds=(0.3, 1.5)),
    Kind("busy-ledger", "BUSY: a long script on the ledger", seconds=(1.0, 3.0)),
    Kind("full-ledger", "maxmemory of the ledger reached", seconds=(2.0, 2.0)),
    Kind("full-volatile", "maxmemory of the volatile server reached", seconds=(2.0, 2.0)),
    Kind("rewrite-and-kill", "kill -9 of the ledger while it rewrites its file"),
    Kind("full-disk", "the ledger's file can't grow (file limit): the ledger ends", pause=(0.2, 1.0)),
    Kind("lose-queues", "FLUSHDB of Celery's queues"),
    Kind("clock-forward", "the clock of a process jumps forward an hour, and back", seconds=(1.0, 3.0), targets=5),
    Kind("clock-back", "the clock of a process jumps back an hour, and forward", seconds=(1.0, 3.0), targets=5),
    Kind("restart-workers", "SIGTERM: rolling restart of all workers"),
    Kind("restart-bridge", "SIGTERM: restart of a bridge", targets=2),
)

POLITE = frozenset({"restart-workers", "restart-bridge"})
"""Kinds of faults that interrupt nothing: no run may be repeated because of them."""

LONGEST_CHAIN = 4  # faults that overlap before everything must be done again


@dataclass(frozen=True, slots=True)
class Step:
    """One fault of a schedule.

    Attributes:
        number: from 1.
        kind: its kind's name.
        target: which of the processes of its kind, from 0.
        seconds: how long it lasts.
        pause: seconds before what was ended is started again.
        calm: seconds between the step before and this one.
        overlaps: the next step does not wait until this one is over.
    """

    number: int
    kind: str
    target: int
    seconds: float
    pause: float
    calm: float
    overlaps: bool


def chosen(names: Sequence[str]) -> tuple[Kind, ...]:
    """Return the kinds of these names; all of them for no name.

    Raises:
        UsageError: there is no such kind.
    """
    known = {kind.name: kind for kind in KINDS}
    unknown = [name for name in names if name not in known]
    if unknown:
        msg = f"no fault {unknown[0]!r} (faults: {', '.join(known)})"
        raise UsageError(msg)
    return tuple(kind for kind in KINDS if not names or kind.name in names)


def schedule(seed: int, count: int, kinds: Sequence[Kind], *, lease: float, overlap: float) -> list[Step]:
    """Return `count` faults, every kind as often as every other, in an order that the seed decides.

    Args:
        seed: the same one gives the same schedule.
        count: of faults.
        kinds: to choose from.
        lease: `delivery.lease_seconds`.
        overlap: share of faults after which the next one comes at once.
    """
    chance = random.Random(f"{seed}")  # noqa: S311 - repeatable, not secret
    steps: list[Step] = []
    bag: list[Kind] = []
    chain = 0
    for number in range(1, count + 1):
        if not bag:
            bag = list(kinds)
            chance.shuffle(bag)
        kind = bag.pop()
        overlaps = chance.random() < overlap and chain < LONGEST_CHAIN - 1 and number < count
        chain = chain + 1 if overlaps else 0
        steps.append(
            Step(
                number=number,
                kind=kind.name,
                target=chance.randrange(kind.targets),
                seconds=round(chance.uniform(*kind.seconds) + lease * chance.uniform(*kind.leases), 3),
                pause=round(chance.uniform(*kind.pause), 3),
                calm=round(chance.uniform(0.1, 0.8), 3),
                overlaps=overlaps,
            )
        )
    return steps
