"""In whose hands an entry is, and for how long that is believed without a sign of life.

An entry that is not settled stays in its group's pending list. Whoever has it touches it from time to
time; one that nobody has touched for `delivery.lease_seconds` is taken over and dispatched again.
All of it is by the server's clock.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import redis

from genesis.bus.consumers import ran
from genesis.connections import script
from genesis.logs import bound

if TYPE_CHECKING:
    from genesis.bus.ledger import Delivery, Ledger

logger = logging.getLogger(__name__)

PACKAGE = "genesis.bus"
MOST = 200  # entries in one step: more would hold up the server
FRESH_SECONDS = 1.0  # for which an entry that a bridge has read can't be in anybody else's hands; no more than a share of a lease
FRESH_SHARE = 0.25


@dataclass(frozen=True, slots=True)
class Pending:
    """An unsettled entry, in whose hands it is, for how many milliseconds untouched, and how often it was delivered."""

    entry: str
    consumer: str
    idle_ms: int
    deliveries: int


@dataclass(frozen=True, slots=True)
class Reclaimed:
    """An entry that was taken over.

    Attributes:
        entry: its id.
        deliveries: how often it was given to a worker.
        death: what is known of the end of the worker that ran it last.
        fields: its fields; None when it had been deleted from the stream, so that an event is lost.
        failed: how many runs of it have failed.
    """

    entry: str
    deliveries: int
    death: str
    fields: dict[bytes, bytes] | None
    failed: int = 0


class Leases:
    """The verbs that give entries from hand to hand; each may be done twice.

    All of them raise `ServerUnavailableError` when Redis was away for longer than `redis.give_up_seconds`.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._lease = script(ledger.client, PACKAGE, "lease")
        self._fail = script(ledger.client, PACKAGE, "fail")
        self._reclaim = script(ledger.client, PACKAGE, "reclaim")
        self.lease_ms = int(ledger.settings.delivery.lease_seconds * 1000)
        self.fresh_ms = int(min(FRESH_SECONDS, FRESH_SHARE * ledger.settings.delivery.lease_seconds) * 1000)

    def begin(self, delivery: Delivery, worker: str, *, again: bool = False, patient: bool = True) -> bool:
        """Take an entry into a worker's hands to run it; False if it is settled, or another run of it has a lease.

        Args:
            delivery: the entry.
            worker: consumer that stands for the worker.
            again: this run follows one that has ended, though that may not have been noted.
            patient: whether to wait for a Redis that is away.
        """
        return bool(self._do("again" if again else "begin", worker, [delivery], patient=patient, repeated="again"))

    def begin_all(self, deliveries: Sequence[Delivery], worker: str) -> frozenset[str]:
        """Take entries of one group into a worker's hands to run them; return the ids of those that may be run, as by `begin`."""
        return frozenset(self._do("begin", worker, deliveries, repeated="again"))

    def fresh(self, read_ms: int) -> bool:
        """Tell whether an entry can't be in anybody else's hands yet, so that a worker need not ask before it runs it.

        Nobody takes over what was read from the stream less than twice as long ago.

        Args:
            read_ms: when its bridge read it, or some time before, by the ledger's clock; 0: not known.
        """
        try:
            return read_ms > 0 and self._ledger.clock.now_ms() - read_ms < self.fresh_ms
        except redis.RedisError:
            return False

    def note(self, worker: str, deliveries: Sequence[Delivery]) -> None:
        """Note that a worker runs entries that it did not ask for; what is no longer in a bridge's hands is left as it is.

        It is tried once.
        """
        self._do("note", worker, deliveries, patient=False)

    def renew(self, worker: str, deliveries: Sequence[Delivery], *, patient: bool = True) -> int:
        """Say that a worker still has entries, running or waiting for their turn; return how many are still unsettled."""
        return len(self._do("renew", worker, deliveries, patient=patient))

    def wait(self, delivery: Delivery, worker: str, *, patient: bool = True) -> bool:
        """End a run that another one is to follow, without counting a failure.

        Args:
            delivery: the entry.
            worker: consumer that stands for the worker.
            patient: whether to wait for a Redis that is away.
        """
        return bool(self._do("wait", worker, [delivery], patient=patient))

    def give_back(self, worker: str, deliveries: Sequence[Delivery]) -> int:
        """Give back what a worker that ends has not done, to be dispatched again at once; no delivery is counted."""
        return len(self._do("back", worker, deliveries))

    def died(self, delivery: Delivery, worker: str, how: str, *, unasked: bool = False) -> bool:
        """Note how the child that ran an entry died; the entry is dispatched again at once, as one more delivery.

        Args:
            delivery: the entry.
            worker: consumer that stands for the worker.
            how: it died.
            unasked: the child may have run it without asking, and died before that was noted.
        """
        return bool(self._do("fell" if unasked else "died", worker, [delivery], how))

    def fail(self, delivery: Delivery, worker: str, max_retries: int) -> int:
        """Note that a run failed; return how many have, this one included.

        Returns:
            0 when the entry is no longer pending, or another worker runs it.
        """
        keys = [delivery.stream, self._ledger.keys.attempts(delivery.stream), self._ledger.keys.counts]
        args = [delivery.group, delivery.entry, worker, str(max_retries)]
        return int(self._ledger.call(lambda: self._fail(keys=keys, args=args), gone=0))

    def pending(self, stream: str, group: str, *, idle_ms: int = 0, consumer: str | None = None, after: str = "-") -> list[Pending]:
        """Return entries that nobody has touched for so long, oldest first, at most `MOST` of them.

        Args:
            stream: key of the stream.
            group: of it.
            idle_ms: milliseconds.
            consumer: in these hands only.
            after: the last entry of the page before.
        """
        first = after if after == "-" else f"({after}"
        answer: Any = self._ledger.call(
            lambda: self._ledger.client.xpending_range(
                stream, group, min=first, max="+", count=MOST, consumername=consumer, idle=idle_ms or None
            ),
            gone=[],
        )
        return [
            Pending(row["message_id"].decode(), row["consumer"].decode(), row["time_since_delivered"], row["times_delivered"])
            for row in answer
        ]

    def running(self, stream: str, group: str) -> list[Pending]:
        """Return the entries that workers are handling now, as far as is known: those whose leases have not run out."""
        consumers: Any = self._ledger.call(lambda: self._ledger.client.xinfo_consumers(stream, group), gone=[])
        workers = [row["name"].decode() for row in consumers if row["pending"] and ran(row["name"].decode())]
        rows = [row for worker in workers for row in self.pending(stream, group, consumer=worker)]
        return [row for row in rows if row.idle_ms < self.lease_ms]

    def reclaim(self, stream: str, group: str, bridge: str, entries: Sequence[str], *, idle_ms: int, owner: str = "") -> list[Reclaimed]:
        """Take over entries that are still untouched for so long; what somebody else took first is left out.

        Args:
            stream: key of the stream.
            group: of it.
            bridge: consumer that stands for the bridge that takes them.
            entries: their ids.
            idle_ms: milliseconds; 0 takes over whatever is pending.
            owner: only from the hands of this consumer; empty: from whoever's.
        """
        keys = [stream, self._ledger.keys.attempts(stream), self._ledger.keys.counts]
        taken: list[Reclaimed] = []
        for start in range(0, len(entries), MOST):
            args = [group, bridge, str(idle_ms), owner, *entries[start : start + MOST]]
            answer: Any = self._ledger.call(lambda args=args: self._reclaim(keys=keys, args=args), gone=[])
            for entry, deliveries, death, flat, failed in answer:
                fields = dict(zip(flat[::2], flat[1::2], strict=True)) if flat else None
                taken.append(Reclaimed(entry.decode(), int(deliveries), death.decode("utf-8", "replace"), fields, int(failed)))
        for row in taken:
            if row.fields is None:
                tell_lost(stream, group, row.entry)
        return [row for row in taken if row.fields is not None]

    def _do(
        self, verb: str, worker: str, deliveries: Sequence[Delivery], text: str = "", *, patient: bool = True, repeated: str = ""
    ) -> list[str]:
        """Do it for entries of any streams and groups; return those that it was done with.

        Args:
            verb: of `lease.lua`.
            worker: consumer that stands for the worker.
            deliveries: the entries.
            text: for `died`.
            patient: whether to wait for a Redis that is away.
            repeated: what to do instead when the answer was lost, and with it whether it was done.
        """
        together: dict[tuple[str, str], list[str]] = {}
        for delivery in deliveries:
            together.setdefault((delivery.stream, delivery.group), []).append(delivery.entry)
        did: list[str] = []
        for (stream, group), entries in together.items():
            keys = [stream, self._ledger.keys.attempts(stream), self._ledger.keys.counts]
            for start in range(0, len(entries), MOST):
                args = [verb, group, worker, str(self.lease_ms), text, *entries[start : start + MOST]]

                def act(keys: list[str] = keys, args: list[str] = args) -> Any:
                    now = [*args]
                    args[0] = repeated or verb
                    return self._lease(keys=keys, args=now)

                done, lost = self._ledger.call(act, gone=[[], []], patient=patient)
                did += [entry.decode() for entry in done]
                for entry in lost:
                    tell_lost(stream, group, entry.decode())
        return did


def tell_lost(stream: str, group: str, entry: str) -> None:
    """Say that an entry is gone which its group had not settled."""
    with bound(stream=stream.rpartition(":")[2], group=group, entry=entry):
        logger.error("entry %s of %s was deleted before %s had settled it: an event is lost", entry, stream, group)
