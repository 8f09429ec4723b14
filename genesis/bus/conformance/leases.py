"""Leases: one worker at a time has an entry, and one that shows no sign of life loses it."""

from __future__ import annotations

from genesis.bus.conformance.case import Bench, case, expect_equal
from genesis.bus.conformance.line import Line, frame, persons

LEASE_MS = 30_000
ONE, TWO = "worker-one", "worker-two"


@case()
def attempts_stay_with_the_entry(bench: Bench) -> None:
    """Failed runs are counted with the entry, whoever runs it next, until it is settled."""
    line = Line(bench)
    line.ledger.publish([frame()])
    delivery, counted = line.taken(), []
    for worker in (ONE, TWO):
        line.ledger.leases.begin(delivery, worker)
        counted.append(line.ledger.leases.fail(delivery, worker, 3))

    line.ledger.settle(delivery)
    counted.append(line.ledger.leases.fail(delivery, TWO, 3))

    left = line.client.hlen(line.ledger.keys.attempts(line.frames))
    expect_equal((counted, left), ([1, 2, 0], 0), "failed runs, and what is left of them")


@case()
def one_worker_runs_an_entry(bench: Bench) -> None:
    """One worker at a time may run an entry, and nobody one that is settled."""
    line = Line(bench)
    line.ledger.publish([frame()])
    delivery, leases = line.taken(), line.ledger.leases

    begun = [leases.begin(delivery, ONE), leases.begin(delivery, TWO)]
    hands = line.hands(delivery)
    line.ledger.settle(delivery)
    begun.append(leases.begin(delivery, TWO))

    expect_equal((begun, hands), ([True, False, False], (ONE, 1)), "who may run it, and whose it is")


@case()
def a_lease_that_is_renewed_is_not_taken(bench: Bench) -> None:
    """An entry whose lease has run out is taken over and counted as delivered once more; a renewed one stays where it is."""
    line = Line(bench)
    line.ledger.publish([frame(0), frame(1)])
    kept, left = line.taken(), line.taken()
    leases = line.ledger.leases
    for delivery in (kept, left):
        leases.begin(delivery, ONE)
        line.client.xclaim(line.frames, "first", ONE, 0, [delivery.entry], idle=2 * LEASE_MS, justid=True)

    renewed = leases.renew(ONE, [kept])
    idle = [row.entry for row in leases.pending(line.frames, "first", idle_ms=LEASE_MS)]
    taken = leases.reclaim(line.frames, "first", "bridge-two", [kept.entry, left.entry], idle_ms=LEASE_MS)

    expect_equal((renewed, idle), (1, [left.entry]), "renewed, and without a lease")
    expect_equal([(row.entry, row.deliveries) for row in taken], [(left.entry, 2)], "what was taken over, and its deliveries")
    expect_equal((line.hands(kept), line.hands(left)), ((ONE, 1), ("bridge-two", 2)), "whose they are")


@case()
def what_is_given_back_is_not_counted(bench: Bench) -> None:
    """What a worker gives back can be taken over at once, and is not counted as a delivery."""
    line = Line(bench)
    line.ledger.publish([frame()])
    delivery, leases = line.taken(), line.ledger.leases
    leases.begin(delivery, ONE)

    given = leases.give_back(ONE, [delivery])
    taken = leases.reclaim(line.frames, "first", "bridge-two", [delivery.entry], idle_ms=LEASE_MS)

    expect_equal((given, [row.deliveries for row in taken]), (1, [1]), "given back, and deliveries when it was taken over")


@case()
def a_late_worker_settles_nothing_twice(bench: Bench) -> None:
    """A worker that wakes up after its lease is over can't renew it, and of two runs one takes effect."""
    line = Line(bench)
    line.ledger.publish([frame()])
    delivery, leases = line.taken(), line.ledger.leases
    leases.begin(delivery, ONE)
    line.client.xclaim(line.frames, "first", ONE, 0, [delivery.entry], idle=2 * LEASE_MS, justid=True)
    leases.reclaim(line.frames, "first", "bridge-two", [delivery.entry], idle_ms=LEASE_MS)
    leases.begin(delivery, TWO)

    late = (leases.renew(ONE, [delivery]), leases.fail(delivery, ONE, 3))
    done = [line.ledger.settle(delivery, [persons()]).done for _ in (TWO, ONE)]

    expect_equal(late, (0, 0), "what the late worker could renew and count")
    expect_equal((done, line.client.xlen(line.persons)), ([True, False], 1), "effect and outputs")


@case()
def a_wait_counts_nothing(bench: Bench) -> None:
    """A run that another one is to follow counts neither as a failure nor as a delivery, and the next may be another worker's."""
    line = Line(bench)
    line.ledger.publish([frame()])
    delivery, leases = line.taken(), line.ledger.leases
    leases.begin(delivery, ONE)

    waited = leases.wait(delivery, ONE)
    hands = line.hands(delivery)
    begun = leases.begin(delivery, TWO)
    failed = leases.fail(delivery, TWO, 3)

    expect_equal((waited, hands, begun, failed), (True, ("waiting", 1), True, 1), "waited, whose it was, begun again, failures")


@case()
def a_death_is_kept_with_the_entry(bench: Bench) -> None:
    """An entry whose worker died can be taken over at once, counts as delivered once more, and tells how it died."""
    line = Line(bench)
    line.ledger.publish([frame()])
    delivery, leases = line.taken(), line.ledger.leases
    leases.begin(delivery, ONE)

    noted = leases.died(delivery, ONE, "signal 11")
    taken = leases.reclaim(line.frames, "first", "bridge-two", [delivery.entry], idle_ms=LEASE_MS)

    expect_equal((noted, [(row.deliveries, row.death) for row in taken]), (True, [(2, "signal 11")]), "noted; deliveries and death")
